// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.memory;

import dev.faultline.api.cpu.Segments;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.state.Faults;

/**
 * Segment offsets to linear addresses. SDM 3A, "Protected-Mode Memory Management" and "Limit
 * Checking".
 */
public final class Segmentation {
    private Segmentation() {}

    /**
     * Segment rights and limit outside 64-bit mode, then base + offset.
     *
     * @param ea offset in the segment
     * @param access {@link Mem#R}, {@link Mem#W} or both
     * @return linear address, or -1: the fault was raised
     */
    public static long segmented(VcpuContext v, int seg, long ea, int size, int access) {
        // A 4 GiB segment has no end to run past: the operand wraps.
        if ((v.segFast[seg] & access) == access || allows(v, seg, ea, size, access)) {
            return v.segBase[seg] + ea & 0xFFFF_FFFFL;
        }
        return seg == Segments.SS ? Faults.ss(v, 0) : Faults.gp(v, 0);
    }

    /**
     * Segment offset to linear address in any mode, checked.
     *
     * @return see {@link #failed}
     */
    public static long linear(VcpuContext v, int seg, long ea, int size, int access) {
        return v.codeBits == 64 ? v.effBase[seg] + ea : segmented(v, seg, ea, size, access);
    }

    /** Whether {@link #linear} refused (in 64-bit mode it never does). */
    public static boolean failed(VcpuContext v, long lin) {
        return lin < 0 && v.codeBits != 64;
    }

    /** A linear address outside of 64-bit mode has 32 bits. */
    static long wrap(VcpuContext v, long lin) {
        return v.codeBits == 64 ? lin : lin & 0xFFFF_FFFFL;
    }

    /** Whether a segment's type and limit allow an access; outside of 64-bit mode. */
    static boolean allows(VcpuContext v, int seg, long ea, int size, int access) {
        int a = v.segAttr[seg];
        if ((a & Segments.UNUSABLE) != 0 || (a & Segments.P) == 0) {
            return false;
        }
        boolean code = (a & Segments.TYPE_CODE) != 0;
        boolean rw = (a & Segments.TYPE_RW) != 0;
        if ((access & Mem.W) != 0 && (code || !rw) || (access & Mem.R) != 0 && code && !rw) {
            // Real mode and V86 mode let CS be written: its cached attributes there say data.
            return false;
        }
        long limit = v.segLimit[seg] & 0xFFFF_FFFFL;
        long last = ea + size - 1;
        if (!code && (a & Segments.TYPE_DC) != 0) {
            long top = (a & Segments.DB) != 0 ? 0xFFFF_FFFFL : 0xFFFFL;
            return ea > limit && last <= top;
        }
        return last <= limit;
    }
}
