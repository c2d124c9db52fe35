// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.state;

import dev.faultline.api.cpu.VcpuState;
import dev.faultline.api.engine.CpuidPolicy;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.isa.CpuFeature;
import dev.faultline.cpu.x86.isa.CpuFeature.Register;
import java.nio.charset.StandardCharsets;

/**
 * What the CPU of every engine of ours is: exactly what the semantics implement, {@link
 * CpuFeature}. SDM 2A, "CPUID-CPU Identification".
 *
 * <p>It reports family 6, model 0x5C (Goldmont), because of what systems make of it:
 *
 * <ul>
 *   <li>It is a real processor with most of what we have: MOVBE, CRC32, SMAP, and no AVX. What it
 *       lacks (ADX, RDPID) CPUID tells, as of any feature.
 *   <li>glibc copies and fills by REP MOVSB and REP STOSB (ERMS) on models that it knows to be
 *       quick with unaligned data; Goldmont is one. Models it does not know, without AVX, and older
 *       Atoms copy by SSSE3 loops. A repetition is one instruction here and copies host memory at
 *       once; a loop pays for every instruction of every turn.
 *   <li>Its REP MOVSB ends where glibc thinks that caches end, and then come non-temporal loops: so
 *       we say that there is a large third-level cache. We have none to be filled.
 *   <li>Linux thinks that it speculates. With what IA32_ARCH_CAPABILITIES says, enhanced IBRS and
 *       BHI_DIS_S are left: one write to IA32_SPEC_CTRL at boot, no return trampolines for indirect
 *       calls, no loops at every system call. Its TSC is taken for reliable, without a watchdog.
 * </ul>
 */
public final class StandardCpuid implements CpuidPolicy {
    /** Width of guest-physical addresses; the machine's memory must have the same. */
    public static final int PHYSICAL_BITS = 46;

    /** Bits of IA32_MISC_ENABLE that writes do not change. */
    public static final long MISC_ENABLE_FIXED =
            VcpuState.MISC_BTS_UNAVAILABLE | VcpuState.MISC_PEBS_UNAVAILABLE;

    private static final int LAST_LEAF = 0x16;
    private static final int LAST_HYPERVISOR = 0x4000_0000;
    private static final int LAST_EXTENDED = 0x8000_0008;

    private static final String VENDOR = "GenuineIntel";
    private static final String HYPERVISOR = "FaultlineVM\0";
    private static final String BRAND = "Faultline x86-64 CPU";

    /** Stepping 9, model 0x5C, family 6. */
    static final int SIGNATURE = 0x0005_06C9;

    private static final int LEAF1_ECX = CpuFeature.claimed(Register.LEAF1_ECX);
    private static final int LEAF1_EDX = CpuFeature.claimed(Register.LEAF1_EDX);
    private static final int LEAF7_EBX = CpuFeature.claimed(Register.LEAF7_EBX);
    private static final int LEAF7_ECX = CpuFeature.claimed(Register.LEAF7_ECX);
    private static final int LEAF7_EDX = CpuFeature.claimed(Register.LEAF7_EDX);
    private static final int LEAF7_1_EAX = CpuFeature.claimed(Register.LEAF7_1_EAX);
    private static final int LEAF7_2_EDX = CpuFeature.claimed(Register.LEAF7_2_EDX);
    private static final int EXT1_ECX = CpuFeature.claimed(Register.EXTENDED1_ECX);
    private static final int EXT1_EDX = CpuFeature.claimed(Register.EXTENDED1_EDX);

    /** Bits that depend on the state of the vCPU. */
    private static final int APIC = 1 << CpuFeature.APIC.bit;

    private static final int SYSCALL = 1 << CpuFeature.SYSCALL.bit;

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
                    set(out, 2, LEAF7_EBX, LEAF7_ECX, LEAF7_EDX);
                } else if (subleaf == 1) {
                    set(out, LEAF7_1_EAX, 0, 0, 0);
                } else if (subleaf == 2) {
                    set(out, 0, 0, 0, LEAF7_2_EDX);
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
        return apic ? LEAF1_EDX : LEAF1_EDX & ~APIC;
    }

    /**
     * 32 KiB L1 data and code, 1 MiB L2, each 8 ways of 64-byte lines, and 64 MiB L3 of 16 ways.
     */
    private static void caches(int subleaf, int[] out) {
        int geometry = 7 << 22 | 63;
        switch (subleaf) {
            case 0 -> set(out, 1 | 1 << 5 | 1 << 8, geometry, 63, 0);
            case 1 -> set(out, 2 | 1 << 5 | 1 << 8, geometry, 63, 0);
            case 2 -> set(out, 3 | 2 << 5 | 1 << 8, geometry, 2047, 0);
            case 3 -> set(out, 3 | 3 << 5 | 1 << 8, 15 << 22 | 63, 65535, 0);
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
                set(out, 0, 0, EXT1_ECX, syscall ? EXT1_EDX : EXT1_EDX & ~SYSCALL);
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
