// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.branch;

import dev.faultline.api.cpu.Segments;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.op.Decoded;
import dev.faultline.cpu.x86.op.Op;
import dev.faultline.cpu.x86.state.Faults;

/**
 * A near transfer to a relative target (SDM 1, "Control Transfer Instructions"). Targets are
 * checked before anything changes.
 */
abstract class NearOp extends Op {
    /** Target as an offset from {@code v.engineBase}, before truncation to {@link #mask}. */
    private final long to;

    /** Of the instruction pointer at this operand size. */
    private final long mask;

    private final boolean wide;

    /** Offset of the next instruction from {@code v.engineBase}. */
    private final int end;

    NearOp(Decoded d) {
        end = d.end;
        to = d.end + (long) (int) d.imm;
        wide = d.codeBits == 64;
        mask = pointerMask(d);
    }

    static long pointerMask(Decoded d) {
        return d.operandSize == 8 ? -1L : d.operandSize == 4 ? 0xFFFF_FFFFL : 0xFFFFL;
    }

    final long target(VcpuContext v) {
        return v.engineBase + to & mask;
    }

    final int jump(VcpuContext v) {
        long target = v.engineBase + to & mask;
        if (wide ? VcpuContext.canonical(target) : withinLimit(v, target)) {
            v.rip = target;
            return JUMP;
        }
        return Faults.gp(v, 0);
    }

    final int fallThrough(VcpuContext v) {
        v.rip = nextRip(v);
        return JUMP;
    }

    /** rip of the following instruction. */
    final long nextRip(VcpuContext v) {
        return v.engineBase + end & v.ripMask;
    }

    /** Whether a near transfer to {@code target} may happen. */
    static boolean allowed(VcpuContext v, long target) {
        return v.codeBits == 64 ? VcpuContext.canonical(target) : withinLimit(v, target);
    }

    private static boolean withinLimit(VcpuContext v, long target) {
        return target <= (v.segLimit[Segments.CS] & 0xFFFF_FFFFL);
    }
}
