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

/** POP to general registers and memory. SDM 2B, "POP-Pop a Value From the Stack". */
final class Pop {
    private Pop() {}

    static Op make(Decoded d) {
        return d.mem ? new PopM(d) : d.operandSize == 8 ? new PopR64(d.rm) : new PopR(d);
    }

    private static final class PopR64 extends Op {
        private final int to;

        PopR64(int to) {
            this.to = to;
        }

        @Override
        public int execute(VcpuContext v) {
            long[] r = v.gpr;
            long sp = r[4];
            long h = Mem.read(v, Segments.SS, sp, 8);
            if (h < 0) {
                return FAULT;
            }
            r[4] = sp + 8;
            r[to] = HostBytes.get64(h);
            return NEXT;
        }
    }

    /** 16 and 32 bits. */
    private static final class PopR extends Op {
        private final int to;
        private final int size;

        PopR(Decoded d) {
            to = d.rm;
            size = d.operandSize;
        }

        @Override
        public int execute(VcpuContext v) {
            long h = Stack.readAt(v, 0, size);
            if (h < 0) {
                return FAULT;
            }
            long x = Mem.load(h, size);
            Stack.move(v, size);
            v.gpr[to] = size == 4 ? x : v.gpr[to] & ~0xFFFFL | x;
            return NEXT;
        }
    }

    /** An address formed with RSP uses its value after the pop. */
    private static final class PopM extends MemOp {
        private final int size;

        PopM(Decoded d) {
            super(d);
            size = d.operandSize;
        }

        @Override
        public int execute(VcpuContext v) {
            long h = Stack.readAt(v, 0, size);
            if (h < 0) {
                return FAULT;
            }
            long x = Mem.load(h, size);
            long after = Stack.moved(v, size);
            long to = writeAt(v, base == 4 ? after - v.gpr[4] : 0, size);
            if (to < 0) {
                return FAULT;
            }
            Mem.store(to, size, x);
            v.gpr[4] = after;
            return Mem.commit(v, to);
        }
    }
}
