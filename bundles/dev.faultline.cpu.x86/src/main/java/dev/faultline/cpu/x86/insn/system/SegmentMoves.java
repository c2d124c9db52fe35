// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.system;

import dev.faultline.api.cpu.Segments;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.memory.HostBytes;
import dev.faultline.cpu.x86.debug.Debug;
import dev.faultline.cpu.x86.memory.Mem;
import dev.faultline.cpu.x86.memory.Segmentation;
import dev.faultline.cpu.x86.op.Decoded;
import dev.faultline.cpu.x86.op.MemOp;
import dev.faultline.cpu.x86.op.Op;
import dev.faultline.cpu.x86.op.Raise;
import dev.faultline.cpu.x86.segment.SegmentLoads;
import dev.faultline.cpu.x86.segment.Stacks;
import dev.faultline.cpu.x86.state.Faults;
import dev.faultline.cpu.x86.state.Outcome;

/**
 * MOV to and from segment registers, PUSH and POP of them, LDS LES LSS LFS LGS. The rules are in
 * {@link SegmentLoads}.
 */
final class SegmentMoves {
    private SegmentMoves() {}

    /** MOV Sreg, r/m16. */
    static Op load(Decoded d) {
        int seg = d.modrm >> 3 & 7;
        if (seg == Segments.CS || seg > Segments.GS) {
            return new Raise(Faults.UD);
        }
        return d.mem ? new LoadM(d, seg) : new LoadR(seg, d.rm);
    }

    /** MOV r/m, Sreg. */
    static Op store(Decoded d) {
        int seg = d.modrm >> 3 & 7;
        if (seg > Segments.GS) {
            return new Raise(Faults.UD);
        }
        return d.mem ? new StoreM(d, seg) : new StoreR(seg, d.rm, d.operandSize);
    }

    static Op push(Decoded d, int seg) {
        return new Push(d, seg);
    }

    static Op pop(Decoded d, int seg) {
        return new Pop(d, seg);
    }

    /** LDS and friends. */
    static Op far(Decoded d, int seg) {
        return new FarPointer(d, seg);
    }

    /** Loads and retires: a load of SS holds interrupts and debug traps off. */
    private static int finish(VcpuContext v, int seg, int selector) {
        if (SegmentLoads.load(v, seg, selector) != 0) {
            return (int) v.propagation.raise(v);
        }
        return Outcome.NEXT;
    }

    private static int shadow(VcpuContext v, int seg) {
        if (seg != Segments.SS) {
            return Outcome.NEXT;
        }
        Debug.stackSegmentLoaded(v);
        return Outcome.END;
    }

    private static final class LoadR extends Op {
        private final int seg;
        private final int from;

        LoadR(int seg, int from) {
            this.seg = seg;
            this.from = from;
        }

        @Override
        public int execute(VcpuContext v) {
            int r = finish(v, seg, (int) v.gpr[from] & 0xFFFF);
            return r != NEXT ? r : shadow(v, seg);
        }
    }

    private static final class LoadM extends MemOp {
        private final int to;

        LoadM(Decoded d, int to) {
            super(d);
            this.to = to;
        }

        @Override
        public int execute(VcpuContext v) {
            long h = read(v, 2);
            if (h < 0) {
                return FAULT;
            }
            int r = finish(v, to, HostBytes.get16(h) & 0xFFFF);
            return r != NEXT ? r : shadow(v, to);
        }
    }

    private static final class StoreR extends Op {
        private final int seg;
        private final int to;
        private final int size;

        StoreR(int seg, int to, int size) {
            this.seg = seg;
            this.to = to;
            this.size = size;
        }

        @Override
        public int execute(VcpuContext v) {
            long sel = v.segSel[seg] & 0xFFFFL;
            v.gpr[to] = size == 2 ? v.gpr[to] & ~0xFFFFL | sel : sel;
            return NEXT;
        }
    }

    private static final class StoreM extends MemOp {
        private final int from;

        StoreM(Decoded d, int from) {
            super(d);
            this.from = from;
        }

        @Override
        public int execute(VcpuContext v) {
            long h = write(v, 2);
            if (h < 0) {
                return FAULT;
            }
            HostBytes.put16(h, (short) v.segSel[from]);
            return Mem.commit(v, h);
        }
    }

    private static final class Push extends Op {
        private final int from;
        private final int size;

        Push(Decoded d, int from) {
            this.from = from;
            size = d.operandSize;
        }

        @Override
        public int execute(VcpuContext v) {
            long sp = Stacks.pointer(v) - size & v.stackMask;
            // A 32-bit push of a segment register writes only 16 bits of its slot.
            int bytes = size == 4 ? 2 : size;
            long lin = Segmentation.linear(v, Segments.SS, sp, bytes, Mem.W);
            if (Segmentation.failed(v, lin)) {
                return FAULT;
            }
            long h = Mem.write(v, Segments.SS, lin, bytes);
            if (h < 0) {
                return FAULT;
            }
            Mem.store(h, bytes, v.segSel[from] & 0xFFFFL);
            Stacks.pointer(v, sp);
            return Mem.commit(v, h);
        }
    }

    private static final class Pop extends Op {
        private final int to;
        private final int size;

        Pop(Decoded d, int to) {
            this.to = to;
            size = d.operandSize;
        }

        @Override
        public int execute(VcpuContext v) {
            long sp = Stacks.pointer(v);
            int bytes = size == 4 ? 2 : size;
            long lin = Segmentation.linear(v, Segments.SS, sp, bytes, Mem.R);
            if (Segmentation.failed(v, lin)) {
                return FAULT;
            }
            long h = Mem.read(v, Segments.SS, lin, bytes);
            if (h < 0) {
                return FAULT;
            }
            long mask = v.stackMask;
            long old = v.gpr[4];
            int r = finish(v, to, HostBytes.get16(h) & 0xFFFF);
            if (r != NEXT) {
                return r;
            }
            // The stack pointer counts with the size of the stack that was popped from.
            v.gpr[4] = mask == 0xFFFF ? old & ~0xFFFFL | sp + size & 0xFFFF : sp + size & mask;
            return shadow(v, to);
        }
    }

    private static final class FarPointer extends MemOp {
        private final int to;
        private final int reg;
        private final int size;

        FarPointer(Decoded d, int to) {
            super(d);
            this.to = to;
            reg = d.reg;
            size = d.operandSize;
        }

        @Override
        public int execute(VcpuContext v) {
            long h = read(v, size + 2);
            if (h < 0) {
                return FAULT;
            }
            long offset = Mem.load(h, size);
            int selector = (int) Mem.load(h + size, 2);
            int r = finish(v, to, selector);
            if (r != NEXT) {
                return r;
            }
            v.gpr[reg] = size == 2 ? v.gpr[reg] & ~0xFFFFL | offset : offset;
            // LSS, unlike MOV SS, holds nothing off, but the stack has changed.
            return to == Segments.SS ? END : NEXT;
        }
    }
}
