// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.transfer;

import dev.faultline.api.engine.VcpuContext;

/**
 * Which EFLAGS bits POPF and IRET may change. SDM 2B, "POPF/POPFD/POPFQ", table "Effect of
 * POPF/POPFD on the EFLAGS Register"; SDM 2A, "IRET".
 */
public final class FlagImages {
    /** Bits of every width and privilege. */
    static final int ALWAYS =
            VcpuContext.STATUS_FLAGS | VcpuContext.TF | VcpuContext.DF | VcpuContext.NT;

    /** Bits of IRETD and IRETQ besides. */
    static final int WIDE = VcpuContext.RF | VcpuContext.AC | VcpuContext.ID;

    private static final int ARMED = 0xFF;

    private FlagImages() {}

    /** Protected mode, by CPL and IOPL. */
    static int iretMask(VcpuContext v, int size) {
        int mask = ALWAYS | (size >= 4 ? WIDE : 0) | interruptFlag(v);
        if (v.cpl == 0) {
            mask |= VcpuContext.IOPL | (size >= 4 ? VcpuContext.VIF | VcpuContext.VIP : 0);
        }
        return mask;
    }

    /** Any mode; in V86 mode the caller has checked IOPL. RF is cleared, not loaded. */
    public static int popfMask(VcpuContext v, int size) {
        int mask = ALWAYS | (size >= 4 ? VcpuContext.AC | VcpuContext.ID : 0) | interruptFlag(v);
        return v.cpl == 0 ? mask | VcpuContext.IOPL : mask;
    }

    private static int interruptFlag(VcpuContext v) {
        return v.cpl <= (v.eflags & VcpuContext.IOPL) >> 12 ? VcpuContext.IF : 0;
    }

    /**
     * Loads the bits of {@code mask} from {@code image}. RF stays clear while no breakpoint is
     * armed: it could only matter to the next instruction. The caller recomputes if AC or VM may
     * have changed.
     */
    public static void set(VcpuContext v, int image, int mask) {
        int now = v.getFlags() & ~mask | image & mask;
        if ((v.dr[7] & ARMED) == 0) {
            now &= ~VcpuContext.RF;
        }
        v.setFlags(now);
    }
}
