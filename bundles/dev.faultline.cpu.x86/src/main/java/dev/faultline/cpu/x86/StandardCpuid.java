// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86;

import dev.faultline.api.cpu.CpuidPolicy;
import dev.faultline.api.cpu.VcpuContext;
import java.nio.charset.StandardCharsets;

/**
 * What the CPU of every engine of ours is: exactly what the semantics implement. SDM 2A, "CPUID-CPU
 * Identification".
 *
 * <p>It reports family 6, model 0x36: the in-order Atom that systems know not to speculate. That is
 * what an interpreter is, and it keeps kernels from paying for mitigations that have nothing to
 * mitigate.
 */
public final class StandardCpuid implements CpuidPolicy {
    /** Width of guest-physical addresses; the machine's memory must have the same. */
    public static final int PHYSICAL_BITS = 46;

    /** IA32_MISC_ENABLE: fast strings; BTS and PEBS unavailable. */
    public static final long MISC_ENABLE = 1 | 1 << 11 | 1 << 12;

    /** Its bits that writes do not change. */
    public static final long MISC_ENABLE_FIXED = 1 << 11 | 1 << 12;

    private static final int LAST_LEAF = 0x16;
    private static final int LAST_HYPERVISOR = 0x4000_0000;
    private static final int LAST_EXTENDED = 0x8000_0008;

    private static final String VENDOR = "GenuineIntel";
    private static final String HYPERVISOR = "FaultlineVM\0";
    private static final String BRAND = "Faultline x86-64 CPU";

    /** Stepping 1, model 0x36, family 6. */
    private static final int SIGNATURE = 0x0003_0661;

    private static final int LEAF1_ECX =
            1 // SSE3
                    | 1 << 9 // SSSE3
                    | 1 << 13 // CMPXCHG16B
                    | 1 << 19 // SSE4.1
                    | 1 << 20 // SSE4.2
                    | 1 << 22 // MOVBE
                    | 1 << 23 // POPCNT
                    | 1 << 24 // TSC deadline timer
                    | 1 << 31; // hypervisor present

    private static final int LEAF1_EDX =
            1 // FPU
                    | 1 << 2 // DE
                    | 1 << 3 // PSE
                    | 1 << 4 // TSC
                    | 1 << 5 // MSR
                    | 1 << 6 // PAE
                    | 1 << 7 // MCE
                    | 1 << 8 // CX8
                    | 1 << 9 // APIC
                    | 1 << 11 // SEP
                    | 1 << 12 // MTRR
                    | 1 << 13 // PGE
                    | 1 << 14 // MCA
                    | 1 << 15 // CMOV
                    | 1 << 16 // PAT
                    | 1 << 17 // PSE-36
                    | 1 << 19 // CLFLUSH
                    | 1 << 23 // MMX
                    | 1 << 24 // FXSR
                    | 1 << 25 // SSE
                    | 1 << 26; // SSE2

    private static final int LEAF7_EBX =
            1 // FSGSBASE
                    | 1 << 1 // TSC_ADJUST
                    | 1 << 7 // SMEP
                    | 1 << 19 // ADX
                    | 1 << 20; // SMAP

    private static final int LEAF7_ECX = 1 << 2; // UMIP
    private static final int LEAF7_EDX = 1 << 29; // IA32_ARCH_CAPABILITIES

    private static final int EXT1_ECX = 1 | 1 << 5; // LAHF in 64-bit mode, LZCNT

    private static final int EXT1_EDX =
            1 << 11 // SYSCALL
                    | 1 << 20 // NX
                    | 1 << 26 // 1 GiB pages
                    | 1 << 27 // RDTSCP
                    | 1 << 29; // IA-32e mode

    private static final int CRYSTAL_HZ = 1_000_000_000;

    @Override
    public void query(VcpuContext v, int leaf, int subleaf, int[] out) {
        int l = leaf;
        boolean extended = Integer.compareUnsigned(l, 0x8000_0000) >= 0;
        boolean hypervisor = l >>> 28 == 4;
        int last = extended ? LAST_EXTENDED : hypervisor ? LAST_HYPERVISOR : LAST_LEAF;
        if (Integer.compareUnsigned(l, last) > 0) {
            // SDM: leaves beyond the last answer as the last basic leaf.
            l = LAST_LEAF;
            extended = false;
            hypervisor = false;
        }
        set(out, 0, 0, 0, 0);
        if (extended) {
            extended(l & 0xFFFF, v, out);
        } else if (hypervisor) {
            set(
                    out,
                    LAST_HYPERVISOR,
                    word(HYPERVISOR, 0),
                    word(HYPERVISOR, 4),
                    word(HYPERVISOR, 8));
        } else {
            basic(l, subleaf, v, out);
        }
    }

    private static void basic(int leaf, int subleaf, VcpuContext v, int[] out) {
        switch (leaf) {
            case 0 -> set(out, LAST_LEAF, word(VENDOR, 0), word(VENDOR, 8), word(VENDOR, 4));
            case 1 -> set(out, SIGNATURE, v.index << 24 | 1 << 16 | 8 << 8, LEAF1_ECX, leaf1Edx(v));
            // Leaf 4 describes the caches.
            case 2 -> set(out, 0x00FF_FF01, 0, 0, 0);
            case 4 -> caches(subleaf, out);
            case 6 -> set(out, 1 << 2, 0, 0, 0); // the APIC timer always runs
            case 7 -> {
                if (subleaf == 0) {
                    set(out, 0, LEAF7_EBX, LEAF7_ECX, LEAF7_EDX);
                }
            }
            case 0xB -> topology(subleaf, v, out);
            case 0x15 -> {
                long hz = v.clock.tscHz();
                long g = gcd(hz, CRYSTAL_HZ);
                set(out, (int) (CRYSTAL_HZ / g), (int) (hz / g), CRYSTAL_HZ, 0);
            }
            case 0x16 -> {
                int mhz = (int) (v.clock.tscHz() / 1_000_000);
                set(out, mhz, mhz, 100, 0);
            }
            default -> {
                // Reserved, or a feature we do not have: zeros.
            }
        }
    }

    private static int leaf1Edx(VcpuContext v) {
        boolean apic = v.interrupts == null || (v.interrupts.apicBase() & 1 << 11) != 0;
        return apic ? LEAF1_EDX : LEAF1_EDX & ~(1 << 9);
    }

    /** 32 KiB L1 data and code, 1 MiB L2, each 8 ways of 64-byte lines. */
    private static void caches(int subleaf, int[] out) {
        int geometry = 7 << 22 | 63;
        switch (subleaf) {
            case 0 -> set(out, 1 | 1 << 5 | 1 << 8, geometry, 63, 0);
            case 1 -> set(out, 2 | 1 << 5 | 1 << 8, geometry, 63, 0);
            case 2 -> set(out, 3 | 2 << 5 | 1 << 8, geometry, 2047, 0);
            default -> {
                // No more caches.
            }
        }
    }

    /** Every vCPU is a package of one core of one thread. */
    private static void topology(int subleaf, VcpuContext v, int[] out) {
        if (subleaf <= 1) {
            set(out, 0, 1, subleaf + 1 << 8 | subleaf, v.index);
        } else {
            set(out, 0, 0, subleaf & 0xFF, v.index);
        }
    }

    private static void extended(int leaf, VcpuContext v, int[] out) {
        switch (leaf) {
            case 0 -> set(out, LAST_EXTENDED, 0, 0, 0);
            case 1 -> {
                boolean syscall = v.codeBits == 64;
                set(out, 0, 0, EXT1_ECX, syscall ? EXT1_EDX : EXT1_EDX & ~(1 << 11));
            }
            case 2, 3, 4 -> {
                int at = (leaf - 2) * 16;
                set(
                        out,
                        word(BRAND, at),
                        word(BRAND, at + 4),
                        word(BRAND, at + 8),
                        word(BRAND, at + 12));
            }
            case 6 -> set(out, 0, 0, 1024 << 16 | 6 << 12 | 64, 0); // L2: 1 MiB, 8 ways
            case 7 -> set(out, 0, 0, 0, 1 << 8); // the TSC never changes its rate
            case 8 -> set(out, 48 << 8 | PHYSICAL_BITS, 0, 0, 0);
            default -> {
                // Reserved.
            }
        }
    }

    private static void set(int[] out, int eax, int ebx, int ecx, int edx) {
        out[0] = eax;
        out[1] = ebx;
        out[2] = ecx;
        out[3] = edx;
    }

    /** Four characters, zero beyond the end. */
    private static int word(String s, int at) {
        byte[] b = s.getBytes(StandardCharsets.US_ASCII);
        int x = 0;
        for (int i = 0; i < 4; i++) {
            x |= (at + i < b.length ? b[at + i] & 0xFF : 0) << 8 * i;
        }
        return x;
    }

    private static long gcd(long a, long b) {
        return b == 0 ? a : gcd(b, a % b);
    }
}
