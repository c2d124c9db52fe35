#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The fault sweep: every instruction, with each of its accesses stopped by RAM protection. See docs/howto/fault-sweep.md.
#   fault-sweep.sh [--engine interpreter|translator] [--threshold N] [--cases N] [--seed S] [--mnemonic M] [--mode MODE] [--show N]
#       [--what single|programs|all] [--program KIND]
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/bench/class-path.sh"
engine=interpreter
n=$#
while [ "$n" -gt 0 ]; do
    if [ "$1" = --engine ] && [ "$n" -gt 1 ]; then
        engine=$2
        shift 2
        n=$((n - 2))
    else
        set -- "$@" "$1"
        shift
        n=$((n - 1))
    fi
done
class_path fault-sweep cpu.interpreter memory mmu protection fault.coded fault.thrown cpu.x86
main=dev.faultline.cpu.interpreter.sweep.FaultSweep
case $engine in
    interpreter) ;;
    translator)
        interpreter=$path
        class_path fault-sweep cpu.translator platform.posix platform.unix
        path=$path:$interpreter
        main=dev.faultline.cpu.translator.internal.TranslatorSweep
        ;;
    *)
        echo "fault-sweep: --engine $engine: expected interpreter or translator" >&2
        exit 2
        ;;
esac
exec "$jdk/bin/java" --enable-native-access=ALL-UNNAMED -XX:+UseSerialGC -cp "$path" "$main" "$@"
