// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.semantics.integer;

import dev.faultline.api.cpu.Segments;
import dev.faultline.api.cpu.VcpuContext;
import dev.faultline.api.memory.HostBytes;
import dev.faultline.cpu.x86.Decoded;
import dev.faultline.cpu.x86.Faults;
import dev.faultline.cpu.x86.Mem;
import dev.faultline.cpu.x86.Op;
import dev.faultline.cpu.x86.RmOp;
import dev.faultline.cpu.x86.Stack;

/** CALL, near. SDM 2A, "CALL-Call Procedure". */
final class Call {
    private Call() {}

    static Op make(Decoded d) {
        if (d.entry.operands.equals("Jz")) {
            return d.operandSize == 8 ? new Relative64(d) : new Relative(d);
        }
        return new Indirect(d);
    }

    private static int leave(VcpuContext v, long h, long target) {
        v.rip = target;
        return Mem.commit(v, h) == Op.NEXT ? Op.JUMP : Op.FAR;
    }

    private static final class Relative64 extends NearOp {
        Relative64(Decoded d) {
            super(d);
        }

        @Override
        public int execute(VcpuContext v) {
            long target = target(v);
            if (!VcpuContext.canonical(target)) {
                return Faults.gp(v, 0);
            }
            long sp = v.gpr[4] - 8;
            long h = Mem.write(v, Segments.SS, sp, 8);
            if (h < 0) {
                return FAULT;
            }
            HostBytes.put64(h, v.engineBase + end);
            v.gpr[4] = sp;
            return leave(v, h, target);
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
            long target = target(v);
            if (!allowed(v, target)) {
                return Faults.gp(v, 0);
            }
            long h = Stack.pushProbe(v, size);
            if (h < 0) {
                return FAULT;
            }
            Mem.store(h, size, nextRip(v));
            Stack.move(v, -size);
            return leave(v, h, target);
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
            long e = probe(v);
            if (e < 0) {
                return FAULT;
            }
            long target = get(v, e);
            if (!NearOp.allowed(v, target)) {
                return Faults.gp(v, 0);
            }
            long h = Stack.pushProbe(v, size);
            if (h < 0) {
                return FAULT;
            }
            Mem.store(h, size, nextRip(v));
            Stack.move(v, -size);
            return leave(v, h, target);
        }
    }
}
