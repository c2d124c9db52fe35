#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Compiles guest programs together with the runtime that lies beside this script.
# usage: link-guest.sh OUT.elf SOURCE...
# The result depends on the sources and the versions of gcc and binutils only. A source whose name
# starts with "float" may use SSE2 and x87; all other code is restricted to general registers, so
# that interrupts need not save more.
set -eu
[ $# -ge 2 ] || { echo "usage: $0 OUT.elf SOURCE..." >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
out=$1
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

common="-std=gnu11 -O2 -Wall -Wextra -Werror -m64 -march=x86-64 -ffreestanding -nostdlib
 -fno-pic -fno-pie -mno-red-zone -mcmodel=small -fno-stack-protector -fcf-protection=none
 -fno-asynchronous-unwind-tables -fno-unwind-tables -fno-ident -fno-tree-loop-distribute-patterns
 -fno-tree-vectorize -ffp-contract=off -fno-common -frandom-seed=guest -I$here"

objects=
for source in "$here/boot.S" "$here/runtime.c" "$@"; do
    name=$(basename "$source")
    case $name in
    float*) registers= ;;
    *) registers=-mgeneral-regs-only ;;
    esac
    # shellcheck disable=SC2086
    gcc $common $registers -c -o "$work/$name.o" "$source"
    objects="$objects $work/$name.o"
done
# shellcheck disable=SC2086
ld -m elf_x86_64 -n -static --build-id=none -z noexecstack -T "$here/guest.ld" \
    -o "$work/guest64.elf" $objects
# Multiboot version 1 loaders take 32-bit ELF files only.
objcopy -S -I elf64-x86-64 -O elf32-i386 "$work/guest64.elf" "$work/guest.elf"
chmod 644 "$work/guest.elf"
mkdir -p "$(dirname "$out")"
mv "$work/guest.elf" "$out"
