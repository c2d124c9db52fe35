// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.state;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.faultline.api.cpu.Segments;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.testkit.cpu.StoppedClock;
import org.junit.jupiter.api.Test;

/** The answers that guests rely on, and the state that RESET leaves. */
class StandardCpuidTest {
    private static int[] query(VcpuContext v, int leaf, int subleaf) {
        int[] out = new int[4];
        new StandardCpuid().query(v, leaf, subleaf, out);
        return out;
    }

    private static VcpuContext vcpu() {
        VcpuContext v = new VcpuContext(3);
        v.reset(new StandardCpuid());
        return v;
    }

    @Test
    void vendorAndHypervisorSpellTheirNames() {
        int[] a = query(vcpu(), 0, 0);
        assertEquals("GenuineIntel", text(a[1], a[3], a[2]));
        int[] h = query(vcpu(), 0x4000_0000, 0);
        assertEquals("FaultlineVM\0", text(h[1], h[2], h[3]));
    }

    private static String text(int... words) {
        StringBuilder s = new StringBuilder();
        for (int w : words) {
            for (int i = 0; i < 32; i += 8) {
                s.append((char) (w >>> i & 0xFF));
            }
        }
        return s.toString();
    }

    @Test
    void nothingUnimplementedIsClaimed() {
        int[] one = query(vcpu(), 1, 0);
        // MONITOR, VMX, FMA, PCID, x2APIC, AES, XSAVE, OSXSAVE, AVX, F16C, RDRAND
        assertEquals(
                0,
                one[2] & (1 << 3 | 1 << 5 | 1 << 12 | 1 << 17 | 1 << 21 | 1 << 25 | 0x7C00_0000));
        // VME, HTT
        assertEquals(0, one[3] & (1 << 1 | 1 << 28));
        int[] seven = query(vcpu(), 7, 0);
        // BMI1, HLE, AVX2, BMI2, INVPCID, RTM, RDSEED
        assertEquals(
                0, seven[1] & (1 << 3 | 1 << 4 | 1 << 5 | 1 << 8 | 1 << 10 | 1 << 11 | 1 << 18));
    }

    /** The bits by number, not by our names. SDM 2A, "CPUID", tables of feature information. */
    @Test
    void whatIsImplementedIsClaimed() {
        VcpuContext v = vcpu();
        v.codeBits = 64;
        int[] one = query(v, 1, 0);
        assertEquals(0x81D8_2203, one[2]);
        assertEquals(0x078B_FBFD, one[3]);
        int[] seven = query(v, 7, 0);
        assertEquals(2, seven[0]); // last subleaf
        assertEquals(0x0018_0283, seven[1]); // FSGSBASE TSC_ADJUST SMEP ERMS ADX SMAP
        assertEquals(0x0040_0004, seven[2]); // UMIP RDPID
        assertEquals(0x2400_0010, seven[3]); // FSRM SPEC_CTRL ARCH_CAPABILITIES
        assertArrayEquals(new int[] {0xC00, 0, 0, 0}, query(v, 7, 1)); // FZRM FSRS
        assertArrayEquals(new int[] {0, 0, 0, 0x10}, query(v, 7, 2)); // BHI_CTRL
        assertArrayEquals(new int[4], query(v, 7, 3));
        int[] extended = query(v, 0x8000_0001, 0);
        assertEquals(0x121, extended[2]); // LAHF LZCNT PREFETCHW
        assertEquals(0x2C10_0800, extended[3]); // LM RDTSCP 1 GiB pages NX SYSCALL
    }

    @Test
    void modelIsOneThatLibrariesCopyWithRepMovsbOn() {
        int eax = query(vcpu(), 1, 0)[0];
        int family = eax >>> 8 & 0xF;
        int model = eax >>> 12 & 0xF0 | eax >>> 4 & 0xF;
        assertEquals(6, family);
        assertEquals(0x5C, model);
        // and until a size of the order of the largest cache
        int[] cache = query(vcpu(), 4, 3);
        long size = ((cache[1] >>> 22) + 1L) * ((cache[1] & 0xFFF) + 1) * (cache[2] + 1L);
        assertEquals(3 << 5 | 3, cache[0] & 0xFF);
        assertEquals(64 << 20, size);
        assertEquals(0, query(vcpu(), 4, 4)[0] & 0x1F);
    }

    @Test
    void apicIdIsTheIndex() {
        assertEquals(3, query(vcpu(), 1, 0)[1] >>> 24);
        assertEquals(3, query(vcpu(), 0xB, 0)[3]);
    }

    @Test
    void leavesBeyondTheLastAnswerAsTheLast() {
        VcpuContext v = vcpu();
        v.clock = new StoppedClock(0, 2_000_000_000L, 0);
        assertArrayEquals(query(v, 0x16, 0), query(v, 0x1234, 0));
        assertArrayEquals(query(v, 0x16, 0), query(v, 0x8000_1234, 0));
        assertEquals(2000, query(v, 0x16, 0)[0]);
    }

    @Test
    void tscFrequencyFollowsTheClock() {
        VcpuContext v = vcpu();
        v.clock = new StoppedClock(0, 2_000_000_000L, 0);
        int[] a = query(v, 0x15, 0);
        assertEquals(2_000_000_000L, (a[2] & 0xFFFF_FFFFL) * a[1] / a[0]);
    }

    @Test
    void syscallIsClaimedOnlyIn64BitMode() {
        VcpuContext v = vcpu();
        assertEquals(0, query(v, 0x8000_0001, 0)[3] & 1 << 11);
        v.codeBits = 64;
        assertEquals(1 << 11, query(v, 0x8000_0001, 0)[3] & 1 << 11);
    }

    @Test
    void resetState() {
        VcpuContext v = vcpu();
        assertEquals(0xFFF0, v.rip);
        assertEquals(0xFFFF_0000L, v.segBase[Segments.CS]);
        assertEquals(0xF000, v.segSel[Segments.CS]);
        assertEquals(0x6000_0010L, v.cr0);
        assertEquals(2, v.getFlags());
        assertEquals(0x5_06C9, v.gpr[2]);
        assertEquals(0x400, v.dr[7]);
        assertEquals(0xFFFF_0FF0L, v.dr[6]);
        assertEquals(0x1F80, v.mxcsr);
        assertEquals(0x40, v.fcw);
        assertEquals(16, v.codeBits);
        assertEquals(0, v.cpl);
    }
}
