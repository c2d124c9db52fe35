#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Boots Linux on the translator in lock-step: all that generated code executes is executed again by the interpreter and compared. Ends
# with 1 at the first difference, which it prints. Minutes; prints what was compared.
#   lock-step.sh [--threshold N] [--kernel F --initrd F] [--script TEXT]
# Without a kernel, the one that ./faultline demo --linux has cached. TEXT is what the shell is to do before it powers off.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
dist=$root/distribution/target/faultline/faultline
threshold=4
kernel=
initrd=
script=
while [ $# -gt 0 ]; do
    case $1 in
        --threshold) threshold=$2 ;;
        --kernel) kernel=$2 ;;
        --initrd) initrd=$2 ;;
        --script) script=$2 ;;
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
    initrd=$(sed -n 2p "$work/files")
fi
cp -r "$dist" "$work/faultline"
printf 'lockstep=B"true"\nthreshold=I"%s"\nverify=B"true"\n' "$threshold" >"$work/faultline/etc/dev.faultline.cpu.translator.config"
code=0
FAULTLINE_AOT=off "$work/faultline/bin/faultline" run "$kernel" ${initrd:+--initrd "$initrd"} --engine translator --memory 128M \
    --append "console=ttyS0 quiet panic=-1 rdinit=/init nowatchdog rcupdate.rcu_cpu_stall_suppress=1" \
    --input-when "faultline# =$script${script:+; }poweroff -f\\n" --stop-when "reboot: Power down" 2>"$work/err" || code=$?
cat "$work/err" >&2
grep -q 'lock-step: [0-9]* runs .* as interpreted' "$work/err" || exit 1
[ "$code" -eq 0 ] || exit 1
