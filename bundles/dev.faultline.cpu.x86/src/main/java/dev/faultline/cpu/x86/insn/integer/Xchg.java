// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.integer;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.memory.Atomic;
import dev.faultline.cpu.x86.memory.Mem;
import dev.faultline.cpu.x86.op.Decoded;
import dev.faultline.cpu.x86.op.Op;
import dev.faultline.cpu.x86.op.RmOp;

/**
 * XCHG: with memory always locked; 90 is NOP unless REX.B makes it R8, with F3 too (without REX.B
 * that is PAUSE): so do processors of both vendors. SDM 2D, "XCHG-Exchange Register/Memory With
 * Register".
 */
final class Xchg {
    private Xchg() {}

    static Op make(Decoded d) {
        if (d.row.operands.equals("Zv,rAX")) {
            return d.rm == 0 ? new Nop() : new Registers(d, d.operandSize);
        }
        int size = d.row.operands.equals("Eb,Gb") ? 1 : d.operandSize;
        return d.mem ? new Memory(d, size) : new Registers(d, size);
    }

    private static final class Registers extends RmOp {
        Registers(Decoded d, int size) {
            super(d, size);
        }

        @Override
        public int execute(VcpuContext v) {
            long e = get(v, 0);
            long g = getG(v);
            put(v, 0, g);
            putG(v, e);
            return NEXT;
        }
    }

    private static final class Memory extends RmOp {
        Memory(Decoded d, int size) {
            super(d, size);
        }

        @Override
        public int execute(VcpuContext v) {
            long h = locked(v, size);
            if (h < 0) {
                return FAULT;
            }
            long g = getG(v);
            if (Atomic.possible(v, h)) {
                putG(v, Atomic.exchange(h, size, g));
            } else {
                putG(v, Mem.load(h, size));
                Mem.store(h, size, g);
            }
            return Mem.commitLocked(v, h);
        }
    }
}
