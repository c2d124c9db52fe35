// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.bits;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.memory.Atomic;
import dev.faultline.cpu.x86.memory.Mem;
import dev.faultline.cpu.x86.op.Decoded;
import dev.faultline.cpu.x86.op.Op;
import dev.faultline.cpu.x86.op.RmOp;
import dev.faultline.cpu.x86.state.Flags;

/**
 * BT BTS BTR BTC: only CF changes. With a bit offset in a register and a memory operand, memory is
 * a bit string reaching in both directions. SDM 2A, "BT-Bit Test" and its neighbours; SDM 1, "Bit
 * Test and Modify Instructions".
 */
final class Bt {
    private static final int SET = 5;
    private static final int RESET = 6;

    private Bt() {}

    static Op make(Decoded d) {
        boolean fixed = d.row.operands.endsWith("Ib");
        int operation =
                switch (d.mnemonic) {
                    case "BT" -> 4;
                    case "BTS" -> SET;
                    case "BTR" -> RESET;
                    default -> 7;
                };
        return operation == 4 ? new Test(d, fixed) : new Modify(d, fixed, operation);
    }

    private abstract static class Any extends RmOp {
        private final boolean fixed;
        private final int bit;

        Any(Decoded d, boolean fixed) {
            super(d, d.operandSize);
            this.fixed = fixed;
            bit = (int) d.imm & size * 8 - 1;
        }

        final long offset(VcpuContext v) {
            return fixed ? bit : signed(getG(v));
        }

        /** Distance in bytes of the operand that holds the bit. */
        final long delta(long offset) {
            return (offset & ~(size * 8L - 1)) >> 3;
        }

        final int bitOf(long offset) {
            return (int) offset & size * 8 - 1;
        }
    }

    private static final class Test extends Any {
        Test(Decoded d, boolean fixed) {
            super(d, fixed);
        }

        @Override
        public int execute(VcpuContext v) {
            long offset = offset(v);
            long h = mem ? readAt(v, delta(offset), size) : 0;
            if (h < 0) {
                return FAULT;
            }
            Flags.setCarry(v, (get(v, h) >>> bitOf(offset) & 1) != 0);
            return NEXT;
        }
    }

    private static final class Modify extends Any {
        private final int operation;
        private final boolean lock;

        Modify(Decoded d, boolean fixed, int operation) {
            super(d, fixed);
            this.operation = operation;
            lock = d.lock;
        }

        @Override
        public int execute(VcpuContext v) {
            long offset = offset(v);
            if (lock) {
                return locked(v, offset);
            }
            long h = mem ? readWriteAt(v, delta(offset), size) : 0;
            if (h < 0) {
                return FAULT;
            }
            long one = 1L << bitOf(offset);
            long old = get(v, h);
            int result = put(v, h, changed(old, one));
            Flags.setCarry(v, (old & one) != 0);
            return result;
        }

        private int locked(VcpuContext v, long offset) {
            long h = lockedAt(v, delta(offset), size);
            if (h < 0) {
                return FAULT;
            }
            long one = 1L << bitOf(offset);
            long old;
            if (Atomic.possible(v, h)) {
                do {
                    old = Atomic.get(h, size);
                } while (!Atomic.cas(h, size, old, changed(old, one)));
            } else {
                old = Mem.load(h, size);
                Mem.store(h, size, changed(old, one));
            }
            Flags.setCarry(v, (old & one) != 0);
            return Mem.commitLocked(v, h);
        }

        private long changed(long x, long one) {
            return operation == SET ? x | one : operation == RESET ? x & ~one : x ^ one;
        }
    }
}
