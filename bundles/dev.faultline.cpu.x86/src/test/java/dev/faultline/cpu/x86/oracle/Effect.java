// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.oracle;

import dev.faultline.api.engine.VcpuContext;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * A vCPU and its memory, before or after a vector was executed.
 *
 * @param result what {@code execute} returned
 * @param x87 significands, exponents, status and control word, tags
 */
record Effect(
        int result,
        int flags,
        long rip,
        long[] gpr,
        long[] xmm,
        long[] x87,
        int mxcsr,
        byte[] memory) {

    static Effect of(OracleCpu cpu, int result) {
        VcpuContext v = cpu.v;
        long[] x87 = new long[18];
        System.arraycopy(v.fpSig, 0, x87, 0, 8);
        for (int i = 0; i < 8; i++) {
            x87[8 + i] = v.fpExp[i];
        }
        x87[16] = v.fsw | (long) v.fcw << 32;
        x87[17] = v.fpTag;
        byte[] data = cpu.mmu.data.toArray(ValueLayout.JAVA_BYTE);
        byte[] stack = cpu.mmu.stack.toArray(ValueLayout.JAVA_BYTE);
        byte[] memory = Arrays.copyOf(data, data.length + stack.length);
        System.arraycopy(stack, 0, memory, data.length, stack.length);
        return new Effect(
                result, v.getFlags(), v.rip, v.gpr.clone(), v.xmm.clone(), x87, v.mxcsr, memory);
    }

    /** What differs, but for flags; empty if nothing does. */
    String differs(Effect o) {
        StringBuilder s = new StringBuilder();
        String common = common(o);
        s.append(common);
        if (!Arrays.equals(gpr, o.gpr)) {
            s.append(" registers");
        }
        if (!Arrays.equals(xmm, o.xmm)) {
            s.append(" xmm");
        }
        if (!Arrays.equals(x87, o.x87)) {
            s.append(" x87");
        }
        if (mxcsr != o.mxcsr) {
            s.append(" mxcsr");
        }
        return s.toString();
    }

    /** What differs of what no register holds. */
    String common(Effect o) {
        return (result == o.result ? "" : " result")
                + (rip == o.rip ? "" : " rip")
                + (Arrays.equals(memory, o.memory) ? "" : " memory");
    }
}
