// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.branch;

import dev.faultline.api.cpu.Segments;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.memory.HostBytes;
import dev.faultline.cpu.x86.memory.Mem;
import dev.faultline.cpu.x86.memory.Stack;
import dev.faultline.cpu.x86.op.Decoded;
import dev.faultline.cpu.x86.op.Op;
import dev.faultline.cpu.x86.state.Faults;

/** RET, near. SDM 2B, "RET-Return From Procedure". */
final class Ret {
    private Ret() {}

    static Op make(Decoded d) {
        return d.operandSize == 8 ? new Ret64((int) d.imm) : new Narrow(d);
    }

    private static final class Ret64 extends Op {
        private final int moves;

        Ret64(int release) {
            moves = release + 8;
        }

        @Override
        public int execute(VcpuContext v) {
            long sp = v.gpr[4];
            long h = Mem.read(v, Segments.SS, sp, 8);
            if (h < 0) {
                return FAULT;
            }
            long target = HostBytes.get64(h);
            if (!VcpuContext.canonical(target)) {
                return Faults.gp(v, 0);
            }
            v.gpr[4] = sp + moves;
            v.rip = target;
            return JUMP;
        }
    }

    /** 16 and 32 bits. */
    private static final class Narrow extends Op {
        private final int size;
        private final int moves;

        Narrow(Decoded d) {
            size = d.operandSize;
            moves = size + (int) d.imm;
        }

        @Override
        public int execute(VcpuContext v) {
            long h = Stack.readAt(v, 0, size);
            if (h < 0) {
                return FAULT;
            }
            long target = Mem.load(h, size);
            if (!NearOp.allowed(v, target)) {
                return Faults.gp(v, 0);
            }
            Stack.move(v, moves);
            v.rip = target;
            return JUMP;
        }
    }
}
