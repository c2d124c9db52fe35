// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.fault;

import dev.faultline.api.protection.Rights;

/**
 * A stopped access as handlers and callers see it. Handlers get the vCPU's reused instance, valid
 * during the call only: {@link #copy()} what you keep. Exits carry a copy.
 */
public final class PageFault {
    private int vcpu;
    private long gpa;
    private long gva;
    private long hva;
    private long rip;
    private int access;
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
        f.attempt = attempt;
        f.origin = origin;
        return f;
    }

    /** Index of the vCPU, or -1 for a device. */
    public int vcpu() {
        return vcpu;
    }

    /** Byte address of the access. */
    public long gpa() {
        return gpa;
    }

    public long gfn() {
        return gpa >>> 12;
    }

    public boolean hasGva() {
        return (access & PendingFault.GVA_VALID) != 0;
    }

    /** Linear address of the access, if {@link #hasGva()}. */
    public long gva() {
        return gva;
    }

    /** hva of the byte, or -1. */
    public long hva() {
        return hva;
    }

    /** Offset in CS of the instruction, which has changed nothing yet. */
    public long rip() {
        return rip;
    }

    /** One of {@link Rights#R}, {@link Rights#W}, {@link Rights#X}. */
    public int access() {
        return access & Rights.MASK;
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
        return "%s %s of gpa 0x%x%s (rights %s) at rip 0x%x, attempt %d"
                .formatted(
                        origin,
                        Rights.toString(access()),
                        gpa,
                        hasGva() ? " gva 0x%x".formatted(gva) : "",
                        Rights.toString(rights()),
                        rip,
                        attempt);
    }
}
