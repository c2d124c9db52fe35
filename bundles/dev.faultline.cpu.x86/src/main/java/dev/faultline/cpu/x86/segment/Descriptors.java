// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.segment;

import dev.faultline.api.cpu.Segments;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.fault.FaultOrigin;
import dev.faultline.api.mmu.Mmu;
import dev.faultline.cpu.x86.memory.Mem;
import dev.faultline.cpu.x86.memory.SystemMemory;
import dev.faultline.cpu.x86.state.Faults;

/**
 * Descriptor tables and TSS: reading entries and taking them apart. Cold code: faults are recorded,
 * never raised. SDM 3A, "Segment Descriptors".
 */
public final class Descriptors {
    /** {@link #read}: the selector lies outside its table; the caller knows the exception. */
    public static final int OUTSIDE = 1;

    // System descriptor types.
    public static final int TSS16_AVAILABLE = 1;
    public static final int LDT = 2;
    public static final int TSS16_BUSY = 3;
    public static final int CALL_GATE16 = 4;
    public static final int TASK_GATE = 5;
    public static final int INTERRUPT_GATE16 = 6;
    public static final int TRAP_GATE16 = 7;
    public static final int TSS_AVAILABLE = 9;
    public static final int TSS_BUSY = 0xB;
    public static final int CALL_GATE = 0xC;
    public static final int INTERRUPT_GATE = 0xE;
    public static final int TRAP_GATE = 0xF;

    private Descriptors() {}

    /**
     * Records a guest exception.
     *
     * @return -1
     */
    public static int fault(VcpuContext v, int vector, int errorCode) {
        v.fault.guest(vector, errorCode);
        return -1;
    }

    public static int gp(VcpuContext v, int errorCode) {
        return fault(v, Faults.GP, errorCode);
    }

    public static boolean isNull(int selector) {
        return (selector & 0xFFFC) == 0;
    }

    /** Linear addresses have 32 bits outside IA-32e mode. */
    static long truncate(VcpuContext v, long lin) {
        return v.longMode() ? lin : lin & 0xFFFF_FFFFL;
    }

    /**
     * Reads 1..8 bytes of a supervisor structure into {@code SystemState.value}, zero-extended.
     *
     * @return 0, or -1: the fault is recorded
     */
    static int readWord(VcpuContext v, long lin, int size, FaultOrigin origin) {
        long at = truncate(v, lin);
        long h;
        if ((at & 0xFFF) + size <= 0x1000) {
            h = SystemMemory.fill(v, at, size, Mem.R, origin);
            if (h >= 0) {
                SystemState.of(v).value = Mem.load(h, size);
                return 0;
            }
            if (h == Mmu.FAULTED) {
                return -1;
            }
        }
        h = SystemMemory.read(v, at, size, origin);
        if (h < 0) {
            return -1;
        }
        SystemState.of(v).value = Mem.load(h, size);
        return 0;
    }

    /** As {@link #readWord} for DESCRIPTOR. */
    public static int readTable(VcpuContext v, long lin, int size) {
        return readWord(v, lin, size, FaultOrigin.DESCRIPTOR);
    }

    /**
     * Reads the 8 bytes that a non-null selector names into {@code SystemState.descriptor}.
     *
     * @return 0, {@link #OUTSIDE}, or -1: the fault is recorded
     */
    public static int read(VcpuContext v, int selector) {
        return read(v, selector, 8);
    }

    /**
     * As {@link #read(VcpuContext, int)}; 16 bytes (system descriptors in IA-32e mode) fill {@code
     * descriptorHigh} too.
     */
    public static int read(VcpuContext v, int selector, int size) {
        SystemState s = SystemState.of(v);
        long base;
        long limit;
        if ((selector & 4) != 0) {
            if ((v.segAttr[Segments.LDTR] & Segments.UNUSABLE) != 0
                    || (v.segAttr[Segments.LDTR] & Segments.P) == 0) {
                return OUTSIDE;
            }
            base = v.segBase[Segments.LDTR];
            limit = v.segLimit[Segments.LDTR] & 0xFFFF_FFFFL;
        } else {
            base = v.gdtBase;
            limit = v.gdtLimit & 0xFFFFL;
        }
        int offset = selector & 0xFFF8;
        if (offset + size - 1 > limit) {
            return OUTSIDE;
        }
        long lin = truncate(v, base + offset);
        if (size == 16) {
            if (readTable(v, lin + 8, 8) != 0) {
                return -1;
            }
            s.descriptorHigh = s.value;
        }
        if (readTable(v, lin, 8) != 0) {
            return -1;
        }
        s.descriptor = s.value;
        s.descriptorLin = lin;
        return 0;
    }

    /**
     * As {@link #read(VcpuContext, int, int)}; outside the table is {@code vector} with the
     * selector and {@code ext} as error code.
     */
    public static int readOr(VcpuContext v, int selector, int size, int vector, int ext) {
        int r = read(v, selector, size);
        return r == OUTSIDE ? fault(v, vector, selector & 0xFFFC | ext) : r;
    }

    // ---- parts of a descriptor

    /** As kept in {@code v.segAttr}. */
    public static int attributes(long d) {
        return (int) (d >>> 40) & 0xF0FF;
    }

    public static long base(long d) {
        return d >>> 16 & 0xFF_FFFF | d >>> 32 & 0xFF00_0000L;
    }

    /** In bytes, unsigned 32 bits in an int. */
    public static int limit(long d) {
        int raw = (int) (d & 0xFFFF | d >>> 32 & 0xF_0000);
        return (d & 1L << 55) != 0 ? raw << 12 | 0xFFF : raw;
    }

    public static int type(int attributes) {
        return attributes & 0xF;
    }

    public static boolean present(int attributes) {
        return (attributes & Segments.P) != 0;
    }

    public static boolean isSystem(int attributes) {
        return (attributes & Segments.S) == 0;
    }

    public static boolean isCode(int attributes) {
        return (attributes & (Segments.S | Segments.TYPE_CODE))
                == (Segments.S | Segments.TYPE_CODE);
    }

    public static boolean isConforming(int attributes) {
        return (attributes & Segments.TYPE_DC) != 0;
    }

    public static boolean isWritableData(int attributes) {
        return (attributes & (Segments.S | Segments.TYPE_CODE | Segments.TYPE_RW))
                == (Segments.S | Segments.TYPE_RW);
    }

    public static int gateSelector(long d) {
        return (int) (d >>> 16) & 0xFFFF;
    }

    /** Low 32 bits of a gate's offset. */
    public static long gateOffset(long d) {
        return d & 0xFFFF | d >>> 32 & 0xFFFF_0000L;
    }

    /**
     * Plans the write that sets the accessed bit of a code or data descriptor, if it is clear.
     *
     * @return 0 or -1
     */
    public static int planAccessed(VcpuContext v, PlannedWrites w, long lin, int attributes) {
        if ((attributes & Segments.TYPE_ACCESSED) != 0) {
            return 0;
        }
        return w.bits(v, lin + 5, attributes & 0xFF, Segments.TYPE_ACCESSED, 0);
    }

    // ---- stacks

    /** Whether {@code size} bytes at {@code offset} lie inside a stack or data segment. */
    public static boolean inside(int attributes, int limit, long offset, int size) {
        long top = limit & 0xFFFF_FFFFL;
        long last = offset + size - 1;
        boolean code = (attributes & Segments.TYPE_CODE) != 0;
        if (!code && (attributes & Segments.TYPE_DC) != 0) {
            long end = (attributes & Segments.DB) != 0 ? 0xFFFF_FFFFL : 0xFFFFL;
            return offset > top && last <= end;
        }
        return last <= top;
    }
}
