// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.stack;

import static dev.faultline.api.cpu.Gpr.RBP;
import static dev.faultline.api.cpu.Gpr.RSP;

import dev.faultline.api.cpu.Segments;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.memory.Mem;
import dev.faultline.cpu.x86.memory.Preflight;
import dev.faultline.cpu.x86.memory.Stack;
import dev.faultline.cpu.x86.op.Decoded;
import dev.faultline.cpu.x86.op.Op;

/**
 * ENTER, all nesting levels, and LEAVE. SDM 2A, "ENTER-Make Stack Frame for Procedure Parameters";
 * 2A, "LEAVE-High Level Procedure Exit".
 *
 * <p>ENTER stores as it goes, as hardware does: after a fault, what it pushed is found below the
 * stack pointer, and is stored again on restart. An access that RAM protection stops leaves
 * nothing.
 */
final class Enter {

    private Enter() {}

    static Op enter(Decoded d) {
        return new Frame(d);
    }

    static Op leave(Decoded d) {
        return new Leave(d.operandSize);
    }

    private static void putBasePointer(VcpuContext v, int size, long x) {
        long[] r = v.gpr;
        r[RBP] = size == 8 ? x : size == 4 ? x & 0xFFFF_FFFFL : r[RBP] & ~0xFFFFL | x & 0xFFFF;
    }

    /** {@code delta} bytes from the base pointer, as a displacement from the stack pointer. */
    private static long fromBase(VcpuContext v, long delta) {
        return v.gpr[RBP] + delta - v.gpr[RSP];
    }

    private static final class Frame extends Op {
        private final int size;
        private final int space;
        private final int level;

        Frame(Decoded d) {
            size = d.operandSize;
            space = (int) d.imm;
            level = d.imm2 & 31;
        }

        @Override
        public int execute(VcpuContext v) {
            long used = (long) size * (level == 0 ? 1 : level + 1) + space;
            if (stopped(v, used)) {
                return (int) v.propagation.raise(v);
            }
            long frame = Stack.moved(v, -size);
            int result = push(v, 1, v.gpr[RBP]);
            for (int i = 1; i < level && result >= 0; i++) {
                long h = Stack.readAt(v, fromBase(v, -(long) size * i), size);
                result = h < 0 ? FAULT : result | push(v, i + 1, Mem.load(h, size));
            }
            if (level > 0 && result >= 0) {
                result |= push(v, level + 1, frame);
            }
            if (result < 0 || Stack.writeAt(v, -used, size) < 0) {
                return FAULT;
            }
            v.gpr[RSP] = Stack.moved(v, -used);
            putBasePointer(v, size, frame);
            return result;
        }

        /** Whether protection stops one of the accesses; recorded. */
        private boolean stopped(VcpuContext v, long used) {
            int r = Preflight.stack(v, -size, size, Mem.W);
            for (int i = 1; i < level && r == Preflight.OPEN; i++) {
                r = Preflight.stack(v, fromBase(v, -(long) size * i), size, Mem.R);
                if (r == Preflight.OPEN) {
                    r = Preflight.stack(v, -size * (i + 1L), size, Mem.W);
                }
            }
            if (level > 0 && r == Preflight.OPEN) {
                r = Preflight.stack(v, -size * (level + 1L), size, Mem.W);
            }
            if (r == Preflight.OPEN) {
                r = Preflight.stack(v, -used, size, Mem.W);
            }
            return r == Preflight.STOPPED;
        }

        /** Stores the {@code n}-th value pushed, without moving the stack pointer. */
        private int push(VcpuContext v, int n, long x) {
            long h = Stack.writeAt(v, -(long) size * n, size);
            if (h < 0) {
                return FAULT;
            }
            Mem.store(h, size, x);
            return Mem.commit(v, h);
        }
    }

    private static final class Leave extends Op {
        private final int size;

        Leave(int size) {
            this.size = size;
        }

        @Override
        public int execute(VcpuContext v) {
            long bp = v.gpr[RBP];
            long h;
            if (size == 8) {
                h = Mem.read(v, Segments.SS, bp, 8);
            } else {
                h = Stack.readAt(v, fromBase(v, 0), size);
            }
            if (h < 0) {
                return FAULT;
            }
            long x = Mem.load(h, size);
            v.gpr[RSP] = Stack.with(v, bp + size);
            putBasePointer(v, size, x);
            return NEXT;
        }
    }
}
