// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.memory;

import dev.faultline.api.cpu.Segments;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.fault.FaultOrigin;
import dev.faultline.api.mmu.Mmu;
import dev.faultline.cpu.x86.debug.Debug;
import dev.faultline.cpu.x86.state.Faults;
import org.jspecify.annotations.Nullable;

/**
 * Accesses of instructions whose translation is not at hand: what {@link Mem} does when it does not
 * hit. Checks come in the order of hardware: canonical form, alignment, paging, protection, data
 * breakpoints.
 */
public final class Misses {
    private Misses() {}

    /**
     * Probes a range of any length for an access without touching it.
     *
     * @return 0, or negative: the fault was raised
     */
    public static long probe(VcpuContext v, int seg, long lin, int size, int access) {
        long at = lin;
        int left = size;
        while (left > 0) {
            int n = (int) Math.min(left, 0x1000 - (at & 0xFFF));
            if (probe(v, seg, at, 1, lin, size, access) < 0) {
                return -1;
            }
            at = Segmentation.wrap(v, at + n);
            left -= n;
        }
        return 0;
    }

    /**
     * Probes a part of an access: its {@code n} bytes at {@code at}, without touching them. What
     * protection stops tells the whole access.
     *
     * @param at linear address inside the access
     * @param n as many bytes are checked for alignment and canonical form
     * @param lin linear address of the whole access's first byte
     * @param size of the whole access, bytes
     * @return 0, or negative: the fault was raised
     */
    public static long probe(
            VcpuContext v, int seg, long at, int n, long lin, int size, int access) {
        boolean write = (access & Mem.W) != 0;
        if ((write ? Mem.writeHit(v, at, n) : Mem.readHit(v, at, n)) >= 0) {
            return 0;
        }
        if (check(v, seg, at, n) != 0) {
            return v.propagation.raise(v);
        }
        int first = (int) Math.min(n, 0x1000 - (at & 0xFFF));
        if (fillPart(v, at, first, lin, size, write ? Mem.W : Mem.R) == Mmu.FAULTED) {
            return v.propagation.raise(v);
        }
        if (Debug.watches(v)) {
            Debug.accessed(v, at, n, write ? Mem.W : Mem.R);
        }
        long next = Segmentation.wrap(v, at + first);
        if (first < n
                && fillPart(v, next, n - first, lin, size, write ? Mem.W : Mem.R) == Mmu.FAULTED) {
            return v.propagation.raise(v);
        }
        return 0;
    }

    /** As {@link #fill} for a part of the access of {@code size} bytes at {@code lin}. */
    static long fillPart(VcpuContext v, long at, int n, long lin, int size, int access) {
        long h = fill(v, at, n, access);
        if (h == Mmu.FAULTED) {
            v.fault.partOf(at, lin, size);
        }
        return h;
    }

    /** See {@link Mem#read}; {@code late}: {@link Mem#readLate}. */
    static long read(VcpuContext v, int seg, long lin, int size, boolean late) {
        if (check(v, seg, lin, size) != 0) {
            return v.propagation.raise(v);
        }
        int first = (int) Math.min(size, 0x1000 - (lin & 0xFFF));
        long h = fill(v, lin, size, Mem.R);
        if (h == Mmu.FAULTED) {
            return v.propagation.raise(v);
        }
        if (Debug.watches(v)) {
            Debug.accessed(v, lin, size, Mem.R);
        }
        if (first == size && h >= 0) {
            return h;
        }
        Staged s = Staged.of(v).read();
        s.part(h, v.missGpa, first);
        if (first < size) {
            long h2 =
                    fillPart(v, Segmentation.wrap(v, lin + first), size - first, lin, size, Mem.R);
            if (h2 == Mmu.FAULTED) {
                return v.propagation.raise(v);
            }
            s.part(h2, v.missGpa, size - first);
        }
        return late && s.readsDevice() ? Mem.LATE : s.gather(v, true);
    }

    /** See {@link Mem#write}; {@code alsoRead}: {@link Mem#readWrite}. */
    static long write(VcpuContext v, int seg, long lin, int size, boolean alsoRead) {
        if (check(v, seg, lin, size) != 0) {
            return v.propagation.raise(v);
        }
        int first = (int) Math.min(size, 0x1000 - (lin & 0xFFF));
        long h = fillWrite(v, lin, size, alsoRead);
        if (h == Mmu.FAULTED) {
            return v.propagation.raise(v);
        }
        if (Debug.watches(v)) {
            Debug.accessed(v, lin, size, alsoRead ? Mem.R | Mem.W : Mem.W);
        }
        if (first == size && h >= 0 && (!alsoRead || v.missRead == h)) {
            return h;
        }
        Staged s = staged(v, h, lin, size, alsoRead);
        if (s == null) {
            return v.propagation.raise(v);
        }
        if (alsoRead) {
            s.preload(v);
        }
        return v.scratchWrite;
    }

    /** See {@link Mem#locked}. */
    static long locked(VcpuContext v, int seg, long lin, int size) {
        if (check(v, seg, lin, size) != 0) {
            return v.propagation.raise(v);
        }
        int first = (int) Math.min(size, 0x1000 - (lin & 0xFFF));
        long h = Mem.writeHit(v, lin, size);
        if (h >= 0 && Mem.readHit(v, lin, size) == h) {
            v.missRead = h;
        } else {
            h = fillWrite(v, lin, size, true);
        }
        if (h == Mmu.FAULTED) {
            return v.propagation.raise(v);
        }
        if (Debug.watches(v)) {
            Debug.accessed(v, lin, size, Mem.R | Mem.W);
        }
        if (first == size && Atomic.inWord(lin, size)) {
            if (h >= 0 && v.missRead == h) {
                return h;
            }
            if (h == Mmu.CODE && v.missRead == v.missHva) {
                return Staged.of(v).lockCode(v, size);
            }
        }
        Staged s = staged(v, h, lin, size, true);
        if (s == null) {
            return v.propagation.raise(v);
        }
        s.preloadLocked(v);
        return v.scratchWrite;
    }

    /**
     * A write whose bytes up to the end of the page were translated to {@code h}.
     *
     * @return its parts; null: the fault of the other page was recorded
     */
    private static @Nullable Staged staged(
            VcpuContext v, long h, long lin, int size, boolean alsoRead) {
        int first = (int) Math.min(size, 0x1000 - (lin & 0xFFF));
        Staged s = Staged.of(v).write();
        s.writePart(v, h, first);
        if (first < size) {
            long next = Segmentation.wrap(v, lin + first);
            long second = fillWrite(v, next, size - first, alsoRead);
            if (second == Mmu.FAULTED) {
                v.fault.partOf(next, lin, size);
                return null;
            }
            s.writePart(v, second, size - first);
        }
        return s;
    }

    /**
     * A translation for an instruction's own access.
     *
     * @param size bytes of the access from {@code lin} on
     */
    static long fill(VcpuContext v, long lin, int size, int access) {
        long key = v.tlbKey;
        if ((key & 3) != 3) {
            return v.mmu.fill(v, lin, size, access, FaultOrigin.DATA);
        }
        // Under alignment checking nothing may hit: fill as plain user, whose entries this key does
        // not see.
        v.tlbKey = key & ~3;
        long h = v.mmu.fill(v, lin, size, access, FaultOrigin.DATA);
        v.tlbKey = v.tlbKey & ~3 | 3;
        return h;
    }

    /**
     * A read-modify-write needs both rights: W first, so that it faults once, told as both; then R
     * where W does not imply it. A write to ROM is a device access while its bytes are read from
     * memory, and a fault handler may answer the read or drop the write: {@code v.missRead} tells
     * where to read, negative for a device.
     */
    static long fillWrite(VcpuContext v, long lin, int size, boolean alsoRead) {
        long h = fill(v, lin, size, alsoRead ? Mem.W | Mmu.MODIFY : Mem.W);
        if (alsoRead && h != Mmu.FAULTED) {
            long gpa = v.missGpa;
            long hva = v.missHva;
            long r = fill(v, lin, size, Mem.R | Mmu.MODIFY);
            if (r == Mmu.FAULTED) {
                return Mmu.FAULTED;
            }
            v.missGpa = gpa;
            v.missHva = hva;
            v.missRead = r;
        }
        return h;
    }

    /** Canonical form and alignment. Returns 0 or 1: the fault is recorded, not raised. */
    static int check(VcpuContext v, int seg, long lin, int size) {
        boolean m64 = v.codeBits == 64;
        // The first byte, then alignment, then the last byte. 16-byte accesses are aligned by #GP
        // or need not be.
        if (!m64 || VcpuContext.canonical(lin)) {
            if ((v.tlbKey & 3) == 3
                    && size <= 8
                    && (size & size - 1) == 0
                    && (lin & size - 1) != 0) {
                v.fault.guest(Faults.AC, 0);
                return 1;
            }
            if (!m64 || VcpuContext.canonical(lin + size - 1)) {
                return 0;
            }
        }
        v.fault.guest(seg == Segments.SS ? Faults.SS : Faults.GP, 0);
        return 1;
    }
}
