// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.semantics.integer;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.Decoded;
import dev.faultline.cpu.x86.Flags;
import dev.faultline.cpu.x86.Op;
import dev.faultline.cpu.x86.RmOp;

/**
 * INC and DEC: ADD and SUB of 1 that keep CF. SDM 2A, "INC-Increment by 1", "DEC-Decrement by 1".
 */
final class Inc {
    private Inc() {}

    static Op inc(Decoded d) {
        int size = d.entry.operands.endsWith("b") ? 1 : d.operandSize;
        if (d.lock) {
            return Locked.make(d, Locked.INC, size);
        }
        return d.mem || size < 4 ? new IncE(d, size) : size == 8 ? new Inc64(d) : new Inc32(d);
    }

    static Op dec(Decoded d) {
        int size = d.entry.operands.endsWith("b") ? 1 : d.operandSize;
        if (d.lock) {
            return Locked.make(d, Locked.DEC, size);
        }
        return d.mem || size < 4 ? new DecE(d, size) : size == 8 ? new Dec64(d) : new Dec32(d);
    }

    private static final class Inc32 extends Op {
        private final int rm;

        Inc32(Decoded d) {
            rm = d.rm;
        }

        @Override
        public int execute(VcpuContext v) {
            long aux = v.flagAux;
            v.gpr[rm] = Flags.add32(v, (int) v.gpr[rm], 1);
            Flags.keepCarry(v, aux);
            return NEXT;
        }
    }

    private static final class Inc64 extends Op {
        private final int rm;

        Inc64(Decoded d) {
            rm = d.rm;
        }

        @Override
        public int execute(VcpuContext v) {
            long aux = v.flagAux;
            v.gpr[rm] = Flags.add64(v, v.gpr[rm], 1);
            Flags.keepCarry(v, aux);
            return NEXT;
        }
    }

    private static final class Dec32 extends Op {
        private final int rm;

        Dec32(Decoded d) {
            rm = d.rm;
        }

        @Override
        public int execute(VcpuContext v) {
            long aux = v.flagAux;
            v.gpr[rm] = Flags.sub32(v, (int) v.gpr[rm], 1);
            Flags.keepCarry(v, aux);
            return NEXT;
        }
    }

    private static final class Dec64 extends Op {
        private final int rm;

        Dec64(Decoded d) {
            rm = d.rm;
        }

        @Override
        public int execute(VcpuContext v) {
            long aux = v.flagAux;
            v.gpr[rm] = Flags.sub64(v, v.gpr[rm], 1);
            Flags.keepCarry(v, aux);
            return NEXT;
        }
    }

    private static final class IncE extends RmOp {
        private final int shift;

        IncE(Decoded d, int size) {
            super(d, size);
            shift = 64 - size * 8;
        }

        @Override
        public int execute(VcpuContext v) {
            long h = probeRW(v);
            if (h < 0) {
                return FAULT;
            }
            long aux = v.flagAux;
            long r = Flags.addSmall(v, get(v, h), 1, 0, shift);
            Flags.keepCarry(v, aux);
            return put(v, h, r);
        }
    }

    private static final class DecE extends RmOp {
        private final int shift;

        DecE(Decoded d, int size) {
            super(d, size);
            shift = 64 - size * 8;
        }

        @Override
        public int execute(VcpuContext v) {
            long h = probeRW(v);
            if (h < 0) {
                return FAULT;
            }
            long aux = v.flagAux;
            long r = Flags.subSmall(v, get(v, h), 1, 0, shift);
            Flags.keepCarry(v, aux);
            return put(v, h, r);
        }
    }
}
