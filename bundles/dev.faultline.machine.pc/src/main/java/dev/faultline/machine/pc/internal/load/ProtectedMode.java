// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.load;

import dev.faultline.api.cpu.Segments;
import dev.faultline.api.engine.VcpuContext;

/** Entry states that boot protocols ask for, set on a vCPU in its reset state. */
final class ProtectedMode {
    /** Execute/read, accessed, DPL 0, 4 GiB. */
    static final int CODE32 = 0xB | Segments.S | Segments.P | Segments.DB | Segments.G;

    static final int CODE64 = 0xB | Segments.S | Segments.P | Segments.L | Segments.G;

    /** Read/write, accessed, DPL 0, 4 GiB. */
    static final int DATA = 0x3 | Segments.S | Segments.P | Segments.DB | Segments.G;

    private static final int TSS_BUSY = 0xB | Segments.P;
    private static final int LIMIT_4G = -1;

    private ProtectedMode() {}

    /** Flat 32-bit protected mode with paging and interrupts off; selectors 0x08 and 0x10. */
    static void flat32(VcpuContext v) {
        v.cr0 = v.cr0 & ~(long) (VcpuContext.CR0_CD | VcpuContext.CR0_NW) | VcpuContext.CR0_PE;
        segment(v, Segments.CS, 0x08, CODE32);
        data(v, 0x10);
        v.setFlags(2);
    }

    /** 64-bit mode with paging as {@code cr3} says; no IDT. */
    static void long64(VcpuContext v, long cr3, int codeSelector, int dataSelector) {
        v.cr3 = cr3;
        v.cr4 |= VcpuContext.CR4_PAE;
        v.efer |= VcpuContext.EFER_LME | VcpuContext.EFER_LMA;
        v.cr0 =
                v.cr0 & ~(long) (VcpuContext.CR0_CD | VcpuContext.CR0_NW)
                        | VcpuContext.CR0_PE
                        | Integer.toUnsignedLong(VcpuContext.CR0_PG);
        segment(v, Segments.CS, codeSelector, CODE64);
        data(v, dataSelector);
        v.segSel[Segments.TR] = 0;
        v.segBase[Segments.TR] = 0;
        v.segLimit[Segments.TR] = 0xFFFF;
        v.segAttr[Segments.TR] = TSS_BUSY;
        v.setFlags(2);
    }

    private static void data(VcpuContext v, int selector) {
        for (int s = Segments.ES; s <= Segments.GS; s++) {
            if (s != Segments.CS) {
                segment(v, s, selector, DATA);
            }
        }
    }

    private static void segment(VcpuContext v, int s, int selector, int attributes) {
        v.segSel[s] = selector;
        v.segBase[s] = 0;
        v.segLimit[s] = LIMIT_4G;
        v.segAttr[s] = attributes;
    }
}
