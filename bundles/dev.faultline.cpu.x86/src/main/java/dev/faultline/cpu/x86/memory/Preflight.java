// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.memory;

import dev.faultline.api.address.Page;
import dev.faultline.api.cpu.Segments;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.fault.PendingFault;
import dev.faultline.api.mmu.Mmu;
import dev.faultline.cpu.x86.debug.Debug;

/**
 * For instructions that, as hardware, leave something behind when a guest exception stops them
 * half-way (PUSHA, ENTER, MMX stores, REP by ECX): whether RAM protection would stop one of their
 * accesses. Asked for every access in order before the first one is done, so that a stopped access
 * leaves nothing behind.
 */
public final class Preflight {
    /** The access can be done. */
    public static final int OPEN = 0;

    /** The access raises a guest exception: what follows it does not happen, so ask no further. */
    public static final int RAISES = 1;

    /** Protection stops the access: it is recorded, not raised. Raise it. */
    public static final int STOPPED = -1;

    private static final int INDEX = VcpuContext.TLB_ENTRIES - 1;

    private Preflight() {}

    /**
     * Tries one access without doing it; devices are not touched.
     *
     * @param ea offset in the segment
     * @param access {@link Mem#R}, {@link Mem#W} or both, tried as {@link Mem#readWrite} does
     * @return one of the constants
     */
    public static int access(VcpuContext v, int seg, long ea, int size, int access) {
        long lin;
        if (v.codeBits == 64) {
            lin = v.effBase[seg] + ea;
        } else if ((v.segFast[seg] & access) == access
                || Segmentation.allows(v, seg, ea, size, access)) {
            lin = v.segBase[seg] + ea & 0xFFFF_FFFFL;
        } else {
            return RAISES;
        }
        if (Misses.check(v, seg, lin, size) != 0) {
            return RAISES;
        }
        int first = (int) Math.min(size, 0x1000 - (lin & 0xFFF));
        int r = page(v, lin, lin, size, access);
        return r != OPEN || first == size
                ? r
                : page(v, Segmentation.wrap(v, lin + first), lin, size, access);
    }

    /** As {@link #access} for the stack, {@code delta} bytes from the stack pointer. */
    public static int stack(VcpuContext v, long delta, int size, int access) {
        return access(v, Segments.SS, v.gpr[4] + delta & v.stackMask, size, access);
    }

    /**
     * After STOPPED: the access was one part of an operand, told as a whole.
     *
     * @param before bytes of the operand before the access that was tried
     * @param size of the operand, bytes
     */
    public static void partOf(VcpuContext v, int before, int size) {
        v.fault.partOf(v.fault.gva, Segmentation.wrap(v, v.fault.accessGva - before), size);
    }

    /** What lies from {@code at} on, on its page, of the access of {@code size} bytes at lin. */
    private static int page(VcpuContext v, long at, long lin, int size, int access) {
        int modify = access == (Mem.R | Mem.W) ? Mmu.MODIFY : 0;
        int n = size - (int) (at - lin);
        if ((access & Mem.W) != 0
                        && !hits(v, at, 1)
                        && Misses.fillPart(v, at, n, lin, size, Mem.W | modify) == Mmu.FAULTED
                || (access & Mem.R) != 0
                        && !hits(v, at, 0)
                        && Misses.fillPart(v, at, n, lin, size, Mem.R | modify) == Mmu.FAULTED) {
            return v.fault.kind == PendingFault.GUEST ? RAISES : STOPPED;
        }
        if (Debug.watches(v)) {
            Debug.forgetWatched(v); // the access itself shall be seen
        }
        return OPEN;
    }

    private static boolean hits(VcpuContext v, long lin, int tag) {
        int i = (int) (lin >>> 12 & INDEX) * VcpuContext.TLB_STRIDE;
        return v.tlb[i + tag] == (lin & Page.MASK | v.tlbKey);
    }
}
