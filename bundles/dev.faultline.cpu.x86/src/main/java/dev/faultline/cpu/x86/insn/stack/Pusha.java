// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.stack;

import static dev.faultline.api.cpu.Gpr.RSP;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.memory.Mem;
import dev.faultline.cpu.x86.memory.Preflight;
import dev.faultline.cpu.x86.memory.Stack;
import dev.faultline.cpu.x86.op.Decoded;
import dev.faultline.cpu.x86.op.Op;

/**
 * PUSHA/PUSHAD and POPA/POPAD. SDM 2B, "PUSHA/PUSHAD-Push All General-Purpose Registers",
 * "POPA/POPAD-Pop All General-Purpose Registers".
 *
 * <p>As in hardware, a fault leaves what was pushed or popped before it, but not the stack pointer
 * moved: the restart does the same again. An access that RAM protection stops leaves nothing.
 */
final class Pusha {

    private Pusha() {}

    static Op push(Decoded d) {
        return new PushAll(d.operandSize);
    }

    static Op pop(Decoded d) {
        return new PopAll(d.operandSize);
    }

    /**
     * Whether protection stops one of the eight accesses, in the order in which they are made;
     * recorded.
     */
    private static boolean stopped(VcpuContext v, long lowest, int size, int access) {
        for (int i = 0; i < 8; i++) {
            long at = lowest + (long) size * (access == Mem.W ? 7 - i : i);
            int r = Preflight.stack(v, at, size, access);
            if (r != Preflight.OPEN) {
                return r == Preflight.STOPPED;
            }
        }
        return false;
    }

    private static final class PushAll extends Op {
        private final int size;

        PushAll(int size) {
            this.size = size;
        }

        @Override
        public int execute(VcpuContext v) {
            if (stopped(v, -size * 8L, size, Mem.W)) {
                return (int) v.propagation.raise(v);
            }
            int result = NEXT;
            for (int i = 0; i < 8; i++) {
                long h = Stack.writeAt(v, -(long) size * (i + 1), size);
                if (h < 0) {
                    return FAULT;
                }
                Mem.store(h, size, v.gpr[i]);
                result |= Mem.commit(v, h);
            }
            Stack.move(v, -size * 8L);
            return result;
        }
    }

    private static final class PopAll extends Op {
        private final int size;

        PopAll(int size) {
            this.size = size;
        }

        @Override
        public int execute(VcpuContext v) {
            if (stopped(v, 0, size, Mem.R)) {
                return (int) v.propagation.raise(v);
            }
            for (int i = 7; i >= 0; i--) {
                long h = Stack.readAt(v, size * (7L - i), size);
                if (h < 0) {
                    return FAULT;
                }
                if (i != RSP) {
                    long x = Mem.load(h, size);
                    v.gpr[i] = size == 4 ? x : v.gpr[i] & ~0xFFFFL | x;
                }
            }
            Stack.move(v, size * 8L);
            return NEXT;
        }
    }
}
