#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Boots Debian's kernel with pages closed at random, for many seeds and both fault styles, and compares the answers of a
# short script with those of a run without protection. Needs apt and a network once; from then on the files are cached.
#
#   bench/linux-campaign.sh [SEEDS]    default 20; about a minute for a seed and style
set -eu

top=$(cd "$(dirname "$0")/.." && pwd -P)
program=${FAULTLINE:-$top/faultline}
seeds=${1:-20}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

"$program" demo --linux --fetch-only >"$work/files"
kernel=$(sed -n 1p "$work/files")
initrd=$(sed -n 2p "$work/files")
script='uname -sm; echo faultline | sha256sum; dd if=/dev/zero bs=64k count=8 2>/dev/null >/tmp/a; sha256sum </tmp/a; gzip -c /tmp/a | gunzip -c | cmp - /tmp/a && echo same; awk "BEGIN { for (i = 1; i <= 500; i++) s += 1 / i / i; print s }"; echo "<e""nd>"\n'

# The answers, without the echo of the script, to standard output.
run() {
    "$program" run "$kernel" --initrd "$initrd" --memory 128M \
        --append 'console=ttyS0 quiet panic=-1 rdinit=/init' \
        --protect "$1" --fault-style "$2" --input-when "faultline# =$script" --stop-when '<end>' \
        --timeout 900 --json "$work/run.json" </dev/null 2>"$work/err" |
        tr -d '\r' | awk '/^Linux x86_64/ { on = 1 } /^<end>/ { on = 0 } on'
}

run none coded >"$work/expected"
grep -q same "$work/expected" || {
    echo "the run without protection failed:" >&2
    cat "$work/err" "$work/expected" >&2
    exit 1
}
bad=0
seed=1
while [ "$seed" -le "$seeds" ]; do
    for style in thrown coded; do
        run "random:$seed" "$style" >"$work/actual" || :
        faults=$(sed -n 's/.*"total" *: *\([0-9]*\).*/\1/p' "$work/run.json" 2>/dev/null | head -n 1)
        if cmp -s "$work/expected" "$work/actual"; then
            echo "seed $seed $style: same answers, ${faults:-?} faults"
        else
            echo "seed $seed $style: DIFFERENT"
            diff "$work/expected" "$work/actual" || :
            cat "$work/err"
            bad=$((bad + 1))
        fi
    done
    seed=$((seed + 1))
done
echo "$seeds seeds, both styles: $bad different"
[ "$bad" -eq 0 ]
