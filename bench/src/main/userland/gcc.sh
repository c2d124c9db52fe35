# SPDX-License-Identifier: Apache-2.0
# The sources of the guests of this repository.
prepare() { cp /jobs/*.c /jobs/*.h /tmp/ && cd /tmp; }
work() {
    for f in runtime engines keyed float floatloops; do
        gcc -O2 -ffreestanding -fno-asynchronous-unwind-tables -c $f.c -o /tmp/$f.o && cat /tmp/$f.o || return
    done
}
