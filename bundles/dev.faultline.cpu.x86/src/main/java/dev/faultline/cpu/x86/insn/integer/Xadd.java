// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.integer;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.kernel.integer.Alu;
import dev.faultline.cpu.x86.op.Decoded;
import dev.faultline.cpu.x86.op.LockedOp;
import dev.faultline.cpu.x86.op.Op;
import dev.faultline.cpu.x86.op.RmOp;

/** XADD. SDM 2D, "XADD-Exchange and Add". */
final class Xadd {
    private Xadd() {}

    static Op make(Decoded d) {
        int size = d.row.operands.equals("Eb,Gb") ? 1 : d.operandSize;
        return d.lock ? new Lock(d, size) : new EG(d, size);
    }

    private static final class EG extends RmOp {
        private final int shift;

        EG(Decoded d, int size) {
            super(d, size);
            shift = 64 - size * 8;
        }

        @Override
        public int execute(VcpuContext v) {
            long h = probeRW(v);
            if (h < 0) {
                return FAULT;
            }
            long old = get(v, h);
            long sum = Alu.addSmall(v, old, getG(v), 0, shift);
            // The destination last: with both operands the same register it holds the sum.
            putG(v, old);
            return put(v, h, sum);
        }
    }

    private static final class Lock extends LockedOp {
        private final int shift;

        Lock(Decoded d, int size) {
            super(d, size);
            shift = 64 - size * 8;
        }

        @Override
        protected long apply(VcpuContext v, long a) {
            return Alu.addSmall(v, a, getG(v), 0, shift);
        }

        @Override
        protected void replaced(VcpuContext v, long old) {
            putG(v, old);
        }
    }
}
