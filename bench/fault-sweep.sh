#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The fault sweep: every instruction, with each of its accesses stopped by RAM protection. See docs/howto/fault-sweep.md.
#   fault-sweep.sh [--cases N] [--seed S] [--mnemonic M] [--mode MODE] [--show N] [--what single|programs|all] [--program KIND]
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/bench/class-path.sh"
class_path fault-sweep cpu.interpreter memory mmu protection fault.coded fault.thrown cpu.x86
exec "$jdk/bin/java" --enable-native-access=ALL-UNNAMED -XX:+UseSerialGC \
    -cp "$path" dev.faultline.cpu.interpreter.sweep.FaultSweep "$@"
