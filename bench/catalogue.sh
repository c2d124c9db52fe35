#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Has this host's own processor run the vectors of docs/instructions, as they stand there, and prints where it disagrees. What the
# pages call undefined is compared with the interpreter and told, but is no disagreement. Needs a Linux x86-64 host, gcc, a build.
#   catalogue.sh
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/bench/class-path.sh"
class_path catalogue cpu.x86
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# Without a stack protector and a red zone: a signal handler that runs with foreign segment bases.
gcc -O1 -Wall -Wextra -Wno-unused-parameter -fno-stack-protector -mno-red-zone -fcf-protection=none \
    -o "$scratch/catalogue" "$root/bench/catalogue.c"
"$jdk/bin/java" --enable-native-access=ALL-UNNAMED -XX:+UseSerialGC \
    -cp "$path" \
    dev.faultline.cpu.x86.catalogue.HostCheck "$scratch/catalogue" "$root/docs/instructions"
