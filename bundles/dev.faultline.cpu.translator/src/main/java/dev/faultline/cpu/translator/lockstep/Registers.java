// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.translator.lockstep;

import dev.faultline.api.cpu.VcpuState;
import dev.faultline.api.engine.VcpuContext;

/** The registers that generated code may change, at one time. */
final class Registers {
    private static final String[] NAMES = {
        "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12",
        "r13", "r14", "r15"
    };

    private final long[] gpr = new long[NAMES.length];
    private final long[] xmm = new long[32];
    private long flagRes;
    private long flagAux;
    private int eflags;
    private int mxcsr;
    private int allFlags;
    private long rip;

    /**
     * @param at the instruction that follows
     */
    void take(VcpuContext v, long at) {
        System.arraycopy(v.gpr, 0, gpr, 0, gpr.length);
        System.arraycopy(v.xmm, 0, xmm, 0, xmm.length);
        flagRes = v.flagRes;
        flagAux = v.flagAux;
        eflags = v.eflags;
        mxcsr = v.mxcsr;
        allFlags = v.getFlags();
        rip = at;
    }

    void put(VcpuContext v) {
        System.arraycopy(gpr, 0, v.gpr, 0, gpr.length);
        System.arraycopy(xmm, 0, v.xmm, 0, xmm.length);
        v.flagRes = flagRes;
        v.flagAux = flagAux;
        v.eflags = eflags;
        v.mxcsr = mxcsr;
        v.rip = rip;
    }

    /** Whether the vCPU has them now. */
    boolean areOf(VcpuContext v) {
        for (int i = 0; i < gpr.length; i++) {
            if (gpr[i] != v.gpr[i]) {
                return false;
            }
        }
        for (int i = 0; i < xmm.length; i++) {
            if (xmm[i] != v.xmm[i]) {
                return false;
            }
        }
        return allFlags == v.getFlags() && mxcsr == v.mxcsr && rip == v.rip;
    }

    /**
     * How these differ from those of the vCPU; empty: not at all.
     *
     * @param undefined flags that may differ
     * @param image bits that may differ in all general registers
     */
    String difference(VcpuContext v, int undefined, long image) {
        StringBuilder b = new StringBuilder();
        for (int i = 0; i < gpr.length; i++) {
            if (((gpr[i] ^ v.gpr[i]) & ~image) != 0) {
                add(b, NAMES[i], gpr[i], v.gpr[i]);
            }
        }
        for (int i = 0; i < xmm.length; i++) {
            add(b, "xmm" + i / 2 + (i % 2 == 0 ? " low" : " high"), xmm[i], v.xmm[i]);
        }
        add(b, "rip", rip, v.rip);
        add(b, "flags", allFlags & ~undefined, v.getFlags() & ~undefined);
        add(b, "mxcsr", mxcsr, v.mxcsr);
        return b.toString();
    }

    private static void add(StringBuilder b, String name, long translated, long interpreted) {
        if (translated != interpreted) {
            b.append("%s %x, interpreted %x; ".formatted(name, translated, interpreted));
        }
    }

    @Override
    public String toString() {
        StringBuilder b =
                new StringBuilder("rip %x flags %x mxcsr %x".formatted(rip, allFlags, mxcsr));
        for (int i = 0; i < gpr.length; i++) {
            b.append(" %s %x".formatted(NAMES[i], gpr[i]));
        }
        for (int i = 0; i < xmm.length; i += 2) {
            if ((xmm[i] | xmm[i + 1]) != 0) {
                b.append(" xmm%d %x:%x".formatted(i / 2, xmm[i + 1], xmm[i]));
            }
        }
        return b.toString();
    }

    /**
     * Of EFLAGS, without those that the interpreter clears when it is asked for one instruction.
     */
    static void keepResumeFlag(VcpuContext v, Registers before) {
        v.eflags = v.eflags & ~VcpuState.RF | before.eflags & VcpuState.RF;
    }
}
