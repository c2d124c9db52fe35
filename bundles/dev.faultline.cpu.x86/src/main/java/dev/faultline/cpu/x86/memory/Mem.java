// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.memory;

import static dev.faultline.api.memory.HostBytes.get16;
import static dev.faultline.api.memory.HostBytes.get32;
import static dev.faultline.api.memory.HostBytes.get64;
import static dev.faultline.api.memory.HostBytes.get8;
import static dev.faultline.api.memory.HostBytes.put16;
import static dev.faultline.api.memory.HostBytes.put32;
import static dev.faultline.api.memory.HostBytes.put64;
import static dev.faultline.api.memory.HostBytes.put8;

import dev.faultline.api.address.Page;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.mmu.Mmu;
import dev.faultline.cpu.x86.state.Outcome;

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

    static final int INDEX = VcpuContext.TLB_ENTRIES - 1;

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
        return Misses.read(v, seg, lin, size, false);
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
        return Misses.write(v, seg, lin, size, false);
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
        return Misses.write(v, seg, lin, size, true);
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
        return Misses.locked(v, seg, lin, size);
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
        return v.lockedCode ? Staged.tellLocked(v) : Outcome.NEXT;
    }

    /**
     * Finishes a write through {@code hva}. Cannot fault.
     *
     * @return {@link Outcome#NEXT}, or {@link Outcome#END} if decoded code may have changed or a
     *     device made a request; an Op may return it as its own result
     */
    public static int commit(VcpuContext v, long hva) {
        return hva == v.scratchWrite ? Staged.commit(v) : Outcome.NEXT;
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
        return Misses.read(v, seg, lin, size, true);
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
    public static void stopped(VcpuContext v) {
        if (v.staged instanceof Staged s) {
            s.reads.rewind();
        }
    }

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
}
