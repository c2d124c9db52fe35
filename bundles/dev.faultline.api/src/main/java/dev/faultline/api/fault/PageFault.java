// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.fault;

import dev.faultline.api.address.Gfn;
import dev.faultline.api.address.Gpa;
import dev.faultline.api.address.Gva;
import dev.faultline.api.address.Hva;
import dev.faultline.api.address.Page;
import dev.faultline.api.protection.Rights;

/**
 * A stopped access as handlers and callers see it. Handlers get the vCPU's reused instance, valid
 * during the call only: {@link #copy()} what you keep. Exits carry a copy.
 */
public final class PageFault {
    private int vcpu;
    private @Gpa long gpa;
    private @Gva long gva;
    private @Hva long hva;
    private long rip;
    private @Gva long accessGva;
    private int access;
    private int stopped;
    private int length;
    private int accessLength;
    private int accessOffset;
    private int attempt;
    private FaultOrigin origin = FaultOrigin.DATA;

    /** For providers: takes over what {@code from} records. */
    public PageFault set(int vcpu, PendingFault from) {
        this.vcpu = vcpu;
        this.gpa = from.gpa;
        this.gva = from.gva;
        this.hva = from.hva;
        this.rip = from.rip;
        this.access = from.access;
        this.stopped = from.stopped;
        this.length = from.length;
        this.accessGva = from.accessGva;
        this.accessLength = from.accessLength;
        this.accessOffset = from.accessOffset;
        this.attempt = from.attempt;
        this.origin = from.origin;
        return this;
    }

    public PageFault copy() {
        PageFault f = new PageFault();
        f.vcpu = vcpu;
        f.gpa = gpa;
        f.gva = gva;
        f.hva = hva;
        f.rip = rip;
        f.access = access;
        f.stopped = stopped;
        f.length = length;
        f.accessGva = accessGva;
        f.accessLength = accessLength;
        f.accessOffset = accessOffset;
        f.attempt = attempt;
        f.origin = origin;
        return f;
    }

    /** Index of the vCPU, or -1 for a device. */
    public int vcpu() {
        return vcpu;
    }

    /** First byte of the access on the faulting page. */
    public @Gpa long gpa() {
        return gpa;
    }

    /**
     * Bytes of the access on the faulting page, from {@link #gpa()} on; 1..4096.
     *
     * <p>Of an instruction fetch: the instruction's bytes as they are in memory now (which means
     * little if the page is still to be filled). Of a paging structure: the entry's 4 or 8.
     */
    public int length() {
        return length;
    }

    /** Whether the access touches one of {@code size} bytes from {@code start} on, a gpa. */
    public boolean touches(@Gpa long start, long size) {
        return size != 0
                && (Long.compareUnsigned(start - gpa, length) < 0
                        || Long.compareUnsigned(gpa - start, size) < 0);
    }

    /**
     * Bytes of the whole access: more than {@link #length()} if it crosses pages. Of an instruction
     * that reaches into a page whose bytes cannot be had yet: at least so many.
     */
    public int accessLength() {
        return accessLength;
    }

    /** Bytes of the whole access before {@link #gpa()}: 0 unless it began on the page before. */
    public int accessOffset() {
        return accessOffset;
    }

    /**
     * Linear address of the whole access's first byte, if {@link #hasGva()}; of a paging structure
     * the address that is translated.
     */
    public @Gva long accessGva() {
        return accessGva;
    }

    public @Gfn long gfn() {
        return Page.gfn(gpa);
    }

    public boolean hasGva() {
        return (access & PendingFault.GVA_VALID) != 0;
    }

    /**
     * Linear address of {@link #gpa()}, if {@link #hasGva()}; of a paging structure the address
     * that is translated.
     */
    public @Gva long gva() {
        return gva;
    }

    /** hva of the byte, or -1. */
    public @Hva long hva() {
        return hva;
    }

    /** Offset in CS of the instruction, which has changed nothing yet. */
    public long rip() {
        return rip;
    }

    /**
     * All kinds of the access, {@link Rights} bits: one of R, W and X, or R and W together for a
     * read-modify-write, whichever of the two was stopped. One whose write a handler has {@link
     * Resolution#DISCARD dropped} is a read, one whose read was {@link Resolution#supply supplied}
     * a write.
     */
    public int access() {
        return access & Rights.MASK;
    }

    /**
     * Those of {@link #access()} that were stopped: the page's rights do not include them, and no
     * handler has let them through for this instruction. At least one.
     */
    public int stopped() {
        return stopped;
    }

    /** Effective rights that the page had. */
    public int rights() {
        return access >> PendingFault.ALLOWED_SHIFT & Rights.MASK;
    }

    public FaultOrigin origin() {
        return origin;
    }

    /** How many faults in a row this instruction has had, from 1. */
    public int attempt() {
        return attempt;
    }

    @Override
    public String toString() {
        return "%s %s of gpa 0x%x%s, %s (rights %s) at rip 0x%x, attempt %d"
                .formatted(
                        origin,
                        Rights.toString(access()),
                        gpa,
                        hasGva() ? " gva 0x%x".formatted(gva) : "",
                        bytes(),
                        Rights.toString(rights()),
                        rip,
                        attempt);
    }

    private String bytes() {
        String here = length == 1 ? "1 byte" : length + " bytes";
        return accessLength == length ? here : "%s of %d".formatted(here, accessLength);
    }
}
