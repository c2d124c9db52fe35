#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The fault sweep: every instruction, with each of its accesses stopped by RAM protection. See docs/howto/fault-sweep.md.
#   fault-sweep.sh [--cases N] [--seed S] [--mnemonic M] [--mode MODE] [--show N] [--what single|programs|all] [--program KIND]
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/distribution/src/main/dist/lib/find-jdk.sh"
jdk=$(find_jdk) || exit 4
tests=$root/bundles/dev.faultline.cpu.interpreter/target/test-classes
if [ ! -d "$tests" ]; then
    echo "fault-sweep: build first: ./faultline test -pl bundles/dev.faultline.cpu.interpreter -am" >&2
    exit 1
fi
path=$tests:$root/testkit/target/classes:$root/isa/target/classes
for bundle in api memory mmu protection fault.coded fault.thrown cpu.x86 cpu.interpreter; do
    path=$path:$root/bundles/dev.faultline.$bundle/target/classes
done
exec "$jdk/bin/java" --enable-native-access=ALL-UNNAMED -XX:+UseSerialGC \
    -cp "$path" dev.faultline.cpu.interpreter.sweep.FaultSweep "$@"
