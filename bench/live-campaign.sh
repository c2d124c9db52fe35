#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A Linux guest works (many small files, gzip, sha256sum over 64 MiB in tmpfs) while it is saved live again and again, each
# snapshot incremental to the one before. Then every snapshot is restored lazily: the guest must finish the round of work
# that it was in with the right sums, and files made before the first snapshot must have the sums they had then.
# Needs apt and a network once; from then on kernel and programs are cached.
#
#   bench/live-campaign.sh [SNAPSHOTS]    default 50; 20 to 60 seconds each
#
# BIG=N: N MiB instead of 64. MEMORY=512M. KEEP=DIR: put the snapshots there, and leave them. RUN_OPTIONS, RESTORE_OPTIONS.
set -eu

top=$(cd "$(dirname "$0")/.." && pwd -P)
program=${FAULTLINE:-$top/faultline}
count=${1:-50}
big=${BIG:-64}
memory=${MEMORY:-512M}
if [ -n "${KEEP:-}" ]; then
    work=$KEEP
    mkdir -p "$work"
else
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT INT TERM
fi

if [ -n "${KERNEL:-}" ]; then
    kernel=$KERNEL
    initrd=$INITRD
else
    "$program" demo --linux --fetch-only >"$work/files"
    kernel=$(sed -n 1p "$work/files")
    initrd=$(sed -n 2p "$work/files")
fi

# Markers are written in two parts, so that the echo of what is typed does not contain them.
files='mkdir /tmp/set /tmp/w; for i in $(seq 1 50); do dd if=/dev/urandom of=/tmp/set/$i bs=997 count=$i; done 2>/dev/null; sha256sum /tmp/set/* >/tmp/sums; dd if=/dev/urandom of=/tmp/mib bs=1M count=1 2>/dev/null; for i in $(seq 1 '$big'); do cat /tmp/mib; echo $i; done >/tmp/big; sha256sum /tmp/big >/tmp/bigsum; set -- $(sha256sum /tmp/sums); echo "<fi""les $1>"\n'
load='load() { while :; do rm -f /tmp/w/*; for i in $(seq 1 40); do seq $i 300 | awk "{ print \"int f\" \$1 \"(int x) { return x * $i; }\" }" >/tmp/w/$i.c; done; cat /tmp/w/*.c >/tmp/w/all; gzip -c /tmp/w/all | gunzip -c | cmp - /tmp/w/all || echo "<ba""d gzip>"; sha256sum /tmp/big | cmp - /tmp/bigsum || echo "<ba""d sum>"; echo "<ro""und>"; done; }; load &\n'
# In the background, so that the shell answers in a restored machine, too.
tick='(for i in $(seq 1 '$((count * 4 + 30))'); do echo "<sa""ve>"; sleep 1; done; echo "<al""l>") &\n'
ask='sha256sum -c /tmp/sums | grep -c OK$; set -- $(sha256sum /tmp/sums); echo "<an""swer $1>"; dmesg | grep -iE "bug:|oops|segfault|corrupt"; echo "<e""nd>"\n'

echo "saving $count times while the guest works"
# shellcheck disable=SC2086
"$program" run "$kernel" --initrd "$initrd" --memory "$memory" --append 'console=ttyS0 quiet panic=-1 rdinit=/init' \
    --input-when "faultline# =$files" --input-when "<files =$load" --input-when "# =$tick" \
    --snapshot-when '<save>' --snapshot-to "$work/s" --snapshot-live --snapshot-incremental --snapshot-count "$count" \
    --stop-when '<all>' --timeout $((600 + count * 60)) --json "$work/run.json" ${RUN_OPTIONS:-} \
    </dev/null >"$work/out" 2>"$work/err" || {
    tail -n 5 "$work/out" "$work/err" >&2
    exit 1
}
tr -d '\r' <"$work/out" >"$work/text"
sum=$(sed -n 's/^<files \([0-9a-f]*\)>.*/\1/p' "$work/text" | head -n 1)
grep 'faultline: saved' "$work/err" | tr '\r' '\n' | sed -n 's/.*saved [^ ]*\//  /p'
saved=$(find "$work/s" -mindepth 2 -maxdepth 2 -name manifest | wc -l)
rounds=$(grep -c '^<round>' "$work/text" || :)
if [ "$saved" -ne "$count" ] || [ "$rounds" -eq 0 ] || [ -z "$sum" ] || grep '^<bad' "$work/text"; then
    echo "saved $saved of $count; $rounds rounds of work" >&2
    exit 1
fi
echo "$saved snapshots, $(du -sh "$work/s" | cut -f 1); the guest did $rounds rounds of work meanwhile, none wrong"

bad=0
number=1
while [ "$number" -le "$count" ]; do
    dir=$work/s/$(printf '%04d' "$number")
    # shellcheck disable=SC2086
    "$program" restore "$dir" --mode lazy --input-when "<round>=$ask" --stop-when '<end>' --timeout 600 \
        --json "$work/restore.json" ${RESTORE_OPTIONS:-} </dev/null 2>"$work/err" | tr -d '\r' >"$work/text" || :
    if grep -q "^<answer $sum>" "$work/text" && grep -q '^50$' "$work/text" && grep -q '^<end>' "$work/text" &&
        ! sed -n '/^<answer/,/^<end>/p' "$work/text" | grep -iE 'bug:|oops|segfault|corrupt' &&
        ! grep '^<bad' "$work/text"; then
        echo "snapshot $number: the same answers, $(sed -n 's/.*"pagesLoaded" *: *\([0-9]*\).*/\1/p' "$work/restore.json" | head -n 1) pages loaded"
    else
        echo "snapshot $number: DIFFERENT"
        tail -n 20 "$work/text" "$work/err"
        bad=$((bad + 1))
    fi
    number=$((number + 1))
done
echo "$count live snapshots: $bad wrong"
[ "$bad" -eq 0 ]
