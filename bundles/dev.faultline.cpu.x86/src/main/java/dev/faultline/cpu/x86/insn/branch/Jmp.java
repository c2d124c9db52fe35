// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.branch;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.op.Decoded;
import dev.faultline.cpu.x86.op.Op;
import dev.faultline.cpu.x86.op.RmOp;
import dev.faultline.cpu.x86.state.Faults;

/** JMP, near. SDM 2A, "JMP-Jump". */
final class Jmp {
    private Jmp() {}

    static Op make(Decoded d) {
        return d.row.operands.equals("Ev") ? new Indirect(d) : new Relative(d);
    }

    private static final class Relative extends NearOp {
        Relative(Decoded d) {
            super(d);
        }

        @Override
        public int execute(VcpuContext v) {
            return jump(v);
        }
    }

    private static final class Indirect extends RmOp {
        Indirect(Decoded d) {
            super(d, d.operandSize);
        }

        @Override
        public int execute(VcpuContext v) {
            long h = probe(v);
            if (h < 0) {
                return FAULT;
            }
            long target = get(v, h);
            if (!NearOp.allowed(v, target)) {
                return Faults.gp(v, 0);
            }
            v.rip = target;
            return JUMP;
        }
    }
}
