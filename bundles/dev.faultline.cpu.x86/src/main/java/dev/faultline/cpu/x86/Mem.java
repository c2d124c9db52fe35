// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86;

import static dev.faultline.api.memory.HostBytes.get16;
import static dev.faultline.api.memory.HostBytes.get32;
import static dev.faultline.api.memory.HostBytes.get64;
import static dev.faultline.api.memory.HostBytes.get8;
import static dev.faultline.api.memory.HostBytes.put16;
import static dev.faultline.api.memory.HostBytes.put32;
import static dev.faultline.api.memory.HostBytes.put64;
import static dev.faultline.api.memory.HostBytes.put8;

import dev.faultline.api.address.Page;
import dev.faultline.api.cpu.Segments;
import dev.faultline.api.engine.EngineScratch;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.fault.FaultOrigin;
import dev.faultline.api.mmu.Mmu;
import dev.faultline.cpu.x86.semantics.system.Debug;

/**
 * Guest memory as instructions see it. Everything that can fault is a translation; loads and stores
 * through the hva that it returns cannot.
 *
 * <p>A hit is one compare. What has no single host address (page crossings, devices, pages with
 * decoded code) is staged in the vCPU's scratch: a read is gathered there, a write is spread from
 * there by {@link #commit}, which therefore follows every store. At most one read and one write are
 * staged at a time: the next translation of the same kind reuses the scratch.
 */
public final class Mem {
    public static final int R = Mmu.READ;
    public static final int W = Mmu.WRITE;

    /** {@link #readLate}: a device is involved; call {@link #readNow} after the last probe. */
    public static final long LATE = -2;

    private static final int INDEX = VcpuContext.TLB_ENTRIES - 1;

    private Mem() {}

    /**
     * Translates for reading.
     *
     * @param seg segment, to tell #SS from #GP
     * @param lin linear address (outside 64-bit mode already truncated to 32 bits)
     * @param size 1..64 bytes
     * @return hva, or negative: the fault was raised
     */
    public static long read(VcpuContext v, int seg, long lin, int size) {
        long[] t = v.tlb;
        int i = (int) (lin >>> 12 & INDEX) * VcpuContext.TLB_STRIDE;
        if (t[i] == (lin + (size - 1) & Page.MASK | v.tlbKey)) {
            return lin + t[i + 2];
        }
        return readMiss(v, seg, lin, size, false);
    }

    /** As {@link #read}, but -1 and nothing raised if the translation is not at hand. */
    static long readHit(VcpuContext v, long lin, int size) {
        long[] t = v.tlb;
        int i = (int) (lin >>> 12 & INDEX) * VcpuContext.TLB_STRIDE;
        return t[i] == (lin + (size - 1) & Page.MASK | v.tlbKey) ? lin + t[i + 2] : -1;
    }

    /**
     * As {@link #write}, but -1 and nothing raised if the translation is not at hand; needs no
     * {@link #commit}.
     */
    static long writeHit(VcpuContext v, long lin, int size) {
        long[] t = v.tlb;
        int i = (int) (lin >>> 12 & INDEX) * VcpuContext.TLB_STRIDE;
        return t[i + 1] == (lin + (size - 1) & Page.MASK | v.tlbKey) ? lin + t[i + 2] : -1;
    }

    /** Translates for writing only. Store at the hva, then call {@link #commit}. */
    public static long write(VcpuContext v, int seg, long lin, int size) {
        long[] t = v.tlb;
        int i = (int) (lin >>> 12 & INDEX) * VcpuContext.TLB_STRIDE;
        if (t[i + 1] == (lin + (size - 1) & Page.MASK | v.tlbKey)) {
            return lin + t[i + 2];
        }
        return writeMiss(v, seg, lin, size, false);
    }

    /**
     * Translates for reading and writing: faults once, as a read and write. Load, store, then
     * {@link #commit}.
     */
    public static long readWrite(VcpuContext v, int seg, long lin, int size) {
        long[] t = v.tlb;
        int i = (int) (lin >>> 12 & INDEX) * VcpuContext.TLB_STRIDE;
        long want = lin + (size - 1) & Page.MASK | v.tlbKey;
        if (t[i + 1] == want && t[i] == want) {
            return lin + t[i + 2];
        }
        return writeMiss(v, seg, lin, size, true);
    }

    /**
     * Translates for an atomic read-modify-write, and faults as {@link #readWrite} does. Use {@link
     * Atomic} on the result, then {@link #commitLocked}; nothing between them may fault or wait.
     *
     * <p>What lies in aligned 8 bytes of RAM has its own host address, also in a page that holds
     * decoded code. Anything else of RAM is gathered into {@code v.scratchWrite} while the vCPU has
     * the machine's {@link dev.faultline.api.engine.BusLock}, until {@link #commitLocked}. What a
     * fault handler answers or drops, and devices, are read and written one after the other.
     */
    public static long locked(VcpuContext v, int seg, long lin, int size) {
        long[] t = v.tlb;
        int i = (int) (lin >>> 12 & INDEX) * VcpuContext.TLB_STRIDE;
        long want = lin + (size - 1) & Page.MASK | v.tlbKey;
        if (t[i + 1] == want && t[i] == want && Atomic.inWord(lin, size)) {
            return lin + t[i + 2];
        }
        return lockedMiss(v, seg, lin, size);
    }

    /**
     * Finishes what {@link #locked} began. Cannot fault.
     *
     * @return as {@link #commit}
     */
    public static int commitLocked(VcpuContext v, long hva) {
        if (hva == v.scratchWrite) {
            return Staged.commitLocked(v);
        }
        return v.lockedCode ? Staged.tellLocked(v) : Op.NEXT;
    }

    /**
     * Finishes a write through {@code hva}. Cannot fault.
     *
     * @return {@link Op#NEXT}, or {@link Op#END} if decoded code may have changed or a device made
     *     a request; an Op may return it as its own result
     */
    public static int commit(VcpuContext v, long hva) {
        return hva == v.scratchWrite ? Staged.commit(v) : Op.NEXT;
    }

    /**
     * Translates for reading, but leaves a device unread: for instructions that probe something
     * else afterwards.
     *
     * @return hva, {@link #LATE}, or -1: the fault was raised
     */
    public static long readLate(VcpuContext v, int seg, long lin, int size) {
        long[] t = v.tlb;
        int i = (int) (lin >>> 12 & INDEX) * VcpuContext.TLB_STRIDE;
        if (t[i] == (lin + (size - 1) & Page.MASK | v.tlbKey)) {
            return lin + t[i + 2];
        }
        return readMiss(v, seg, lin, size, true);
    }

    /**
     * Reads the device that {@link #readLate} found.
     *
     * @return hva of the bytes; cannot fault
     */
    public static long readNow(VcpuContext v) {
        return Staged.of(v).gather(v, false);
    }

    /**
     * The instruction, or the delivery, was stopped by protection and will be executed again: what
     * it has read from devices is kept, and answered instead of reading them again. Called by the
     * run loop.
     */
    static void stopped(VcpuContext v) {
        if (v.staged instanceof Staged s) {
            s.reads.rewind();
        }
    }

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
            at = wrap(v, at + n);
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
        boolean write = (access & W) != 0;
        if ((write ? writeHit(v, at, n) : readHit(v, at, n)) >= 0) {
            return 0;
        }
        if (check(v, seg, at, n) != 0) {
            return v.propagation.raise(v);
        }
        int first = (int) Math.min(n, 0x1000 - (at & 0xFFF));
        if (fillPart(v, at, first, lin, size, write ? W : R) == Mmu.FAULTED) {
            return v.propagation.raise(v);
        }
        if (Debug.watches(v)) {
            Debug.accessed(v, at, n, write ? W : R);
        }
        long next = wrap(v, at + first);
        if (first < n && fillPart(v, next, n - first, lin, size, write ? W : R) == Mmu.FAULTED) {
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

    /**
     * Segment rights and limit outside 64-bit mode, then base + offset.
     *
     * @param ea offset in the segment
     * @param access {@link #R}, {@link #W} or both
     * @return linear address, or -1: the fault was raised
     */
    public static long segmented(VcpuContext v, int seg, long ea, int size, int access) {
        // A 4 GiB segment has no end to run past: the operand wraps.
        if ((v.segFast[seg] & access) == access || segmentAllows(v, seg, ea, size, access)) {
            return v.segBase[seg] + ea & 0xFFFF_FFFFL;
        }
        return seg == Segments.SS ? Faults.ss(v, 0) : Faults.gp(v, 0);
    }

    /**
     * Segment offset to linear address in any mode, checked.
     *
     * @return see {@link #failed}
     */
    public static long linear(VcpuContext v, int seg, long ea, int size, int access) {
        return v.codeBits == 64 ? v.effBase[seg] + ea : segmented(v, seg, ea, size, access);
    }

    /** Whether {@link #linear} refused (in 64-bit mode it never does). */
    public static boolean failed(VcpuContext v, long lin) {
        return lin < 0 && v.codeBits != 64;
    }

    static long wrap(VcpuContext v, long lin) {
        return v.codeBits == 64 ? lin : lin & 0xFFFF_FFFFL;
    }

    static boolean segmentAllows(VcpuContext v, int seg, long ea, int size, int access) {
        int a = v.segAttr[seg];
        if ((a & Segments.UNUSABLE) != 0 || (a & Segments.P) == 0) {
            return false;
        }
        boolean code = (a & Segments.TYPE_CODE) != 0;
        boolean rw = (a & Segments.TYPE_RW) != 0;
        if ((access & W) != 0 && (code || !rw) || (access & R) != 0 && code && !rw) {
            // Real mode and V86 mode let CS be written: its cached attributes there say data.
            return false;
        }
        long limit = v.segLimit[seg] & 0xFFFF_FFFFL;
        long last = ea + size - 1;
        if (!code && (a & Segments.TYPE_DC) != 0) {
            long top = (a & Segments.DB) != 0 ? 0xFFFF_FFFFL : 0xFFFFL;
            return ea > limit && last <= top;
        }
        return last <= limit;
    }

    // ---- miss paths

    private static long readMiss(VcpuContext v, int seg, long lin, int size, boolean late) {
        int bad = check(v, seg, lin, size);
        if (bad != 0) {
            return v.propagation.raise(v);
        }
        int first = (int) Math.min(size, 0x1000 - (lin & 0xFFF));
        long h = fill(v, lin, size, R);
        if (h == Mmu.FAULTED) {
            return v.propagation.raise(v);
        }
        if (Debug.watches(v)) {
            Debug.accessed(v, lin, size, R);
        }
        if (first == size && h >= 0) {
            return h;
        }
        Staged s = Staged.of(v).read();
        s.part(h, v.missGpa, first);
        if (first < size) {
            long h2 = fillPart(v, wrap(v, lin + first), size - first, lin, size, R);
            if (h2 == Mmu.FAULTED) {
                return v.propagation.raise(v);
            }
            s.part(h2, v.missGpa, size - first);
        }
        return late && s.readsDevice() ? LATE : s.gather(v, true);
    }

    private static long writeMiss(VcpuContext v, int seg, long lin, int size, boolean alsoRead) {
        int bad = check(v, seg, lin, size);
        if (bad != 0) {
            return v.propagation.raise(v);
        }
        int first = (int) Math.min(size, 0x1000 - (lin & 0xFFF));
        long h = fillWrite(v, lin, size, alsoRead);
        if (h == Mmu.FAULTED) {
            return v.propagation.raise(v);
        }
        if (Debug.watches(v)) {
            Debug.accessed(v, lin, size, alsoRead ? R | W : W);
        }
        if (first == size && h >= 0 && (!alsoRead || v.missRead == h)) {
            return h;
        }
        Staged s = Staged.of(v).write();
        s.writePart(v, h, first);
        if (first < size) {
            long next = wrap(v, lin + first);
            h = fillWrite(v, next, size - first, alsoRead);
            if (h == Mmu.FAULTED) {
                v.fault.partOf(next, lin, size);
                return v.propagation.raise(v);
            }
            s.writePart(v, h, size - first);
        }
        if (alsoRead) {
            s.preload(v);
        }
        return v.scratchWrite;
    }

    private static long lockedMiss(VcpuContext v, int seg, long lin, int size) {
        if (check(v, seg, lin, size) != 0) {
            return v.propagation.raise(v);
        }
        int first = (int) Math.min(size, 0x1000 - (lin & 0xFFF));
        long h = writeHit(v, lin, size);
        if (h >= 0 && readHit(v, lin, size) == h) {
            v.missRead = h;
        } else {
            h = fillWrite(v, lin, size, true);
        }
        if (h == Mmu.FAULTED) {
            return v.propagation.raise(v);
        }
        if (Debug.watches(v)) {
            Debug.accessed(v, lin, size, R | W);
        }
        if (first == size && Atomic.inWord(lin, size)) {
            if (h >= 0 && v.missRead == h) {
                return h;
            }
            if (h == Mmu.CODE && v.missRead == v.missHva) {
                return Staged.of(v).lockCode(v, size);
            }
        }
        Staged s = Staged.of(v).write();
        s.writePart(v, h, first);
        if (first < size) {
            long next = wrap(v, lin + first);
            h = fillWrite(v, next, size - first, true);
            if (h == Mmu.FAULTED) {
                v.fault.partOf(next, lin, size);
                return v.propagation.raise(v);
            }
            s.writePart(v, h, size - first);
        }
        s.preloadLocked(v);
        return v.scratchWrite;
    }

    /**
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
    private static long fillWrite(VcpuContext v, long lin, int size, boolean alsoRead) {
        long h = fill(v, lin, size, alsoRead ? W | Mmu.MODIFY : W);
        if (alsoRead && h != Mmu.FAULTED) {
            long gpa = v.missGpa;
            long hva = v.missHva;
            long r = fill(v, lin, size, R | Mmu.MODIFY);
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

    // ---- supervisor structures

    /**
     * Translates an implicit supervisor access (descriptor tables, TSS, event delivery to a ring
     * below 3): rights of CPL 0 whatever the CPL. Nothing is raised: check for negative and call
     * {@code v.propagation.raise(v)} at the seam. The access must not cross a page; see {@link
     * #systemRead}.
     *
     * @param size bytes of the access from {@code lin} on
     * @return hva, Mmu.FAULTED, Mmu.DEVICE or Mmu.CODE
     */
    public static long systemFill(
            VcpuContext v, long lin, int size, int access, FaultOrigin origin) {
        if (v.longMode() && !VcpuContext.canonical(lin)) {
            v.fault.guest(Faults.GP, 0);
            return Mmu.FAULTED;
        }
        int who = (int) v.tlbKey & 3;
        long h = systemHit(v, lin, access);
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
    private static long systemHit(VcpuContext v, long lin, int access) {
        long[] t = v.tlb;
        int i = (int) (lin >>> 12 & INDEX) * VcpuContext.TLB_STRIDE;
        long who = (v.cr4 & VcpuContext.CR4_SMAP) != 0 ? 1 : 2;
        long tag = (access & W) != 0 ? t[i + 1] : t[i];
        return tag == (lin & Page.MASK | v.tlbKey & ~3L | who) ? lin + t[i + 2] : -1;
    }

    /**
     * Reads 1..8 bytes of a supervisor structure, page crossings included, into {@code
     * v.scratchRead}. Nothing is raised.
     *
     * @return {@code v.scratchRead}, or -1: the fault is recorded
     */
    public static long systemRead(VcpuContext v, long lin, int size, FaultOrigin origin) {
        int first = (int) Math.min(size, 0x1000 - (lin & 0xFFF));
        long h = systemFill(v, lin, size, R, origin);
        if (h == Mmu.FAULTED) {
            return -1;
        }
        Staged s = Staged.of(v).read();
        s.part(h, v.missGpa, first);
        if (first < size) {
            long next = v.longMode() ? lin + first : lin + first & 0xFFFF_FFFFL;
            h = systemFill(v, next, size - first, R, origin);
            if (h == Mmu.FAULTED) {
                v.fault.partOf(next, lin, size);
                return -1;
            }
            s.part(h, v.missGpa, size - first);
        }
        return s.gather(v, true);
    }

    // ---- sized helpers

    /** Zero-extended load of 1, 2, 4 or 8 bytes at an hva. */
    public static long load(long hva, int size) {
        return switch (size) {
            case 1 -> get8(hva) & 0xFFL;
            case 2 -> get16(hva) & 0xFFFFL;
            case 4 -> get32(hva) & 0xFFFF_FFFFL;
            case 8 -> get64(hva);
            default -> throw new IllegalArgumentException("operand size " + size);
        };
    }

    /** Store of the low 1, 2, 4 or 8 bytes at an hva. */
    public static void store(long hva, int size, long value) {
        switch (size) {
            case 1 -> put8(hva, (byte) value);
            case 2 -> put16(hva, (short) value);
            case 4 -> put32(hva, (int) value);
            case 8 -> put64(hva, value);
            default -> throw new IllegalArgumentException("operand size " + size);
        }
    }

    /**
     * Accesses without a single host address. The parts of the one staged read and the one staged
     * write of a vCPU.
     */
    private static final class Staged extends EngineScratch {
        private final long[] readHva = new long[2];
        private final long[] readGpa = new long[2];
        private final int[] readLen = new int[2];
        private int readParts;
        private final long[] writeHva = new long[2];
        private final long[] preloadHva = new long[2];
        private final long[] writeGpa = new long[2];
        private final int[] writeLen = new int[2];
        private final boolean[] writeCode = new boolean[2];
        private int writeParts;
        private boolean busLocked;
        final DeviceReads reads = new DeviceReads();

        static Staged of(VcpuContext v) {
            if (v.staged instanceof Staged had) {
                return had;
            }
            Staged s = new Staged();
            v.staged = s;
            return s;
        }

        @Override
        public void forgetAccess() {
            reads.forget();
        }

        Staged read() {
            readParts = 0;
            return this;
        }

        Staged write() {
            writeParts = 0;
            return this;
        }

        void part(long h, long gpa, int len) {
            readHva[readParts] = h;
            readGpa[readParts] = gpa;
            readLen[readParts++] = len;
        }

        void writePart(VcpuContext v, long h, int len) {
            boolean code = h == Mmu.CODE;
            writeHva[writeParts] = code ? v.missHva : h;
            preloadHva[writeParts] = v.missRead;
            writeGpa[writeParts] = v.missGpa;
            writeCode[writeParts] = code;
            writeLen[writeParts++] = len;
        }

        boolean readsDevice() {
            return readHva[0] < 0 || readParts > 1 && readHva[1] < 0;
        }

        /**
         * @param early the instruction may still be stopped: remember what devices answer
         */
        long gather(VcpuContext v, boolean early) {
            long to = v.scratchRead;
            for (int i = 0; i < readParts; i++) {
                if (readHva[i] >= 0) {
                    Atomic.copyFrom(readHva[i], to, readLen[i]);
                } else {
                    deviceRead(v, readGpa[i], to, readLen[i], early);
                }
                to += readLen[i];
            }
            return v.scratchRead;
        }

        void preload(VcpuContext v) {
            long to = v.scratchWrite;
            for (int i = 0; i < writeParts; i++) {
                if (preloadHva[i] >= 0) {
                    Atomic.copyFrom(preloadHva[i], to, writeLen[i]);
                } else {
                    deviceRead(v, writeGpa[i], to, writeLen[i], true);
                }
                to += writeLen[i];
            }
        }

        /** The access goes straight to {@code v.missHva}, whose page holds decoded code. */
        long lockCode(VcpuContext v, int size) {
            write().writePart(v, Mmu.CODE, size);
            v.lockedCode = true;
            return v.missHva;
        }

        static int tellLocked(VcpuContext v) {
            Staged s = of(v);
            v.lockedCode = false;
            v.mmu.codeWritten(s.writeGpa[0], s.writeLen[0]);
            return Op.END;
        }

        /**
         * With the bus lock from here to {@link #commitLocked}, unless a device is involved:
         * devices may wait for whoever waits for the lock.
         */
        void preloadLocked(VcpuContext v) {
            boolean ram = true;
            for (int i = 0; i < writeParts; i++) {
                ram &= writeHva[i] >= 0 && preloadHva[i] >= 0;
            }
            if (ram) {
                v.busLock.acquire(v);
            }
            busLocked = ram; // an error may have kept an instruction before this from its commit
            preload(v);
        }

        static int commitLocked(VcpuContext v) {
            Staged s = of(v);
            if (!s.busLocked) {
                return commit(v);
            }
            for (int i = 0, at = 0; i < s.writeParts; at += s.writeLen[i++]) {
                Atomic.copyTo(v.scratchWrite + at, s.writeHva[i], s.writeLen[i]);
            }
            s.busLocked = false;
            v.busLock.release(v);
            int result = Op.NEXT;
            for (int i = 0; i < s.writeParts; i++) {
                if (s.writeCode[i]) {
                    v.mmu.codeWritten(s.writeGpa[i], s.writeLen[i]);
                    result = Op.END;
                }
            }
            return result;
        }

        static int commit(VcpuContext v) {
            Staged s = of(v);
            long from = v.scratchWrite;
            int result = Op.NEXT;
            for (int i = 0; i < s.writeParts; i++) {
                if (s.writeHva[i] < 0) {
                    deviceWrite(v, s.writeGpa[i], from, s.writeLen[i]);
                    if (v.requestOpaque() != 0) {
                        result = Op.END; // the device asks for this boundary
                    }
                } else {
                    Atomic.copyTo(from, s.writeHva[i], s.writeLen[i]);
                    if (s.writeCode[i]) {
                        v.mmu.codeWritten(s.writeGpa[i], s.writeLen[i]);
                        result = Op.END;
                    }
                }
                from += s.writeLen[i];
            }
            return result;
        }

        /** Naturally aligned pieces of at most 8 bytes, ascending. */
        private void deviceRead(VcpuContext v, long gpa, long to, int len, boolean early) {
            for (int at = 0; at < len; ) {
                int n = Atomic.piece(gpa + at, len - at);
                long x = early ? reads.read(v, gpa + at, n) : v.bus.mmioRead(gpa + at, n);
                store(to + at, n, x);
                at += n;
            }
        }

        private static void deviceWrite(VcpuContext v, long gpa, long from, int len) {
            for (int at = 0; at < len; ) {
                int n = Atomic.piece(gpa + at, len - at);
                v.bus.mmioWrite(gpa + at, n, load(from + at, n));
                at += n;
            }
        }
    }
}
