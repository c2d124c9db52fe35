// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.fault;

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
     * {@link #kind}: a guest exception that {@link dev.faultline.api.cpu.VcpuContext#intercepts}
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
     * R W X, 3-5 allowed R W X, 7 gva valid, 8 final access.
     */
    public int access;

    public FaultOrigin origin = FaultOrigin.DATA;
    public int vector;
    public int errorCode = NO_ERROR_CODE;

    /** Consecutive faults at this rip: lets a handler see livelock. */
    public int attempt;

    /**
     * Bytes addresses; gpa keeps the access's offset in its page; hva is that of the same byte, or
     * -1.
     */
    public long gpa;

    public long gva;
    public long hva = -1;

    /** Start of the faulting instruction (offset in CS). */
    public long rip;

    /** Records a guest exception. */
    public void guest(int vector, int errorCode) {
        this.kind = GUEST;
        this.vector = vector;
        this.errorCode = errorCode;
    }

    /** Records an access that protection stopped. */
    public void protectedPage(
            int accessBit,
            int allowed,
            FaultOrigin origin,
            long gpa,
            long gva,
            long hva,
            int flags) {
        this.kind = PROTECTED;
        this.access = accessBit | allowed << ALLOWED_SHIFT | flags;
        this.origin = origin;
        this.gpa = gpa;
        this.gva = gva;
        this.hva = hva;
    }
}
