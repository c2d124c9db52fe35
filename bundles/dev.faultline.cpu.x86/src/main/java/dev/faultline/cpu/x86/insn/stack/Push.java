// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.stack;

import dev.faultline.api.cpu.Segments;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.memory.HostBytes;
import dev.faultline.cpu.x86.memory.Mem;
import dev.faultline.cpu.x86.memory.Stack;
import dev.faultline.cpu.x86.op.Decoded;
import dev.faultline.cpu.x86.op.MemOp;
import dev.faultline.cpu.x86.op.Op;

/**
 * PUSH of general registers, memory and immediates. SDM 2B, "PUSH-Push Word, Doubleword, or
 * Quadword Onto the Stack".
 */
final class Push {
    private Push() {}

    static Op make(Decoded d) {
        if (d.mem) {
            return new PushM(d);
        }
        boolean register = !d.row.operands.startsWith("I");
        if (d.operandSize == 8) {
            return register ? new PushR64(d.rm) : new PushImm64(d.imm);
        }
        return register ? new PushR(d) : new PushImm(d);
    }

    private static final class PushR64 extends Op {
        private final int from;

        PushR64(int from) {
            this.from = from;
        }

        @Override
        public int execute(VcpuContext v) {
            long[] r = v.gpr;
            long sp = r[4] - 8;
            long h = Mem.write(v, Segments.SS, sp, 8);
            if (h < 0) {
                return FAULT;
            }
            HostBytes.put64(h, r[from]);
            r[4] = sp;
            return Mem.commit(v, h);
        }
    }

    private static final class PushImm64 extends Op {
        private final long imm;

        PushImm64(long imm) {
            this.imm = imm;
        }

        @Override
        public int execute(VcpuContext v) {
            long sp = v.gpr[4] - 8;
            long h = Mem.write(v, Segments.SS, sp, 8);
            if (h < 0) {
                return FAULT;
            }
            HostBytes.put64(h, imm);
            v.gpr[4] = sp;
            return Mem.commit(v, h);
        }
    }

    /** 16 and 32 bits. */
    private static final class PushR extends Op {
        private final int from;
        private final int size;

        PushR(Decoded d) {
            from = d.rm;
            size = d.operandSize;
        }

        @Override
        public int execute(VcpuContext v) {
            long h = Stack.pushProbe(v, size);
            if (h < 0) {
                return FAULT;
            }
            Mem.store(h, size, v.gpr[from]);
            Stack.move(v, -size);
            return Mem.commit(v, h);
        }
    }

    /** 16 and 32 bits. */
    private static final class PushImm extends Op {
        private final long imm;
        private final int size;

        PushImm(Decoded d) {
            imm = d.imm;
            size = d.operandSize;
        }

        @Override
        public int execute(VcpuContext v) {
            long h = Stack.pushProbe(v, size);
            if (h < 0) {
                return FAULT;
            }
            Mem.store(h, size, imm);
            Stack.move(v, -size);
            return Mem.commit(v, h);
        }
    }

    private static final class PushM extends MemOp {
        private final int size;

        PushM(Decoded d) {
            super(d);
            size = d.operandSize;
        }

        @Override
        public int execute(VcpuContext v) {
            long lin = linear(v, 0, size, Mem.R);
            if (linearFailed(lin)) {
                return FAULT;
            }
            long h = Mem.readLate(v, seg, lin, size);
            if (h == -1) {
                return FAULT;
            }
            long to = Stack.pushProbe(v, size);
            if (to < 0) {
                return FAULT;
            }
            Mem.store(to, size, Mem.load(h == Mem.LATE ? Mem.readNow(v) : h, size));
            Stack.move(v, -size);
            return Mem.commit(v, to);
        }
    }
}
