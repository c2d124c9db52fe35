#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Kernels that were not written for us, fetched as Debian packages by name into the user's cache: each must come as far as
# the text says that is looked for. Ends with a table; exit code 0 if every guest came that far.
# Needs apt and a network once.
#
#   bench/guests-campaign.sh [GUEST...]    default: all
#
#   xen          Xen 4.17 (multiboot), which builds Linux's domain and starts it
#   memtest      memtest86+ (32-bit bzImage) tests its memory
#   i386         Debian's kernel for 32-bit processors without PAE, to a shell of 32-bit programs
#   i386-pae     the same with PAE
#   compile      Linux on 8 vCPUs; on each a C compiler builds itself a program, and runs it, again and again
#
# FAULTLINE: another program than the checkout's. TIMEOUT: seconds for each guest (default 900).
set -uo pipefail

top=$(cd "$(dirname "$0")/.." && pwd -P)
program=${FAULTLINE:-$top/faultline}
timeout=${TIMEOUT:-900}
cache=${FAULTLINE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/faultline}/campaign
work=$(mktemp -d)
trap '[ -n "${KEEP:-}" ] || rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
mkdir -p "$cache" || exit 4

fail() {
    echo "guests-campaign: $*" >&2
    return 1
}

# apt of its own for an architecture, so that nothing of the host's is changed.
apt_for() {
    local dir=$cache/apt-$1
    if [ ! -e "$dir/apt.conf" ]; then
        mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
        : >"$dir/status"
        cat >"$dir/apt.conf" <<CONF
APT::Architecture "$1";
APT::Architectures { "$1"; };
Dir::State::Lists "$dir/lists";
Dir::State::status "$dir/status";
Dir::Cache "$dir/cache";
APT::Sandbox::User "";
CONF
    fi
    export APT_CONFIG=$dir/apt.conf
    if [ ! -e "$dir/updated" ]; then
        # Some indices may be missing; what is needed is asked for below.
        apt-get -q update >&2
        touch "$dir/updated"
    fi
}

# Unpacks packages: unpack ARCHITECTURE PACKAGE...; prints the folder.
unpack() {
    local arch=$1 dir=$cache/unpacked-$1 name
    shift
    for name; do
        [ -e "$dir/.$name" ] && continue
        (
            apt_for "$arch"
            mkdir -p "$dir" "$work/deb" && cd "$work/deb" && rm -f ./*.deb &&
                apt-get -q download "$name" >&2 && dpkg-deb -x ./*.deb "$dir" && touch "$dir/.$name"
        ) || fail "cannot fetch package $name of $arch" || return 1
    done
    echo "$dir"
}

# The newest package that a meta package depends on.
depends() {
    (
        apt_for "$1"
        apt-cache show "$2" | sed -n 's/^Depends: \(linux-image-[^ ,]*\).*/\1/p' | head -n 1
    )
}

run() { "$program" run "$@" --timeout "$timeout" </dev/null; }

guest_xen() {
    local xen
    xen=$(unpack amd64 xen-hypervisor-4.17-amd64) || return
    gunzip -c "$(ls "$xen"/boot/xen-*.gz | head -n 1)" >"$work/xen" || return
    "$program" demo --linux --fetch-only >"$work/files" || return
    run "$work/xen" --append "com1=115200,8n1 console=com1 loglvl=all noreboot dom0_mem=256M" --memory 1G \
        --initrd "$(sed -n 1p "$work/files")" --initrd "$(sed -n 2p "$work/files")" \
        --stop-when "Xen is relinquishing VGA console"
}

guest_memtest() {
    local dir
    dir=$(unpack amd64 memtest86+) || return
    run "$(ls "$dir"/boot/memtest86+*.bin | head -n 1)" --append "console=ttyS0,115200" --memory 64M --stop-when "Moving inversions, 8 bit"
}

linux_i386() {
    local image dir
    image=$(depends i386 "$1")
    [ -n "$image" ] || fail "apt knows no package $1 of i386" || return
    dir=$(unpack i386 "$image" busybox-static) || return
    # A cache of its own: the user's initramfs is of 64-bit programs.
    FAULTLINE_CACHE=$work/cache FAULTLINE_AOT=off "$program" demo --linux --fetch-only --kernel "$dir/boot/vmlinuz-${image#linux-image-}" \
        --busybox "$dir/bin/busybox" >"$work/files" || return
    # The marker is written in two parts, so that the echo of what is typed does not contain it.
    run "$(sed -n 1p "$work/files")" --initrd "$(sed -n 2p "$work/files")" --memory 256M --vcpus 2 \
        --append "console=ttyS0 panic=-1 rdinit=/init" \
        --input-when 'faultline# =uname -m; grep -c ^processor /proc/cpuinfo; seq 1 20000 | gzip -c | gunzip -c | sha256sum; echo "<e""nd>"\n' \
        --stop-when '<end>' | tee "$work/out"
    [ "${PIPESTATUS[0]}" -eq 0 ] && grep -q "^i686" "$work/out" &&
        grep -q "$(seq 1 20000 | sha256sum | cut -d ' ' -f 1)" "$work/out"
}

guest_i386() { linux_i386 linux-image-686; }
guest_i386_pae() { linux_i386 linux-image-686-pae; }

guest_compile() {
    local dir busybox n=8
    dir=$(unpack amd64 tcc libtcc-dev libc6 libc6-dev linux-libc-dev busybox-static) || return
    "$program" demo --linux --fetch-only >"$work/files" || return
    busybox=$dir/bin/busybox
    cat >"$dir/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /tmp /dev
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t devtmpfs devtmpfs /dev
/bin/busybox mount -t tmpfs tmpfs /tmp
/bin/busybox --install -s /bin
export PATH=/bin:/usr/bin
cat >/tmp/p.c <<'C'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
int main(int argc, char **argv) {
    unsigned long n = atol(argv[1]), a = 0, b = 1, i;
    char text[64];
    for (i = 0; i < n; i++) { unsigned long c = a + b; a = b; b = c; }
    sprintf(text, "%lu", a);
    puts(text);
    return strlen(text) == 19 ? 0 : 1;
}
C
work() {
    for i in 1 2 3 4 5 6; do
        tcc -o /tmp/p.$1 /tmp/p.c && [ "$(/tmp/p.$1 90)" = 2880067194370816120 ] && echo "<built $1 $i>" || echo "<FAILED $1 $i>"
    done
}
for n in $(seq 1 $(nproc)); do work $n & done
wait
echo "processors=$(nproc) <end>"
poweroff -f
INIT
    chmod 755 "$dir/init"
    (cd "$dir" && { echo usr && find init bin lib* usr/bin usr/include usr/lib; } | LC_ALL=C sort | "$busybox" cpio -o -H newc 2>/dev/null) >"$work/initrd"
    run "$(sed -n 1p "$work/files")" --initrd "$work/initrd" --memory 512M --vcpus $n \
        --append "console=ttyS0 quiet panic=-1 rdinit=/init nowatchdog rcupdate.rcu_cpu_stall_suppress=1" | tee "$work/out"
    [ "${PIPESTATUS[0]}" -eq 0 ] && grep -q "processors=$n <end>" "$work/out" && ! grep -q '<FAILED' "$work/out" &&
        [ "$(grep -c '<built' "$work/out")" -eq $((n * 6)) ]
}

[ $# -gt 0 ] || set -- xen memtest i386 i386-pae compile
bad=0
for guest; do
    name=${guest//-/_}
    if ! declare -F "guest_$name" >/dev/null; then
        echo "guests-campaign: unknown guest $guest; there is xen, memtest, i386, i386-pae, compile" >&2
        exit 2
    fi
    echo "== $guest" >&2
    start=$SECONDS
    if "guest_$name" >"$work/$guest.log" 2>"$work/$guest.err"; then said=ok; else said=FAILED bad=1; fi
    printf '%-10s %-7s %5d s  %s\n' "$guest" "$said" $((SECONDS - start)) \
        "$(tr -d '\r' <"$work/$guest.log" | grep -v '^ *$' | tail -n 1 | cut -c 1-80)" | tee -a "$work/table"
    [ $said = ok ] || tail -n 5 "$work/$guest.err" >&2
done
echo
cat "$work/table"
exit $bad
