#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Boots Linux on the translator in lock-step: all that generated code executes is executed again by the interpreter and compared. Ends
# with 1 at the first difference, which it prints, or if a program fails. Minutes; prints what was compared and the CPU seconds.
#   lock-step.sh [--threshold N] [--kernel F --initrd F] [--memory M] [--script TEXT]
#   lock-step.sh [--threshold N] --userland "NAME ..."
# Without a kernel, the one that ./faultline demo --linux has cached. TEXT is what the shell is to do before it powers off. Names are
# of programs that bench/engines measures; userland: all of them.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
dist=$root/distribution/target/faultline/faultline
threshold=4
kernel=
initrd=
memory=128M
script=
userland=
while [ $# -gt 0 ]; do
    case $1 in
        --threshold) threshold=$2 ;;
        --kernel) kernel=$2 ;;
        --initrd) initrd=$2 ;;
        --memory) memory=$2 ;;
        --script) script=$2 ;;
        --userland) userland=$2 ;;
        *) echo "lock-step: unknown option $1" >&2; exit 2 ;;
    esac
    shift 2
done
"$root/faultline" build
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ -z "$kernel" ]; then
    "$root/faultline" demo --linux --fetch-only >"$work/files"
    kernel=$(sed -n 1p "$work/files")
    initrd=${initrd:-$(sed -n 2p "$work/files")}
fi
cp -r "$dist" "$work/faultline"
printf 'lockstep=B"true"\nthreshold=I"%s"\nverify=B"true"\n' "$threshold" >"$work/faultline/etc/dev.faultline.cpu.translator.config"

# guest INITRD MEMORY PROMPT INPUT: until it powers off.
guest() {
    times >"$work/before"
    {
        code=0
        FAULTLINE_AOT=off "$work/faultline/bin/faultline" run "$kernel" ${1:+--initrd "$1"} --engine translator --memory "$2" \
            --no-boot-cache --append "console=ttyS0 quiet panic=-1 rdinit=/init nowatchdog rcupdate.rcu_cpu_stall_suppress=1" \
            --input-when "$3=$4" --stop-when "reboot: Power down" 2>"$work/err" || code=$?
        echo "$code" >"$work/code"
    } | tee "$work/out"
    times >"$work/after"
    cat "$work/err" >&2
    # What children used is the last line of each: 1m2.3s 0m4.5s.
    tail -q -n 1 "$work/before" "$work/after" | tr 'ms' '  ' |
        awk '{ was = is; is = 60 * ($1 + $3) + $2 + $4 } END { printf "lock-step: %.0f s of CPU\n", is - was }' >&2
    grep -q 'lock-step: [0-9]* runs .* as interpreted' "$work/err" && grep -q 'reboot: Power down' "$work/out" &&
        [ "$(cat "$work/code")" -eq 0 ] || exit 1
}

if [ -z "$userland" ]; then
    guest "$initrd" "$memory" 'faultline# ' "$script${script:+; }poweroff -f
"
    exit 0
fi
# shellcheck disable=SC2086 # names
"$root/bench/engines" $userland --engines translator --disks "$work/disks"
for jobs in "$work"/disks/*.jobs; do
    # Behind the last name, the end of the file: then the first process powers off.
    guest "${jobs%.jobs}.cpio" "$(sed -n 1p "$jobs")M" '<ready>' "$(sed 1d "$jobs")
$(printf '\004')"
    for name in $(sed 1d "$jobs"); do
        grep -q "<result $name " "$work/out" || { echo "lock-step: $name has no result" >&2; exit 1; }
    done
done
