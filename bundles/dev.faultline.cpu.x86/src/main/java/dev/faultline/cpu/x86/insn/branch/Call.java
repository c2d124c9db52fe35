// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.branch;

import dev.faultline.api.cpu.Segments;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.memory.HostBytes;
import dev.faultline.cpu.x86.memory.Mem;
import dev.faultline.cpu.x86.memory.Stack;
import dev.faultline.cpu.x86.op.Decoded;
import dev.faultline.cpu.x86.op.Op;
import dev.faultline.cpu.x86.op.RmOp;
import dev.faultline.cpu.x86.state.Faults;
import dev.faultline.cpu.x86.state.Outcome;

/**
 * CALL, near. SDM 2A, "CALL-Call Procedure". As in hardware, the return address is stored before
 * the target is checked: a refused call leaves it below the stack pointer, which does not move.
 */
final class Call {
    private Call() {}

    static Op make(Decoded d) {
        if (d.row.operands.equals("Jz")) {
            return d.operandSize == 8 ? new Relative64(d) : new Relative(d);
        }
        return new Indirect(d);
    }

    /** Ends a call whose return address is stored at {@code h}. */
    private static int leave(VcpuContext v, long h, int size, boolean allowed, long target) {
        int stored = Mem.commit(v, h);
        if (!allowed) {
            return Faults.gp(v, 0);
        }
        Stack.move(v, -size);
        v.rip = target;
        return stored == Outcome.NEXT ? Outcome.JUMP : Outcome.FAR;
    }

    private static final class Relative64 extends NearOp {
        Relative64(Decoded d) {
            super(d);
        }

        @Override
        public int execute(VcpuContext v) {
            long sp = v.gpr[4] - 8;
            long h = Mem.write(v, Segments.SS, sp, 8);
            if (h < 0) {
                return FAULT;
            }
            HostBytes.put64(h, nextRip(v));
            int stored = Mem.commit(v, h);
            long target = target(v);
            if (!VcpuContext.canonical(target)) {
                return Faults.gp(v, 0);
            }
            v.gpr[4] = sp;
            v.rip = target;
            return stored == NEXT ? JUMP : FAR;
        }
    }

    /** 16 and 32 bits. */
    private static final class Relative extends NearOp {
        private final int size;

        Relative(Decoded d) {
            super(d);
            size = d.operandSize;
        }

        @Override
        public int execute(VcpuContext v) {
            long h = Stack.pushProbe(v, size);
            if (h < 0) {
                return FAULT;
            }
            Mem.store(h, size, nextRip(v));
            long target = target(v);
            return leave(v, h, size, allowed(v, target), target);
        }
    }

    private static final class Indirect extends RmOp {
        private final int end;

        Indirect(Decoded d) {
            super(d, d.operandSize);
            end = d.end;
        }

        @Override
        public int execute(VcpuContext v) {
            long e = probe(v);
            if (e < 0) {
                return FAULT;
            }
            long target = get(v, e);
            long h = Stack.pushProbe(v, size);
            if (h < 0) {
                return FAULT;
            }
            Mem.store(h, size, v.engineBase + end & v.ripMask);
            return leave(v, h, size, NearOp.allowed(v, target), target);
        }
    }
}
