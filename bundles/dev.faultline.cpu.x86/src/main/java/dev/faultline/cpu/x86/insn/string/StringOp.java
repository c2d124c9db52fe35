// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.string;

import static dev.faultline.api.cpu.Gpr.RCX;
import static dev.faultline.api.cpu.Gpr.RDI;
import static dev.faultline.api.cpu.Gpr.RSI;

import dev.faultline.api.cpu.Segments;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.debug.Debug;
import dev.faultline.cpu.x86.memory.Mem;
import dev.faultline.cpu.x86.memory.Preflight;
import dev.faultline.cpu.x86.memory.Segmentation;
import dev.faultline.cpu.x86.op.Decoded;
import dev.faultline.cpu.x86.op.Op;
import dev.faultline.cpu.x86.state.Outcome;

/**
 * What the string instructions share. SDM 1, "String Instructions"; SDM 2B,
 * "REP/REPE/REPZ/REPNE/REPNZ". A repeated one executes a bounded chunk, commits RCX, RSI and RDI
 * with it, and returns {@link Outcome#AGAIN}: a fault or a request finds a whole number of
 * iterations done.
 */
abstract class StringOp extends Op {

    /** Longest run of elements in one chunk, bytes. */
    static final int CHUNK = 4096;

    /** Elements in one chunk where they are done one by one. */
    static final int STEPS = 64;

    /** Element: 1, 2, 4 or 8 bytes. */
    final int size;

    final long addressMask;

    /** Of the source: override or DS. */
    final int seg;

    final boolean repeated;

    StringOp(Decoded d) {
        size = (d.opcode & 1) == 0 ? 1 : d.operandSize;
        addressMask = -1L >>> 64 - d.addressSize * 8;
        seg = d.seg;
        repeated = d.rep != 0;
    }

    /**
     * Iterations to do. As in hardware, a repetition by ECX clears the upper halves of the
     * registers it counts and addresses with, even if it does nothing or a guest exception stops
     * its first iteration; not if protection does: ask {@link #stopped} before.
     */
    final long count(VcpuContext v) {
        if (!repeated) {
            return 1;
        }
        long n = v.gpr[RCX] & addressMask;
        if (addressMask == 0xFFFF_FFFFL) {
            v.gpr[RCX] = n;
            truncate(v);
        }
        return n;
    }

    /** Whether protection stops the first iteration of a repetition by ECX; then it is raised. */
    final boolean stopped(VcpuContext v) {
        if (!repeated || addressMask != 0xFFFF_FFFFL) {
            return false;
        }
        boolean clears = (v.gpr[RCX] | v.gpr[RSI] | v.gpr[RDI]) >>> 32 != 0;
        if (!clears || (int) v.gpr[RCX] == 0 || preflight(v) != Preflight.STOPPED) {
            return false;
        }
        v.propagation.raise(v);
        return true;
    }

    /** Whether protection stops one of the accesses of an iteration, in their order. */
    abstract int preflight(VcpuContext v);

    final int preflightSource(VcpuContext v) {
        return Preflight.access(v, seg, v.gpr[RSI] & addressMask, size, Mem.R);
    }

    final int preflightDestination(VcpuContext v, int access) {
        return Preflight.access(v, Segments.ES, v.gpr[RDI] & addressMask, size, access);
    }

    /**
     * Clears the upper halves of the address registers; only in instructions that store, where
     * hardware does so before the first iteration is done.
     */
    void truncate(VcpuContext v) {}

    /** Distance to the next element, bytes. */
    final long stride(VcpuContext v) {
        return (v.eflags & VcpuContext.DF) != 0 ? -size : size;
    }

    /** Register {@code i} moved by {@code delta}, in its part that addresses use. */
    final void move(VcpuContext v, int i, long delta) {
        long r = v.gpr[i];
        v.gpr[i] =
                addressMask == 0xFFFF ? r & ~0xFFFFL | r + delta & 0xFFFF : r + delta & addressMask;
    }

    /**
     * Counts {@code n} iterations.
     *
     * @return NEXT, or AGAIN if some are left
     */
    final int counted(VcpuContext v, long n) {
        if (!repeated) {
            return NEXT;
        }
        long left = (v.gpr[RCX] & addressMask) - n;
        move(v, RCX, -n);
        return left == 0 ? NEXT : AGAIN;
    }

    /**
     * Most iterations that one call may do one by one: a single one under TF, with breakpoints
     * armed, and while a fault handler's answer holds.
     */
    static int steps(VcpuContext v) {
        return Debug.needed(v) || v.diversion.active() ? 1 : STEPS;
    }

    /**
     * Translates the element at RSI.
     *
     * @return hva, Mem.LATE (a device is not read yet), or -1
     */
    final long source(VcpuContext v) {
        long lin = Segmentation.linear(v, seg, v.gpr[RSI] & addressMask, size, Mem.R);
        return Segmentation.failed(v, lin) ? lin : Mem.readLate(v, seg, lin, size);
    }

    /** Translates the element at ES:RDI for writing. */
    final long destination(VcpuContext v) {
        long lin = Segmentation.linear(v, Segments.ES, v.gpr[RDI] & addressMask, size, Mem.W);
        return Segmentation.failed(v, lin) ? lin : Mem.write(v, Segments.ES, lin, size);
    }

    /** Translates the element at ES:RDI for reading; result as of {@link #source}. */
    final long compared(VcpuContext v) {
        long lin = Segmentation.linear(v, Segments.ES, v.gpr[RDI] & addressMask, size, Mem.R);
        return Segmentation.failed(v, lin) ? lin : Mem.readLate(v, Segments.ES, lin, size);
    }

    /**
     * How many elements, at most {@code n}, upwards from the one at offset {@code ea}, need no
     * further check than that one's: same page, no wrap, below the segment's limit.
     */
    final long run(VcpuContext v, int segment, long ea, int access, long n) {
        long lin = v.effBase[segment] + ea;
        long bytes = Math.min(0x1000 - (lin & 0xFFF), CHUNK);
        if ((v.segFast[segment] & access) != access) {
            int a = v.segAttr[segment];
            if ((a & (Segments.TYPE_CODE | Segments.TYPE_DC)) == Segments.TYPE_DC) {
                return 1;
            }
            bytes = Math.min(bytes, (v.segLimit[segment] & 0xFFFF_FFFFL) - ea + 1);
        }
        long room = addressMask - ea;
        if (room >= 0 && room < bytes) {
            bytes = room + 1;
        }
        return Math.max(1, Math.min(n, bytes / size));
    }

    /**
     * Whether a chunk may be more than one element at once: upwards, no single-stepping, no
     * breakpoints, and no fault handler's answer holds.
     */
    static boolean bulk(VcpuContext v) {
        return (v.eflags & VcpuContext.DF) == 0 && !Debug.needed(v) && !v.diversion.active();
    }
}
