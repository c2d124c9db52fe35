// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.semantics.integer;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.memory.HostBytes;
import dev.faultline.cpu.x86.Decoded;
import dev.faultline.cpu.x86.MemOp;
import dev.faultline.cpu.x86.Op;
import dev.faultline.cpu.x86.RmOp;

/** MOVZX. SDM 2B, "MOVZX-Move With Zero-Extend". */
final class Movzx {
    private Movzx() {}

    static Op make(Decoded d) {
        boolean bytes = d.entry.operands.equals("Gv,Eb");
        if (d.operandSize == 2) {
            return new Narrow(d, bytes ? 1 : 2);
        }
        if (d.mem) {
            return bytes ? new RM8(d) : new RM16(d);
        }
        return bytes
                ? new RR(d, d.byteRegister(d.rm), d.byteShift(d.rm), 0xFF)
                : new RR(d, d.rm, 0, 0xFFFF);
    }

    private static final class RR extends Op {
        private final int to;
        private final int from;
        private final int shift;
        private final int mask;

        RR(Decoded d, int from, int shift, int mask) {
            to = d.reg;
            this.from = from;
            this.shift = shift;
            this.mask = mask;
        }

        @Override
        public int execute(VcpuContext v) {
            long[] r = v.gpr;
            r[to] = r[from] >>> shift & mask;
            return NEXT;
        }
    }

    private static final class RM8 extends MemOp {
        private final int to;

        RM8(Decoded d) {
            super(d);
            to = d.reg;
        }

        @Override
        public int execute(VcpuContext v) {
            long h = read(v, 1);
            if (h < 0) {
                return FAULT;
            }
            v.gpr[to] = HostBytes.get8(h) & 0xFFL;
            return NEXT;
        }
    }

    private static final class RM16 extends MemOp {
        private final int to;

        RM16(Decoded d) {
            super(d);
            to = d.reg;
        }

        @Override
        public int execute(VcpuContext v) {
            long h = read(v, 2);
            if (h < 0) {
                return FAULT;
            }
            v.gpr[to] = HostBytes.get16(h) & 0xFFFFL;
            return NEXT;
        }
    }

    /** To a 16-bit register. */
    private static final class Narrow extends RmOp {
        private final int to;

        Narrow(Decoded d, int size) {
            super(d, size);
            to = d.reg;
        }

        @Override
        public int execute(VcpuContext v) {
            long h = probe(v);
            if (h < 0) {
                return FAULT;
            }
            long x = get(v, h);
            v.gpr[to] = v.gpr[to] & ~0xFFFFL | x;
            return NEXT;
        }
    }
}
