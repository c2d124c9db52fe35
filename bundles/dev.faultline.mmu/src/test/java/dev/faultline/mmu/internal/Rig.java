// SPDX-License-Identifier: Apache-2.0
package dev.faultline.mmu.internal;

import static dev.faultline.api.engine.VcpuContext.*;

import dev.faultline.api.engine.BusLock;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.fault.FaultOrigin;
import dev.faultline.api.memory.HostBytes;
import dev.faultline.api.protection.ProtectionLayer;
import dev.faultline.testkit.memory.FakeMemory;
import dev.faultline.testkit.memory.FakeProtection;

/** A machine of 16 MiB RAM at 0 and one vCPU, for tests; page tables are written by hand. */
final class Rig implements AutoCloseable {
    static final long RAM = 16L << 20;
    private static final long PROTECTABLE = 256L << 20;

    final FakeMemory memory;
    final FakeProtection protection = new FakeProtection(PROTECTABLE);
    final GuestMmu mmu;
    final TestDiversion diversion = new TestDiversion();
    final VcpuContext v = new VcpuContext(0, new BusLock(), diversion);
    final long base;

    Rig(int physicalBits) {
        memory = new FakeMemory(physicalBits);
        base = memory.ram(0, RAM).hva();
        mmu = new GuestMmu(memory, protection);
        mmu.attach(v);
        v.updateTlbKey();
        v.bindThread(Thread.currentThread());
    }

    Rig() {
        this(40);
    }

    /** 4-level paging with CR3 at {@code cr3}, CPL 0, WP and NXE set. */
    Rig longMode(long cr3) {
        v.cr0 = CR0_PE | CR0_WP | 0x8000_0000L;
        v.cr4 = CR4_PAE;
        v.efer = EFER_LME | EFER_LMA | EFER_NXE;
        v.cr3 = cr3;
        return this;
    }

    /** Sets the rights of the page at {@code gpa}; of the only layer, which is given back. */
    ProtectionLayer protect(long gpa, int rights) {
        protection.userLayer().protectPage(gpa >>> 12, rights);
        return protection.userLayer();
    }

    void cpl(int cpl) {
        v.cpl = cpl;
        v.updateTlbKey();
    }

    void put64(long gpa, long value) {
        HostBytes.put64(base + gpa, value);
    }

    long get64(long gpa) {
        return HostBytes.get64(base + gpa);
    }

    void put32(long gpa, long value) {
        HostBytes.put32(base + gpa, (int) value);
    }

    long get32(long gpa) {
        return HostBytes.get32(base + gpa) & 0xFFFF_FFFFL;
    }

    long fill(long lin, int access) {
        return mmu.fill(v, lin, access, (access & 4) != 0 ? FaultOrigin.FETCH : FaultOrigin.DATA);
    }

    private int at(long lin) {
        return ((int) (lin >>> 12) & TLB_ENTRIES - 1) * TLB_STRIDE;
    }

    /** hva that a read of {@code lin} hits, or -1. */
    long readHit(long lin) {
        return v.tlb[at(lin)] == (lin & ~0xFFFL | v.tlbKey) ? lin + v.tlb[at(lin) + 2] : -1;
    }

    long writeHit(long lin) {
        return v.tlb[at(lin) + 1] == (lin & ~0xFFFL | v.tlbKey) ? lin + v.tlb[at(lin) + 2] : -1;
    }

    long fetchHit(long lin) {
        int i = (int) (lin >>> 12) & FETCH_TLB_ENTRIES - 1;
        return v.fetchTag[i] == (lin & ~0xFFFL | v.tlbKey) ? v.fetchHva[i] + (lin & 0xFFF) : -1;
    }

    @Override
    public void close() {
        mmu.close();
        memory.close();
    }
}
