// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.op;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.memory.Mem;
import dev.faultline.cpu.x86.memory.Preflight;
import dev.faultline.cpu.x86.memory.Segmentation;
import dev.faultline.cpu.x86.state.Faults;

/** An instruction with a memory operand. The address forms are told apart once, at decoding. */
public abstract class MemOp extends Op {
    private static final int FLAT64 = 0;
    private static final int RIP64 = 1;
    private static final int BASED64 = 2;
    private static final int SEGMENTED = 3;

    /** Index in gpr or VcpuContext.ZERO. */
    protected final int base;

    protected final int index;
    protected final int scale;
    protected final long disp;
    protected final int seg;
    private final int kind;
    private final long mask;

    protected MemOp(Decoded d) {
        base = d.base;
        index = d.index;
        scale = d.scale;
        seg = d.seg;
        mask = d.addressSize == 8 ? -1L : d.addressSize == 4 ? 0xFFFF_FFFFL : 0xFFFFL;
        if (d.ripRelative) {
            disp = d.disp + d.end;
            kind = d.addressSize == 8 && seg < 4 ? RIP64 : BASED64;
        } else {
            disp = d.disp;
            kind = d.codeBits != 64 ? SEGMENTED : d.addressSize == 8 && seg < 4 ? FLAT64 : BASED64;
        }
        ripRelative = d.ripRelative;
    }

    private final boolean ripRelative;

    /** Offset in the segment: what LEA gives, before truncation to the operand size. */
    protected final long ea(VcpuContext v) {
        long[] r = v.gpr;
        long sum = r[base] + (r[index] << scale) + disp;
        if (ripRelative) {
            sum += v.engineBase;
        }
        return sum & mask;
    }

    /**
     * The operand's bytes for reading.
     *
     * @param size 1..64 bytes
     * @return an hva, or a negative value: return {@link #FAULT}
     */
    protected final long read(VcpuContext v, int size) {
        if (kind == FLAT64) {
            long[] r = v.gpr;
            return Mem.read(v, seg, r[base] + (r[index] << scale) + disp, size);
        }
        return readOther(v, 0, size);
    }

    /** For writing; follow the stores with {@link Mem#commit}. */
    protected final long write(VcpuContext v, int size) {
        if (kind == FLAT64) {
            long[] r = v.gpr;
            return Mem.write(v, seg, r[base] + (r[index] << scale) + disp, size);
        }
        return writeOther(v, 0, size);
    }

    /**
     * For reading, then writing: faults once, as both; follow the store with {@link Mem#commit}.
     */
    protected final long readWrite(VcpuContext v, int size) {
        if (kind == FLAT64) {
            long[] r = v.gpr;
            return Mem.readWrite(v, seg, r[base] + (r[index] << scale) + disp, size);
        }
        return readWriteOther(v, 0, size);
    }

    /**
     * The 16 bytes of an operand that must be aligned: that is checked before the segment.
     *
     * @return hva, or negative: return {@link #FAULT}
     */
    protected final long readAligned(VcpuContext v) {
        return (v.effBase[seg] + ea(v) & 15) != 0 ? Faults.gp(v, 0) : read(v, 16);
    }

    /** As {@link #readAligned}, for writing; follow the stores with {@link Mem#commit}. */
    protected final long writeAligned(VcpuContext v) {
        return (v.effBase[seg] + ea(v) & 15) != 0 ? Faults.gp(v, 0) : write(v, 16);
    }

    /** For an atomic read-modify-write; see {@link Mem#locked}. */
    protected final long locked(VcpuContext v, int size) {
        if (kind == FLAT64) {
            long[] r = v.gpr;
            return Mem.locked(v, seg, r[base] + (r[index] << scale) + disp, size);
        }
        return lockedAt(v, 0, size);
    }

    /** The same {@code delta} bytes from the operand. */
    protected final long lockedAt(VcpuContext v, long delta, int size) {
        if (kind == RIP64) {
            return Mem.locked(v, seg, v.engineBase + disp + delta, size);
        }
        long lin = linear(v, delta, size, Mem.R | Mem.W);
        return linearFailed(lin) ? lin : Mem.locked(v, seg, lin, size);
    }

    /**
     * The linear address of the operand displaced by {@code delta} bytes, limit and rights checked
     * for {@code size} bytes.
     *
     * @param access {@link Mem#R}, {@link Mem#W} or both
     * @return linear address; when {@link #linearFailed} says so, return FAULT
     */
    protected final long linear(VcpuContext v, long delta, int size, int access) {
        long ea = ea(v) + delta & mask;
        if (kind == SEGMENTED) {
            return Segmentation.segmented(v, seg, ea, size, access);
        }
        return v.effBase[seg] + ea;
    }

    /**
     * Whether {@link #linear} refused. Outside 64-bit mode addresses are never negative; inside, it
     * never refuses.
     */
    protected final boolean linearFailed(long lin) {
        return kind == SEGMENTED && lin < 0;
    }

    /**
     * As {@link #read(VcpuContext, int)} at a displacement from the operand, for operands made of
     * parts.
     */
    protected final long readAt(VcpuContext v, long delta, int size) {
        return readOther(v, delta, size);
    }

    protected final long writeAt(VcpuContext v, long delta, int size) {
        return writeOther(v, delta, size);
    }

    protected final long readWriteAt(VcpuContext v, long delta, int size) {
        return readWriteOther(v, delta, size);
    }

    /** Whether protection stops an access to the operand; see {@link Preflight#access}. */
    protected final int preflight(VcpuContext v, int size, int access) {
        return preflight(v, 0, size, access);
    }

    /** The same {@code delta} bytes from the operand. */
    protected final int preflight(VcpuContext v, long delta, int size, int access) {
        return Preflight.access(v, seg, ea(v) + delta & mask, size, access);
    }

    private long readOther(VcpuContext v, long delta, int size) {
        if (kind == RIP64) {
            return Mem.read(v, seg, v.engineBase + disp + delta, size);
        }
        long lin = linear(v, delta, size, Mem.R);
        return linearFailed(lin) ? lin : Mem.read(v, seg, lin, size);
    }

    private long writeOther(VcpuContext v, long delta, int size) {
        if (kind == RIP64) {
            return Mem.write(v, seg, v.engineBase + disp + delta, size);
        }
        long lin = linear(v, delta, size, Mem.W);
        return linearFailed(lin) ? lin : Mem.write(v, seg, lin, size);
    }

    private long readWriteOther(VcpuContext v, long delta, int size) {
        if (kind == RIP64) {
            return Mem.readWrite(v, seg, v.engineBase + disp + delta, size);
        }
        long lin = linear(v, delta, size, Mem.R | Mem.W);
        return linearFailed(lin) ? lin : Mem.readWrite(v, seg, lin, size);
    }
}
