// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.fault;

import dev.faultline.api.address.Gpa;
import dev.faultline.api.address.Gva;
import dev.faultline.api.address.Hva;
import dev.faultline.api.address.Page;

/**
 * What happened, where, in which instruction. One per vCPU (and one per DMA port), preallocated;
 * overwritten by the next fault. Written by whoever found the fault, read by the run loop. For
 * engines and providers; users get a {@link PageFault}.
 */
public final class PendingFault {
    /** {@link #kind}: nothing pending. */
    public static final int NONE = 0;

    /** {@link #kind}: a guest exception: deliver {@link #vector} with {@link #errorCode}. */
    public static final int GUEST = 1;

    /** {@link #kind}: RAM protection stopped the access. */
    public static final int PROTECTED = 2;

    /** {@link #kind}: the page has a slot but the backing could not be had. */
    public static final int UNBACKED = 3;

    /** {@link #kind}: leave the run loop, nothing is wrong. */
    public static final int STOP = 4;

    /**
     * {@link #kind}: a guest exception that {@link dev.faultline.api.engine.VcpuContext#intercepts}
     * names; {@link #vector} says which.
     */
    public static final int INTERCEPTED = 5;

    /** {@link #access}: data read. */
    public static final int ACCESS_R = 1;

    /** {@link #access}: data write. */
    public static final int ACCESS_W = 2;

    /** {@link #access}: fetch. */
    public static final int ACCESS_X = 4;

    /** {@link #access}: shift of the rights the page had (3 bits). */
    public static final int ALLOWED_SHIFT = 3;

    /** {@link #access}: {@link #gva} is valid. */
    public static final int GVA_VALID = 1 << 7;

    /**
     * {@link #access}: access to the final translation; clear: to a paging structure of the walk.
     */
    public static final int FINAL_ACCESS = 1 << 8;

    /** {@link #errorCode}: this exception has none. */
    public static final int NO_ERROR_CODE = -1;

    public int kind;

    /**
     * SDM 3C, "Basic VM-Exit Information", table "Exit Qualification for EPT Violations": bits 0-2
     * R W X, 3-5 allowed R W X, 7 gva valid, 8 final access. A read-modify-write has both R and W,
     * whichever of them was stopped; but one of them if a handler has answered the other.
     */
    public int access;

    /**
     * Which of the access's R W X bits were stopped: the rights that the page had do not include
     * them, and no handler has let them through for this instruction. At least one.
     */
    public int stopped;

    /** Bytes of the access on the faulting page, from {@link #gpa} on; 1..4096. */
    public int length = 1;

    /** Bytes of the whole access, those on the pages beside this one included. */
    public int accessLength = 1;

    /** Bytes of the whole access before {@link #gpa}: 0 unless it began on the page before. */
    public int accessOffset;

    /** Linear address of the whole access's first byte, if the gva is valid. */
    public @Gva long accessGva;

    public FaultOrigin origin = FaultOrigin.DATA;
    public int vector;
    public int errorCode = NO_ERROR_CODE;

    /** Consecutive faults at this rip: lets a handler see livelock. */
    public int attempt;

    /**
     * Bytes addresses; gpa keeps the access's offset in its page; hva is that of the same byte, or
     * -1.
     */
    public @Gpa long gpa;

    public @Gva long gva;
    public @Hva long hva = -1;

    /** Start of the faulting instruction (offset in CS). */
    public long rip;

    /** Records a guest exception. */
    public void guest(int vector, int errorCode) {
        this.kind = GUEST;
        this.vector = vector;
        this.errorCode = errorCode;
    }

    /** Records that protection stopped an access of one byte. */
    public void protectedPage(
            int accessBits,
            int allowed,
            FaultOrigin origin,
            @Gpa long gpa,
            @Gva long gva,
            @Hva long hva,
            int flags) {
        this.kind = PROTECTED;
        this.access = accessBits | allowed << ALLOWED_SHIFT | flags;
        int forbidden = accessBits & ~allowed;
        this.stopped = forbidden == 0 ? accessBits : forbidden;
        this.origin = origin;
        this.gpa = gpa;
        this.gva = gva;
        this.hva = hva;
        length = 1;
        accessLength = 1;
        accessOffset = 0;
        accessGva = gva;
    }

    /**
     * After {@link #protectedPage}: the access has {@code size} bytes from the recorded one on, of
     * which this page holds as many as fit.
     *
     * @param size at least 1
     */
    public void bytes(int size) {
        length = Math.min(size, Page.SIZE - ((int) gpa & Page.SIZE - 1));
        accessLength = size;
    }

    /**
     * After {@link #protectedPage}: what was stopped at linear address {@code at} is part of a
     * larger access. The record then starts with that access's first byte on the page. Does nothing
     * for a guest exception, and for a paging structure, which is an access of its own.
     *
     * @param at inside the access; on the recorded page
     * @param first linear address of the whole access's first byte; of a device's access, which has
     *     none, the guest-physical one, as {@code at}
     * @param size of the whole access, bytes
     */
    public void partOf(long at, long first, int size) {
        if (kind != PROTECTED || origin == FaultOrigin.PAGE_WALK) {
            return;
        }
        int inside = (int) (at - first); // outside 64-bit mode an access may wrap at 4 GiB
        int back = Math.min(inside, (int) at & Page.SIZE - 1);
        gpa -= back;
        gva -= back;
        hva = hva < 0 ? hva : hva - back;
        accessOffset = inside - back;
        accessLength = size;
        accessGva = first;
        length = Math.min(size - accessOffset, Page.SIZE - ((int) gpa & Page.SIZE - 1));
    }
}
