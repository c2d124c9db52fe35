// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.integer;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.kernel.integer.Alu;
import dev.faultline.cpu.x86.memory.Atomic;
import dev.faultline.cpu.x86.memory.Mem;
import dev.faultline.cpu.x86.op.Decoded;
import dev.faultline.cpu.x86.op.Op;
import dev.faultline.cpu.x86.op.RmOp;

/** CMPXCHG; memory is written in any case. SDM 2A, "CMPXCHG-Compare and Exchange". */
final class Cmpxchg {
    private Cmpxchg() {}

    static Op make(Decoded d) {
        int size = d.row.operands.equals("Eb,Gb") ? 1 : d.operandSize;
        return d.lock ? new Lock(d, size) : new EG(d, size);
    }

    private static void putAccumulator(VcpuContext v, int size, long mask, long value) {
        v.gpr[0] = size >= 4 ? value : v.gpr[0] & ~mask | value;
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
            boolean equal = Alu.subSmall(v, v.gpr[0], old, 0, shift) == 0;
            if (equal) {
                return put(v, h, getG(v));
            }
            // A register keeps even the upper half that any write would clear.
            int x = mem ? put(v, h, old) : NEXT;
            putAccumulator(v, size, mask, old);
            return x;
        }
    }

    private static final class Lock extends RmOp {
        private final int shift;

        Lock(Decoded d, int size) {
            super(d, size);
            shift = 64 - size * 8;
        }

        @Override
        public int execute(VcpuContext v) {
            long h = locked(v, size);
            if (h < 0) {
                return FAULT;
            }
            long expected = v.gpr[0] & mask;
            long g = getG(v);
            long old;
            if (Atomic.possible(v, h)) {
                do { // what is not equal is written back: a locked access in any case
                    old = Atomic.get(h, size);
                } while (!Atomic.cas(h, size, old, old == expected ? g : old));
            } else {
                old = Mem.load(h, size);
                Mem.store(h, size, old == expected ? g : old);
            }
            Alu.subSmall(v, expected, old, 0, shift);
            if (old != expected) {
                putAccumulator(v, size, mask, old);
            }
            return Mem.commitLocked(v, h);
        }
    }
}
