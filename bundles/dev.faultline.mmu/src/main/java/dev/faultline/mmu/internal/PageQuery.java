// SPDX-License-Identifier: Apache-2.0
package dev.faultline.mmu.internal;

import dev.faultline.api.address.Page;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.memory.GuestMemory;
import dev.faultline.api.protection.RamProtection;
import dev.faultline.api.protection.Rights;

/**
 * A walk without side effects, for debuggers: neither A/D bits nor caches nor faults. Paging rights
 * and reserved bits are ignored; a paging structure that RAM protection does not let be read, or
 * that is in device space, ends the walk. Allocates: not for hot paths.
 */
final class PageQuery {
    private final GuestMemory memory;
    private final RamProtection protection;
    private final Paging paging;

    PageQuery(GuestMemory memory, RamProtection protection) {
        this.memory = memory;
        this.protection = protection;
        this.paging = new Paging(memory.physicalAddressBits());
    }

    /** gpa of {@code lin}, or -1. */
    long translate(VcpuContext v, long lin) {
        if (!Paging.paging(v)) {
            return lin;
        }
        if ((v.efer & VcpuContext.EFER_LMA) != 0) {
            return VcpuContext.canonical(lin) ? wide(v.cr3, 39, lin) : -1;
        }
        if ((v.cr4 & VcpuContext.CR4_PAE) != 0) {
            long pdpte = v.pdpte[(int) (lin >>> 30) & 3];
            return (pdpte & Paging.P) == 0 ? -1 : wide(pdpte, 21, lin);
        }
        return narrow(v, lin);
    }

    private long wide(long start, int top, long lin) {
        long table = start & paging.address;
        for (int shift = top; ; shift -= 9) {
            long hva = readable(table + ((lin >>> shift & 0x1FF) << 3));
            long e = hva < 0 ? 0 : Paging.load64(hva);
            if ((e & Paging.P) == 0) {
                return -1;
            }
            if (shift == 12 || (e & Paging.PS) != 0 && shift < 39) {
                long offset = (1L << shift) - 1;
                return e & paging.address & ~offset | lin & offset;
            }
            table = e & paging.address;
        }
    }

    private long narrow(VcpuContext v, long lin) {
        long hva = readable(v.cr3 & 0xFFFF_F000L | (lin >>> 22 & 0x3FF) << 2);
        int e = hva < 0 ? 0 : Paging.load32(hva);
        if ((e & Paging.P) == 0) {
            return -1;
        }
        if ((e & Paging.PS) != 0 && (v.cr4 & VcpuContext.CR4_PSE) != 0) {
            return e & 0xFFC0_0000L | (e >>> 13 & 0xFFL) << 32 | lin & 0x3F_FFFF;
        }
        hva = readable(e & 0xFFFF_F000L | (lin >>> 12 & 0x3FF) << 2);
        e = hva < 0 ? 0 : Paging.load32(hva);
        return (e & Paging.P) == 0 ? -1 : e & 0xFFFF_F000L | lin & 0xFFF;
    }

    private long readable(long gpa) {
        return (protection.rightsOf(Page.gfn(gpa)) & Rights.R) == 0 ? -1 : memory.hvaOf(gpa);
    }
}
