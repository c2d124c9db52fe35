// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86;

import dev.faultline.api.cpu.Segments;
import dev.faultline.api.cpu.VcpuContext;
import java.util.Arrays;

/**
 * RESET. SDM 3A, "Processor State After Reset", table "IA-32 and Intel 64 Processor States
 * Following Power-up, Reset, or INIT".
 */
public final class VcpuReset {
    /**
     * Present, writable, accessed data, byte-granular: every segment register, CS included (real
     * mode may write through it).
     */
    private static final int DATA =
            Segments.P | Segments.S | Segments.TYPE_RW | Segments.TYPE_ACCESSED;

    private static final int LDT = Segments.P | 2;

    /** A busy 32-bit TSS. */
    private static final int TSS = Segments.P | 0xB;

    /** MTRRs on, default write-back: what firmware would leave, since there is none. */
    private static final long MTRR_DEF_TYPE = 0x806;

    private static final long PAT = 0x0007_0406_0007_0406L;

    private VcpuReset() {}

    /**
     * Sets everything architectural except the time-stamp counter's base, which is the machine's
     * clock. Keeps the wiring; sets {@code v.cpuid}.
     */
    public static void reset(VcpuContext v) {
        Arrays.fill(v.gpr, 0);
        int[] signature = new int[4];
        v.cpuid = new StandardCpuid();
        v.cpuid.query(v, 1, 0, signature);
        v.gpr[2] = signature[0] & 0xFFFF_FFFFL;
        v.rip = 0xFFF0;
        v.setFlags(2);
        segments(v);
        v.cr0 = 0x6000_0010L;
        v.cr2 = 0;
        v.cr3 = 0;
        v.cr4 = 0;
        v.efer = 0;
        v.xcr0 = 1;
        Arrays.fill(v.pdpte, 0);
        Arrays.fill(v.dr, 0);
        v.dr[6] = 0xFFFF_0FF0L;
        v.dr[7] = 0x400;
        modelSpecific(v);
        floatingPoint(v);
        v.activity = VcpuContext.RUNNING;
        v.interruptShadow = false;
        v.debugShadow = false;
        v.nmiBlocked = false;
        v.pendingVector = -1;
        v.injectedVector = -1;
        v.pendingDebug = 0;
        v.shutdownReason = null;
        v.staged = null;
        v.instructions = 0;
        v.recompute();
        v.flushTranslations();
    }

    private static void segments(VcpuContext v) {
        Arrays.fill(v.segSel, 0);
        Arrays.fill(v.segBase, 0);
        Arrays.fill(v.segLimit, 0xFFFF);
        Arrays.fill(v.segAttr, DATA);
        v.segSel[Segments.CS] = 0xF000;
        v.segBase[Segments.CS] = 0xFFFF_0000L;
        v.segAttr[Segments.LDTR] = LDT;
        v.segAttr[Segments.TR] = TSS;
        v.gdtBase = 0;
        v.gdtLimit = 0xFFFF;
        v.idtBase = 0;
        v.idtLimit = 0xFFFF;
    }

    private static void modelSpecific(VcpuContext v) {
        v.star = 0;
        v.lstar = 0;
        v.cstar = 0;
        v.fmask = 0;
        v.kernelGsBase = 0;
        v.sysenterCs = 0;
        v.sysenterEsp = 0;
        v.sysenterEip = 0;
        v.pat = PAT;
        v.tscAux = 0;
        v.tscOffset = 0;
        v.miscEnable = StandardCpuid.MISC_ENABLE;
        v.mtrrDefType = MTRR_DEF_TYPE;
        Arrays.fill(v.mtrrFixed, 0x0606_0606_0606_0606L);
        Arrays.fill(v.mtrrVariable, 0);
        v.specCtrl = 0;
    }

    private static void floatingPoint(VcpuContext v) {
        Arrays.fill(v.fpSig, 0);
        Arrays.fill(v.fpExp, 0);
        // After RESET the registers are valid zeros, tag word 5555H.
        v.fpTag = 0xFF;
        v.fcw = 0x40;
        v.fsw = 0;
        v.fop = 0;
        v.fip = 0;
        v.fdp = 0;
        v.fcs = 0;
        v.fds = 0;
        Arrays.fill(v.xmm, 0);
        v.mxcsr = 0x1F80;
    }
}
