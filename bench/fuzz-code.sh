#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Random and mutated code on the translator, every translation verified, compared with the interpreter. In a process of its own,
# so that a crash or a hang is a failure of one case: its seed, bytes and JVM's log are kept, and the campaign goes on.
#   fuzz-code.sh [--cases N] [--seed S] [--threshold N] [--style coded|thrown] [--keep DIR]
#   fuzz-code.sh --trace SEED      what the interpreter executes where the case differs
# Ends with 1 if anything failed. Tells the instructions that generated code executed. After a build.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/bench/class-path.sh"
class_path fuzz-code cpu.interpreter memory mmu protection fault.coded fault.thrown cpu.x86
interpreter=$path
class_path fuzz-code cpu.translator platform.posix platform.unix
case " $* " in
    *" --keep "* | *" --trace "*) ;;
    *) set -- "$@" --keep "$root/bench/target/fuzz-code/found" ;;
esac
exec "$jdk/bin/java" --enable-native-access=ALL-UNNAMED --sun-misc-unsafe-memory-access=allow -XX:+UseSerialGC -Xmx512m \
    -cp "$path:$interpreter" dev.faultline.cpu.translator.hostile.HostileCampaign "$@"
