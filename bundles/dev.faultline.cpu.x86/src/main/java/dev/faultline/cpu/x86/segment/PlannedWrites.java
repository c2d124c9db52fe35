// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.segment;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.fault.FaultOrigin;
import dev.faultline.api.memory.HostBytes;
import dev.faultline.api.mmu.Mmu;
import dev.faultline.cpu.x86.memory.Atomic;
import dev.faultline.cpu.x86.memory.Mem;
import dev.faultline.cpu.x86.memory.SystemMemory;
import dev.faultline.cpu.x86.state.Faults;
import dev.faultline.cpu.x86.state.Outcome;

/**
 * Writes that an instruction or event will make once all its checks have passed: each is translated
 * when it is added, and all are stored by {@link #commit}, which cannot fail. Cold code: nothing is
 * raised.
 */
public final class PlannedWrites {
    private static final int SYSTEM = Mmu.SYSTEM;

    /** Stack frames, TSS images and descriptor bits of one event: never more pieces than this. */
    private static final int MAX = 96;

    private final long[] hva = new long[MAX];
    private final long[] gpa = new long[MAX];
    private final long[] value = new long[MAX];
    private final int[] size = new int[MAX];
    private final boolean[] code = new boolean[MAX];

    /** Of a byte: bits that are set, atomically, and bits that are cleared; 0 and 0: none. */
    private final int[] set = new int[MAX];

    private final int[] cleared = new int[MAX];
    private int claimed = -1;
    private int count;

    public PlannedWrites clear() {
        count = 0;
        claimed = -1;
        return this;
    }

    /**
     * Bits of one byte of a descriptor, changed by a locked access: what other vCPUs change in it
     * meanwhile stays. SDM 3A, "Automatic Locking". As {@link #system}.
     *
     * @param old the byte as it was read, for devices
     */
    public int bits(VcpuContext v, long lin, int old, int setBits, int clearBits) {
        int i = count;
        long at = Descriptors.truncate(v, lin);
        long val = old & ~clearBits | setBits;
        if (piece(v, at, 1, at, 1, val, FaultOrigin.DESCRIPTOR, Mem.W | Mmu.MODIFY | SYSTEM) != 0) {
            return -1;
        }
        set[i] = setBits;
        cleared[i] = clearBits;
        return 0;
    }

    /** As {@link #bits} for one that must not be set yet, which {@link #claim} sees to. */
    public int claimed(VcpuContext v, long lin, int old, int bit) {
        int i = count;
        int r = bits(v, lin, old, bit, 0);
        claimed = r == 0 ? i : -1;
        return r;
    }

    /**
     * Sets the bit that {@link #claimed} planned. Before {@link #commit}.
     *
     * @return false: another vCPU has set it; nothing has changed
     */
    public boolean claim() {
        int i = claimed;
        if (i < 0 || hva[i] < 0) {
            return true;
        }
        return (Atomic.change(hva[i], set[i], 0) & set[i]) == 0;
    }

    /**
     * A supervisor write, whatever the CPL.
     *
     * @param lin linear address; outside IA-32e mode truncated here
     * @param bytes 1, 2, 4 or 8
     * @return 0, or -1: the fault is recorded
     */
    public int system(VcpuContext v, long lin, int bytes, long val, FaultOrigin origin) {
        return add(v, lin, bytes, val, origin, Mem.W | SYSTEM);
    }

    /** A write with the rights of the current CPL. */
    int data(VcpuContext v, long lin, int bytes, long val, FaultOrigin origin) {
        if ((v.tlbKey & 3) == 3 && (lin & bytes - 1) != 0) {
            v.fault.guest(Faults.AC, 0);
            return -1;
        }
        return add(v, lin, bytes, val, origin, Mem.W);
    }

    private int add(VcpuContext v, long lin, int bytes, long val, FaultOrigin origin, int access) {
        long at = Descriptors.truncate(v, lin);
        int first = (int) Math.min(bytes, 0x1000 - (at & 0xFFF));
        if (piece(v, at, first, at, bytes, val, origin, access) != 0) {
            return -1;
        }
        long next = Descriptors.truncate(v, at + first);
        return first == bytes
                ? 0
                : piece(v, next, bytes - first, at, bytes, val >>> 8 * first, origin, access);
    }

    /** The {@code bytes} at {@code at} of the write of {@code size} bytes at {@code lin}. */
    private int piece(
            VcpuContext v,
            long at,
            int bytes,
            long lin,
            int size,
            long val,
            FaultOrigin origin,
            int access) {
        long h =
                (access & SYSTEM) != 0
                        ? SystemMemory.fill(v, at, bytes, access & ~SYSTEM, origin)
                        : userFill(v, at, bytes, origin);
        if (h == Mmu.FAULTED) {
            v.fault.partOf(at, lin, size);
            return -1;
        }
        int i = count++;
        set[i] = 0;
        cleared[i] = 0;
        code[i] = h == Mmu.CODE;
        hva[i] = code[i] ? v.missHva : h;
        gpa[i] = v.missGpa;
        this.size[i] = bytes;
        value[i] = val;
        return 0;
    }

    private static long userFill(VcpuContext v, long lin, int bytes, FaultOrigin origin) {
        if (v.longMode() && !VcpuContext.canonical(lin)) {
            v.fault.guest(Faults.SS, 0);
            return Mmu.FAULTED;
        }
        return Stacks.translate(v, lin, bytes, Mmu.WRITE, origin);
    }

    /**
     * Stores everything.
     *
     * @return {@link Outcome#NEXT}, or {@link Outcome#END} if decoded code may have changed
     */
    public int commit(VcpuContext v) {
        int result = Outcome.NEXT;
        for (int i = 0; i < count; i++) {
            if (hva[i] < 0) {
                device(v, gpa[i], size[i], value[i]);
                continue;
            }
            if ((set[i] | cleared[i]) != 0) {
                Atomic.change(hva[i], set[i], cleared[i]);
            } else if (Integer.bitCount(size[i]) == 1) {
                Mem.store(hva[i], size[i], value[i]);
            } else {
                for (int b = 0; b < size[i]; b++) {
                    HostBytes.put8(hva[i] + b, (byte) (value[i] >>> 8 * b));
                }
            }
            if (code[i]) {
                v.mmu.codeWritten(gpa[i], size[i]);
                result = Outcome.END;
            }
        }
        count = 0;
        return result;
    }

    private static void device(VcpuContext v, long gpa, int bytes, long val) {
        if (Integer.bitCount(bytes) == 1 && (gpa & bytes - 1) == 0) {
            v.bus.mmioWrite(gpa, bytes, bytes == 8 ? val : val & (1L << 8 * bytes) - 1);
            return;
        }
        for (int b = 0; b < bytes; b++) {
            v.bus.mmioWrite(gpa + b, 1, val >>> 8 * b & 0xFF);
        }
    }
}
