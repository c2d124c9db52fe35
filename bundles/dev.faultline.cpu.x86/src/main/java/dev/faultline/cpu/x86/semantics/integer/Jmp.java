// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.semantics.integer;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.Decoded;
import dev.faultline.cpu.x86.Faults;
import dev.faultline.cpu.x86.Op;
import dev.faultline.cpu.x86.RmOp;

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
        public boolean endsBlock() {
            return true;
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
