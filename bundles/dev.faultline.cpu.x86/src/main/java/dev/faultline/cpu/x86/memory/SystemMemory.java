// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.memory;

import dev.faultline.api.address.Page;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.fault.FaultOrigin;
import dev.faultline.api.mmu.Mmu;
import dev.faultline.cpu.x86.state.Faults;

/**
 * Implicit supervisor accesses: descriptor tables, task state, stacks of inner rings. SDM 3A,
 * "Access Rights".
 */
public final class SystemMemory {
    private SystemMemory() {}

    /**
     * Translates an implicit supervisor access (descriptor tables, TSS, event delivery to a ring
     * below 3): rights of CPL 0 whatever the CPL. Nothing is raised: check for negative and call
     * {@code v.propagation.raise(v)} at the seam. The access must not cross a page; see {@link
     * #read}.
     *
     * @param size bytes of the access from {@code lin} on
     * @return hva, Mmu.FAULTED, Mmu.DEVICE or Mmu.CODE
     */
    public static long fill(VcpuContext v, long lin, int size, int access, FaultOrigin origin) {
        if (v.longMode() && !VcpuContext.canonical(lin)) {
            v.fault.guest(Faults.GP, 0);
            return Mmu.FAULTED;
        }
        int who = (int) v.tlbKey & 3;
        long h = hit(v, lin, access);
        if (h >= 0) {
            return h;
        }
        if (who == 0 || who == 3) {
            v.tlbKey = v.tlbKey & ~3L | 1;
            h = v.mmu.fill(v, lin, size, access | Mmu.SYSTEM, origin);
            v.tlbKey = v.tlbKey & ~3L | who;
        } else {
            h = v.mmu.fill(v, lin, size, access | Mmu.SYSTEM, origin);
        }
        return h;
    }

    /** A cached translation of a supervisor access: SMAP counts whatever EFLAGS.AC says. */
    private static long hit(VcpuContext v, long lin, int access) {
        long[] t = v.tlb;
        int i = (int) (lin >>> 12 & Mem.INDEX) * VcpuContext.TLB_STRIDE;
        long who = (v.cr4 & VcpuContext.CR4_SMAP) != 0 ? 1 : 2;
        long tag = (access & Mem.W) != 0 ? t[i + 1] : t[i];
        return tag == (lin & Page.MASK | v.tlbKey & ~3L | who) ? lin + t[i + 2] : -1;
    }

    /**
     * Reads 1..8 bytes of a supervisor structure, page crossings included, into {@code
     * v.scratchRead}. Nothing is raised.
     *
     * @return {@code v.scratchRead}, or -1: the fault is recorded
     */
    public static long read(VcpuContext v, long lin, int size, FaultOrigin origin) {
        int first = (int) Math.min(size, 0x1000 - (lin & 0xFFF));
        long h = fill(v, lin, size, Mem.R, origin);
        if (h == Mmu.FAULTED) {
            return -1;
        }
        Staged s = Staged.of(v).read();
        s.part(h, v.missGpa, first);
        if (first < size) {
            long next = v.longMode() ? lin + first : lin + first & 0xFFFF_FFFFL;
            h = fill(v, next, size - first, Mem.R, origin);
            if (h == Mmu.FAULTED) {
                v.fault.partOf(next, lin, size);
                return -1;
            }
            s.part(h, v.missGpa, size - first);
        }
        return s.gather(v, true);
    }
}
