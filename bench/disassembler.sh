#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Compares the disassembler with the host's objdump: every line of the instruction table with prefixes and addresses of all kinds, the
# oracle's vectors, the catalogue, and the section .text of a C library and of Linux, if `faultline demo --linux` has fetched one.
# Prints instructions, how many the table has, and how many texts differ. Needs binutils and a build.
#   disassembler.sh [FILE...]        ELF files or bzImages instead
#   disassembler.sh --write LIST     fills in the texts that expected.list is without
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/bench/class-path.sh"
cpu=$root/bundles/dev.faultline.cpu.x86
class_path disassembler cpu.x86
if [ $# -eq 0 ]; then
    set -- --forms --catalogue "$root/docs/instructions"
    for vectors in "$cpu"/src/test/resources/oracle/*.gz; do
        set -- "$@" --vectors "$vectors"
    done
    for libc in /lib/x86_64-linux-gnu/libc.so.6 /lib64/libc.so.6 /usr/lib/libc.so.6; do
        if [ -f "$libc" ]; then
            set -- "$@" "$libc"
            break
        fi
    done
    cache=${FAULTLINE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/faultline}/guests
    kernel=$(find "$cache" -name 'vmlinuz-*' ! -path '*/share/*' 2>/dev/null | head -n 1)
    if [ -n "$kernel" ]; then
        set -- "$@" "$kernel"
    else
        echo "no kernel below $cache: skipped (./faultline demo --linux --fetch-only)"
    fi
fi
exec "$jdk/bin/java" -XX:+UseSerialGC -cp "$path" \
    dev.faultline.cpu.x86.disassembly.ObjdumpCampaign "$@"
