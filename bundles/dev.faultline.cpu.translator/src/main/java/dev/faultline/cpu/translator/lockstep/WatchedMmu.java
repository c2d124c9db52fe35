// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.translator.lockstep;

import dev.faultline.api.address.Gfn;
import dev.faultline.api.address.Gpa;
import dev.faultline.api.address.Gva;
import dev.faultline.api.address.Hva;
import dev.faultline.api.address.Page;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.fault.FaultOrigin;
import dev.faultline.api.mmu.CodeListener;
import dev.faultline.api.mmu.Mmu;

/**
 * The vCPU's MMU while the interpreter does again what generated code did: notes what generated
 * code cannot have done, namely writes to pages that are not saved and accesses to devices. No page
 * is left in the translation cache as one to be written, so that each first write comes here.
 */
final class WatchedMmu implements Mmu {
    private final Mmu real;
    private final SavedPages pages;
    private final StringBuilder notes = new StringBuilder();

    WatchedMmu(Mmu real, SavedPages pages) {
        this.real = real;
        this.pages = pages;
    }

    Mmu real() {
        return real;
    }

    /** What was noted since the last time; empty: nothing. */
    String notes() {
        String n = notes.toString();
        notes.setLength(0);
        return n;
    }

    boolean hasNotes() {
        return !notes.isEmpty();
    }

    @Override
    public @Hva long fill(VcpuContext v, @Gva long lin, int size, int access, FaultOrigin origin) {
        long h = real.fill(v, lin, size, access, origin);
        boolean writes = (access & WRITE) != 0;
        if (h == DEVICE || h == CODE) {
            notes.append(
                    "an access to %s at %x; "
                            .formatted(h == DEVICE ? "a device" : "a page of code", lin));
        } else if (writes && h >= 0 && !pages.holdsHost(h)) {
            notes.append("a store at %x that was not translated; ".formatted(lin));
        } else if (!writes) {
            int i = ((int) (lin >>> 12) & VcpuContext.TLB_ENTRIES - 1) * VcpuContext.TLB_STRIDE;
            if ((v.tlb[i + 1] ^ lin) >>> 12 == 0
                    && !pages.holdsHost(SavedPages.mapped(v, i, lin) & Page.MASK)) {
                v.tlb[i + 1] = -1;
            }
        }
        return h;
    }

    @Override
    public @Hva long physical(VcpuContext v, @Gpa long gpa, int access, FaultOrigin origin) {
        return real.physical(v, gpa, access, origin);
    }

    @Override
    public long loadPdptes(VcpuContext v, long cr3) {
        return real.loadPdptes(v, cr3);
    }

    @Override
    public void invalidatePage(VcpuContext v, @Gva long lin) {
        real.invalidatePage(v, lin);
    }

    @Override
    public void flush(VcpuContext v) {
        real.flush(v);
    }

    @Override
    public @Gpa long query(VcpuContext v, @Gva long lin) {
        return real.query(v, lin);
    }

    @Override
    public void trackCode(VcpuContext v, @Gfn long gfn) {
        real.trackCode(v, gfn);
    }

    @Override
    public void untrackCode(VcpuContext v, @Gfn long gfn) {
        real.untrackCode(v, gfn);
    }

    @Override
    public void codeWritten(@Gpa long gpa, long size) {
        real.codeWritten(gpa, size);
    }

    @Override
    public void addCodeListener(CodeListener listener) {
        real.addCodeListener(listener);
    }

    @Override
    public void removeCodeListener(CodeListener listener) {
        real.removeCodeListener(listener);
    }

    @Override
    public void attach(VcpuContext v) {
        real.attach(v);
    }

    @Override
    public void detach(VcpuContext v) {
        real.detach(v);
    }

    @Override
    public long mappedPages() {
        return real.mappedPages();
    }

    @Override
    public void close() {
        throw new IllegalStateException("an engine closes no MMU");
    }
}
