// SPDX-License-Identifier: Apache-2.0
package dev.faultline.mmu.internal;

import static dev.faultline.api.mmu.Mmu.CODE;
import static dev.faultline.api.mmu.Mmu.DEVICE;
import static dev.faultline.api.mmu.Mmu.FAULTED;
import static dev.faultline.api.mmu.Mmu.FETCH;
import static dev.faultline.api.mmu.Mmu.MODIFY;
import static dev.faultline.api.mmu.Mmu.READ;
import static dev.faultline.api.mmu.Mmu.SYSTEM;
import static dev.faultline.api.mmu.Mmu.WRITE;

import dev.faultline.api.address.Page;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.fault.FaultOrigin;
import dev.faultline.api.fault.PendingFault;
import dev.faultline.api.protection.Rights;

/**
 * The miss path of one vCPU: paging, EPT, protection, and the fill of its translation arrays. On
 * the vCPU's thread or while it is quiesced.
 *
 * <p>Entries are filled under the rights class of the access itself ({@link VcpuContext#tlbKey}
 * bits 0-1): a {@link dev.faultline.api.mmu.Mmu#SYSTEM} access made at CPL 3 fills a supervisor
 * entry. Large guest pages are cached as 4 KiB pieces.
 *
 * <p>Accessed bits are set in each entry that the walk passes through, in the last one only if the
 * access is allowed (and then the dirty bit too, for a write). An entry in ROM keeps its bits, as
 * on hardware. A paging structure in device space is a page fault with the reserved-bit flag: the
 * bus would answer all ones.
 */
final class Translator {
    final VcpuContext v;
    private final GuestMmu mmu;
    private final Ept ept;
    private final Paging paging;
    private final long claim;
    private final long[] tlb;
    private final long[] fetchTag;
    private final long[] pdpteOut = new long[4];

    // Second results of walk().
    /** Accesses (READ, WRITE, FETCH bits) that paging allows to this rights class. */
    private int allowed;

    /** The leaf's dirty bit is set: a writable translation may be cached. */
    private boolean dirty;

    private int pageShift;

    /** It stays over loads of CR3. */
    private boolean global;

    private final LargePages large;

    Translator(GuestMmu mmu, Ept ept, VcpuContext v, int physicalBits) {
        this.mmu = mmu;
        this.ept = ept;
        this.v = v;
        this.paging = new Paging(physicalBits);
        this.claim = -1L - v.index;
        this.tlb = v.tlb;
        this.fetchTag = v.fetchTag;
        this.large = new LargePages(v);
    }

    /** See {@link dev.faultline.api.mmu.Mmu#fill}. */
    long fill(long lin, int size, int access, FaultOrigin origin) {
        int kind = access & (READ | WRITE | FETCH);
        long gpa = Paging.unpaged(lin);
        if (Paging.paging(v)) {
            gpa = walk(lin, access);
            if (gpa < 0) {
                return FAULTED;
            }
        } else {
            allowed = Rights.RWX;
            dirty = true;
            pageShift = 12;
            global = false;
        }
        long gfn = Page.gfn(gpa);
        long leaf = usableLeaf(gfn, kind);
        if (leaf == 0 || kind == WRITE && (leaf & Ept.ROM) != 0) {
            v.missGpa = gpa;
            return DEVICE;
        }
        long page = leaf & Ept.HVA;
        long hva = page | gpa & Page.OFFSET_MASK;
        if ((leaf & kind) == 0) {
            long way = diverted(kind, gpa, size, hva);
            if (way == FAULTED) {
                int flags = PendingFault.GVA_VALID | PendingFault.FINAL_ACCESS;
                return stopped(access, leaf, origin, gpa, size, lin, hva, flags);
            }
            if (kind != FETCH) {
                return way;
            }
            v.leaveTraces();
            page = way & Ept.HVA;
        }
        if (pageShift != 12) {
            large.add(lin, pageShift);
        }
        long tag = lin & ~Page.OFFSET_MASK | v.tlbKey & 0xFFC | rightsClass(access);
        if (kind == FETCH) {
            int i = (int) (lin >>> 12) & VcpuContext.FETCH_TLB_ENTRIES - 1;
            v.fetchGfn[i] = gfn;
            v.fetchHva[i] = page;
            // Under alignment checking (class 3), which does not concern fetches, the engine
            // compares the whole key.
            fetchTag[i] = (v.tlbKey & 3) == 3 && user(access) ? tag | 3 : tag;
            v.fetchGlobal[i] = global ? v.globalMark() : 0;
            return hva;
        }
        return fillData(lin, gpa, tag, leaf, kind, hva);
    }

    private long fillData(long lin, long gpa, long tag, long leaf, int kind, long hva) {
        boolean readable = (leaf & allowed & READ) != 0;
        boolean writable = dirty && (leaf & allowed & WRITE) != 0;
        boolean code = writable && !mmu.admitWriter(Page.gfn(gpa), hva);
        int i = ((int) (lin >>> 12) & VcpuContext.TLB_ENTRIES - 1) * VcpuContext.TLB_STRIDE;
        tlb[i] = readable ? tag : -1;
        tlb[i + 1] = writable && !code ? tag : -1;
        tlb[i + 2] = hva - lin;
        tlb[i + 3] = global ? v.globalMark() : 0;
        if (code && kind == WRITE) {
            v.missGpa = gpa;
            v.missHva = hva;
            return CODE;
        }
        return hva;
    }

    /** See {@link dev.faultline.api.mmu.Mmu#physical}; {@code size} bytes inside the page. */
    long physical(long gpa, int size, int access, FaultOrigin origin) {
        int kind = access & (READ | WRITE | FETCH);
        long gfn = Page.gfn(gpa);
        long leaf = usableLeaf(gfn, kind);
        if (leaf == 0 || kind == WRITE && (leaf & Ept.ROM) != 0) {
            v.missGpa = gpa;
            return DEVICE;
        }
        long hva = leaf & Ept.HVA | gpa & Page.OFFSET_MASK;
        if ((leaf & kind) == 0) {
            long way = diverted(kind, gpa, size, hva);
            int flags = origin == FaultOrigin.PAGE_WALK ? 0 : PendingFault.FINAL_ACCESS;
            return way != FAULTED ? way : stopped(kind, leaf, origin, gpa, size, 0, hva, flags);
        }
        if (kind == WRITE && mmu.isCode(gfn, hva)) {
            v.missGpa = gpa;
            v.missHva = hva;
            return CODE;
        }
        return hva;
    }

    /** The cached leaf if it answers the access, else a fresh one; 0 = device space. */
    private long usableLeaf(long gfn, int kind) {
        long leaf = ept.leaf(gfn);
        if (leaf > 0 && ((leaf & kind) != 0 || kind == WRITE && (leaf & Ept.ROM) != 0)) {
            return leaf;
        }
        return ept.resolve(gfn, claim);
    }

    /**
     * The way of an access that rights stop but a fault handler lets through, answers or drops; see
     * {@link #fill}.
     */
    private long diverted(int kind, long gpa, int size, long hva) {
        if (!v.diversion.active()) {
            return FAULTED;
        }
        long way = divert(kind, gpa, size, hva);
        if (way == hva && kind == WRITE && !mmu.admitWriter(Page.gfn(gpa), hva)) {
            v.missGpa = gpa;
            v.missHva = hva;
            return CODE;
        }
        return way < 0 ? FAULTED : way;
    }

    /**
     * The same for an entry of a paging structure; what the walk makes of another's bytes holds for
     * this instruction only.
     */
    private long divertedWalk(int kind, long gpa, int size, long hva) {
        long way = v.diversion.active() ? divert(kind, gpa, size, hva) : -1;
        if (way >= 0 && way != hva) {
            v.leaveTraces();
        }
        return way;
    }

    /** What of the access lies on this page. */
    private long divert(int kind, long gpa, int size, long hva) {
        int length = Math.min(size, Page.SIZE - ((int) gpa & Page.OFFSET_MASK));
        return v.diversion.divert(mmu.protection(), kind, gpa, length, hva);
    }

    /**
     * Records the stopped access.
     *
     * @param access as of {@link #fill}; of a read-modify-write its half that was stopped
     */
    private long stopped(
            int access,
            long leaf,
            FaultOrigin origin,
            long gpa,
            int size,
            long gva,
            long hva,
            int flags) {
        PendingFault f = v.fault;
        int kind = access & (READ | WRITE | FETCH);
        int kinds = kind;
        boolean through = false; // the other half of a read-modify-write
        if ((access & MODIFY) != 0) {
            int other = kind ^ READ ^ WRITE;
            long way = v.diversion.active() ? divert(other, gpa, size, hva) : FAULTED;
            boolean answered = way >= 0 && way != hva;
            kinds = answered ? kind : READ | WRITE;
            through = way >= 0 || kind == READ; // the write comes first
        }
        f.protectedPage(kinds, (int) leaf & Rights.MASK, origin, gpa, gva, hva, flags);
        f.bytes(size);
        if (through) {
            f.stopped = kind;
        }
        return FAULTED;
    }

    // ---- paging
    private boolean user(int access) {
        return v.cpl == 3 && (access & SYSTEM) == 0;
    }

    /** SMAP stops this supervisor access to user pages: no EFLAGS.AC, or implicit. */
    private boolean smap(int access) {
        return (v.cr4 & VcpuContext.CR4_SMAP) != 0
                && ((v.eflags & VcpuContext.AC) == 0 || (access & SYSTEM) != 0);
    }

    private int rightsClass(int access) {
        return user(access) ? 0 : smap(access) ? 1 : 2;
    }

    /** gpa, or FAULTED. */
    private long walk(long lin, int access) {
        if ((v.efer & VcpuContext.EFER_LMA) != 0) {
            return walk64(v.cr3 & paging.address, 39, paging.reservedLong, lin, access);
        }
        if ((v.cr4 & VcpuContext.CR4_PAE) != 0) {
            long pdpte = v.pdpte[(int) (lin >>> 30) & 3];
            if ((pdpte & Paging.P) == 0) {
                return pageFault(lin, access, 0);
            }
            return walk64(pdpte & paging.address, 21, paging.reservedPae, lin, access);
        }
        return walk32(lin, access);
    }

    /** Structures of 8-byte entries, from the one whose entries map {@code 1 << top} bytes each. */
    private long walk64(long start, int top, long reservedAddress, long lin, int access) {
        boolean nxe = Paging.nxe(v);
        long reservedAlways = nxe ? reservedAddress : reservedAddress | Paging.XD;
        long table = start;
        long all = Paging.RW | Paging.US;
        long any = 0;
        int shift = top;
        while (true) {
            long entryGpa = table + ((lin >>> shift & 0x1FF) << 3);
            long entryHva = entryHva(entryGpa, 8, lin, access);
            if (entryHva < 0) {
                return FAULTED;
            }
            long e = Paging.load64(entryHva);
            if ((e & Paging.P) == 0) {
                return pageFault(lin, access, 0);
            }
            boolean leaf = shift == 12 || (e & Paging.PS) != 0 && shift < 39;
            if ((e & reservedOf(shift, leaf, reservedAlways)) != 0) {
                return pageFault(lin, access, Paging.PF_P | Paging.PF_RSVD);
            }
            all &= e;
            any |= e;
            long want = e | Paging.A;
            if (leaf) {
                allowed = allowed(all, nxe && any < 0, access);
                if ((allowed & access) == 0) {
                    return pageFault(lin, access, Paging.PF_P);
                }
                if ((access & WRITE) != 0) {
                    want |= Paging.D;
                }
            }
            if (want != e) {
                int done = update(entryGpa, entryHva, e, want, true, lin);
                if (done < 0) {
                    return FAULTED;
                }
                if (done == 0) { // changed under us: from the start
                    table = start;
                    all = Paging.RW | Paging.US;
                    any = 0;
                    shift = top;
                    continue;
                }
            }
            if (leaf) {
                dirty = (want & Paging.D) != 0;
                pageShift = shift;
                global = isGlobal(e);
                long offset = (1L << shift) - 1;
                return e & paging.address & ~offset | lin & offset;
            }
            table = e & paging.address;
            shift -= 9;
        }
    }

    /** Reserved bits of an entry, tables "Format of a ... Entry". */
    private static long reservedOf(int shift, boolean leaf, long always) {
        if (shift == 39) {
            return always | Paging.PS;
        }
        if (leaf && shift > 12) {
            return always | (1L << shift) - 0x2000; // bits shift-1..13; bit 12 is PAT
        }
        return always;
    }

    private long walk32(long lin, int access) {
        while (true) {
            long gpa = v.cr3 & 0xFFFF_F000L | (lin >>> 22 & 0x3FF) << 2;
            long hva = entryHva(gpa, 4, lin, access);
            if (hva < 0) {
                return FAULTED;
            }
            int pde = Paging.load32(hva);
            if ((pde & Paging.P) == 0) {
                return pageFault(lin, access, 0);
            }
            boolean large = (pde & Paging.PS) != 0 && (v.cr4 & VcpuContext.CR4_PSE) != 0;
            if (large) {
                if ((pde & paging.reserved4m) != 0) {
                    return pageFault(lin, access, Paging.PF_P | Paging.PF_RSVD);
                }
                int done = finish32(gpa, hva, pde, pde, lin, access);
                if (done < 0) {
                    return FAULTED;
                }
                if (done == 0) {
                    continue;
                }
                pageShift = 22;
                global = isGlobal(pde);
                return pde & 0xFFC0_0000L | (pde >>> 13 & 0xFFL) << 32 | lin & 0x3F_FFFF;
            }
            if ((pde & Paging.A) == 0) {
                int done = update(gpa, hva, pde, pde | Paging.A, false, lin);
                if (done < 0) {
                    return FAULTED;
                }
                if (done == 0) {
                    continue;
                }
            }
            gpa = pde & 0xFFFF_F000L | (lin >>> 12 & 0x3FF) << 2;
            hva = entryHva(gpa, 4, lin, access);
            if (hva < 0) {
                return FAULTED;
            }
            int pte = Paging.load32(hva);
            if ((pte & Paging.P) == 0) {
                return pageFault(lin, access, 0);
            }
            int done = finish32(gpa, hva, pte, pde & pte, lin, access);
            if (done < 0) {
                return FAULTED;
            }
            if (done > 0) {
                pageShift = 12;
                global = isGlobal(pte);
                return pte & 0xFFFF_F000L | lin & 0xFFF;
            }
        }
    }

    private boolean isGlobal(long leaf) {
        return (leaf & Paging.G) != 0 && (v.cr4 & VcpuContext.CR4_PGE) != 0;
    }

    /** Permission check and A/D of a 4-byte leaf; as {@link #update}. */
    private int finish32(long gpa, long hva, int e, int all, long lin, int access) {
        allowed = allowed(all, false, access);
        if ((allowed & access) == 0) {
            return (int) pageFault(lin, access, Paging.PF_P);
        }
        long want = e | Paging.A | ((access & WRITE) != 0 ? Paging.D : 0);
        dirty = (want & Paging.D) != 0;
        return want == e ? 1 : update(gpa, hva, e, want, false, lin);
    }

    /**
     * Accesses that paging allows (SDM 3A, "Determination of Access Rights").
     *
     * @param all and of the U/S and R/W bits of all entries
     * @param xd one of the entries forbids execution
     */
    private int allowed(long all, boolean xd, int access) {
        boolean userPage = (all & Paging.US) != 0;
        boolean rw = (all & Paging.RW) != 0;
        int r = 0;
        if (user(access)) {
            if (userPage) {
                r = READ | (rw ? WRITE : 0) | FETCH;
            }
        } else {
            if (!userPage || !smap(access)) {
                r = READ | (rw || (v.cr0 & VcpuContext.CR0_WP) == 0 ? WRITE : 0);
            }
            if (!userPage || (v.cr4 & VcpuContext.CR4_SMEP) == 0) {
                r |= FETCH;
            }
        }
        return xd ? r & ~FETCH : r;
    }

    /** Guarded address of a paging-structure entry, or FAULTED. */
    private long entryHva(long gpa, int size, long lin, int access) {
        long leaf = ept.leaf(Page.gfn(gpa));
        if (leaf <= 0 || (leaf & READ) == 0) {
            leaf = ept.resolve(Page.gfn(gpa), claim);
            if (leaf == 0) {
                return pageFault(lin, access, Paging.PF_P | Paging.PF_RSVD);
            }
            if ((leaf & READ) == 0) {
                long way = divertedWalk(READ, gpa, size, leaf & Ept.HVA | gpa & Page.OFFSET_MASK);
                return way >= 0 ? way : stoppedWalk(READ, leaf, gpa, size, lin);
            }
        }
        return leaf & Ept.HVA | gpa & Page.OFFSET_MASK;
    }

    private long stoppedWalk(int access, long leaf, long gpa, int size, long lin) {
        long hva = leaf & Ept.HVA | gpa & Page.OFFSET_MASK;
        int flags = PendingFault.GVA_VALID;
        return stopped(access, leaf, FaultOrigin.PAGE_WALK, gpa, size, lin, hva, flags);
    }

    /**
     * Sets A or D in an entry, atomically.
     *
     * @return 1 done; 0 the entry is no longer {@code old}: walk again; -1 stopped by protection,
     *     recorded
     */
    private int update(long gpa, long hva, long old, long now, boolean wide, long lin) {
        long gfn = Page.gfn(gpa);
        long leaf = usableLeaf(gfn, WRITE);
        if (leaf == 0) {
            return 0; // unmapped since it was read
        }
        if ((leaf & Ept.ROM) != 0) {
            return 1;
        }
        if ((leaf & WRITE) == 0) {
            int size = wide ? 8 : 4;
            long real = leaf & Ept.HVA | gpa & Page.OFFSET_MASK;
            long way = divertedWalk(WRITE, gpa, size, real);
            if (way < 0) {
                return (int) stoppedWalk(WRITE | MODIFY, leaf, gpa, size, lin);
            }
            if (way != real) {
                return 1; // dropped
            }
        }
        boolean done = wide ? Paging.cas64(hva, old, now) : Paging.cas32(hva, (int) old, (int) now);
        if (done && mmu.isCode(gfn, hva)) {
            mmu.codeWritten(gpa, wide ? 8 : 4);
        }
        return done ? 1 : 0;
    }

    private long pageFault(long lin, int access, int flags) {
        int code = flags;
        if ((access & WRITE) != 0) {
            code |= Paging.PF_W;
        }
        if (user(access)) {
            code |= Paging.PF_U;
        }
        if ((access & FETCH) != 0 && ((v.cr4 & VcpuContext.CR4_SMEP) != 0 || Paging.nxe(v))) {
            code |= Paging.PF_ID;
        }
        v.fault.guest(Paging.VECTOR_PF, code);
        v.fault.gva = lin;
        return FAULTED;
    }

    /** See {@link dev.faultline.api.mmu.Mmu#loadPdptes}. All four registers change, or none. */
    long loadPdptes(long cr3) {
        long table = cr3 & 0xFFFF_FFE0L;
        for (int i = 0; i < 4; i++) {
            long hva = physical(table + i * 8L, 8, READ, FaultOrigin.PAGE_WALK);
            if (hva == FAULTED) {
                return FAULTED;
            }
            long e = hva == DEVICE ? -1 : Paging.load64(hva);
            if ((e & Paging.P) != 0 && (e & paging.reservedPdpte) != 0) {
                v.fault.guest(Paging.VECTOR_GP, 0);
                return FAULTED;
            }
            pdpteOut[i] = e;
        }
        System.arraycopy(pdpteOut, 0, v.pdpte, 0, 4);
        return 0;
    }

    // ---- dropping

    /** Drops the page, or every cached piece of the large page, at {@code lin}. */
    void invalidatePage(long lin) {
        v.tlbDrops++;
        int shift = large.shiftAt(lin);
        if (shift > 12) {
            sweep(lin, shift);
            return;
        }
        int i = ((int) (lin >>> 12) & VcpuContext.TLB_ENTRIES - 1) * VcpuContext.TLB_STRIDE;
        drop(i, lin, 12);
        int f = (int) (lin >>> 12) & VcpuContext.FETCH_TLB_ENTRIES - 1;
        if ((fetchTag[f] ^ lin) >>> 12 == 0) {
            fetchTag[f] = -1;
        }
    }

    private void sweep(long lin, int shift) {
        for (int i = 0; i < tlb.length; i += VcpuContext.TLB_STRIDE) {
            drop(i, lin, shift);
        }
        for (int f = 0; f < fetchTag.length; f++) {
            if ((fetchTag[f] ^ lin) >>> shift == 0) {
                fetchTag[f] = -1;
            }
        }
    }

    private void drop(int i, long lin, int shift) {
        if ((tlb[i] ^ lin) >>> shift == 0) {
            tlb[i] = -1;
        }
        if ((tlb[i + 1] ^ lin) >>> shift == 0) {
            tlb[i + 1] = -1;
        }
    }

    /** Makes every cached writable translation of a page read-only. */
    void dropWritable(long gfn) {
        v.tlbWriteDrops++;
        long leaf = ept.leaf(gfn);
        if (leaf <= 0) {
            v.flushTranslations(); // rare: was cached without a leaf, or the leaf has gone
            return;
        }
        long page = leaf & Ept.HVA;
        for (int i = 0; i < tlb.length; i += VcpuContext.TLB_STRIDE) {
            long tag = tlb[i + 1];
            if (tag != -1 && (tag & ~Page.OFFSET_MASK) + tlb[i + 2] == page) {
                tlb[i + 1] = -1;
            }
        }
    }
}
