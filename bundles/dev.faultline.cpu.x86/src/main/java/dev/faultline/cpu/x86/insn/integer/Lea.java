// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.integer;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.op.Decoded;
import dev.faultline.cpu.x86.op.MemOp;
import dev.faultline.cpu.x86.op.Op;

/** LEA. SDM 2A, "LEA-Load Effective Address". */
final class Lea {
    private Lea() {}

    static Op make(Decoded d) {
        if (d.addressSize == 8 && !d.ripRelative) {
            if (d.operandSize == 8) {
                return new R64(d);
            }
            if (d.operandSize == 4) {
                return new R32(d);
            }
        }
        if (d.ripRelative && d.operandSize == 8 && d.addressSize == 8) {
            return new Rip(d);
        }
        return new Any(d);
    }

    private static final class R64 extends Op {
        private final int to;
        private final int base;
        private final int index;
        private final int scale;
        private final long disp;

        R64(Decoded d) {
            to = d.reg;
            base = d.base;
            index = d.index;
            scale = d.scale;
            disp = d.disp;
        }

        @Override
        public int execute(VcpuContext v) {
            long[] r = v.gpr;
            r[to] = r[base] + (r[index] << scale) + disp;
            return NEXT;
        }
    }

    private static final class R32 extends Op {
        private final int to;
        private final int base;
        private final int index;
        private final int scale;
        private final long disp;

        R32(Decoded d) {
            to = d.reg;
            base = d.base;
            index = d.index;
            scale = d.scale;
            disp = d.disp;
        }

        @Override
        public int execute(VcpuContext v) {
            long[] r = v.gpr;
            r[to] = r[base] + (r[index] << scale) + disp & 0xFFFF_FFFFL;
            return NEXT;
        }
    }

    /** The address of something beside the code. */
    private static final class Rip extends Op {
        private final int to;
        private final long disp;

        Rip(Decoded d) {
            to = d.reg;
            disp = d.end + d.disp;
        }

        @Override
        public int execute(VcpuContext v) {
            v.gpr[to] = v.engineBase + disp;
            return NEXT;
        }
    }

    private static final class Any extends MemOp {
        private final int to;
        private final long mask;
        private final long keep;

        Any(Decoded d) {
            super(d);
            to = d.reg;
            mask = -1L >>> 64 - d.operandSize * 8;
            keep = d.operandSize == 2 ? ~0xFFFFL : 0;
        }

        @Override
        public int execute(VcpuContext v) {
            long[] r = v.gpr;
            r[to] = r[to] & keep | ea(v) & mask;
            return NEXT;
        }
    }
}
