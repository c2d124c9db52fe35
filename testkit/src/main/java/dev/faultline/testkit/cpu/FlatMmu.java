// SPDX-License-Identifier: Apache-2.0
package dev.faultline.testkit.cpu;

import dev.faultline.api.address.Page;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.fault.FaultOrigin;
import dev.faultline.api.memory.GuestMemory;
import dev.faultline.api.memory.MemorySlot;
import dev.faultline.api.protection.RamProtection;
import dev.faultline.api.protection.Rights;

/**
 * Linear addresses are guest-physical ones, whatever CR0.PG says; memory and rights are obeyed, so
 * that an access finds RAM, a device, or a closed page. Nothing is cached: every access asks again,
 * and there is nothing to invalidate. There is no tracking of decoded code, and no diversion.
 */
public class FlatMmu extends StubMmu {
    private final GuestMemory memory;
    private final RamProtection protection;

    /** As a {@link dev.faultline.api.mmu.MmuFactory} makes one. */
    public FlatMmu(GuestMemory memory, RamProtection protection) {
        this.memory = memory;
        this.protection = protection;
    }

    /** What makes it flat: an address of one space is that of the other. */
    private static long same(long address) {
        return address;
    }

    @Override
    public long fill(VcpuContext v, long lin, int size, int access, FaultOrigin origin) {
        if (v.diversion.active()) {
            throw new AssertionError("Mmu.fill with a diversion");
        }
        long gpa = same(lin);
        MemorySlot slot = memory.slotAt(gpa);
        v.missGpa = gpa;
        if (slot == null || (access & WRITE) != 0 && slot.readOnly()) {
            return DEVICE;
        }
        v.missHva = slot.hva() + (gpa - slot.gpa());
        int kinds = access & Rights.MASK;
        int allowed = protection.rightsOf(Page.gfn(gpa));
        if ((kinds & ~allowed) == 0) {
            return v.missHva;
        }
        v.fault.protectedPage(kinds, allowed, origin, gpa, lin, v.missHva, 0);
        v.fault.bytes(size);
        return FAULTED;
    }

    @Override
    public long physical(VcpuContext v, long gpa, int access, FaultOrigin origin) {
        return fill(v, same(gpa), access, origin);
    }

    /** There are no tables. */
    @Override
    public long loadPdptes(VcpuContext v, long cr3) {
        return 0;
    }

    @Override
    public void invalidatePage(VcpuContext v, long lin) {}

    @Override
    public void flush(VcpuContext v) {
        v.flushTranslations();
    }

    @Override
    public long query(VcpuContext v, long lin) {
        long gpa = same(lin);
        boolean readable = (protection.rightsOf(Page.gfn(gpa)) & Rights.R) != 0;
        return readable && memory.slotAt(gpa) != null ? gpa : -1;
    }

    /** No page is tracked. */
    @Override
    public void codeWritten(long gpa, long size) {}

    @Override
    public void attach(VcpuContext v) {}

    @Override
    public void detach(VcpuContext v) {}

    @Override
    public long mappedPages() {
        return 0;
    }

    @Override
    public void close() {}
}
