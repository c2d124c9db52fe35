// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.semantics.integer;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.Decoded;
import dev.faultline.cpu.x86.Flags;
import dev.faultline.cpu.x86.Op;
import dev.faultline.cpu.x86.RmOp;

/** NEG and NOT. SDM 2B, "NEG-Two's Complement Negation", "NOT-One's Complement Negation". */
final class Neg {
    private Neg() {}

    static Op neg(Decoded d) {
        int size = d.entry.operands.equals("Eb") ? 1 : d.operandSize;
        return d.lock ? Locked.make(d, Locked.NEG, size) : new NegE(d, size);
    }

    static Op not(Decoded d) {
        int size = d.entry.operands.equals("Eb") ? 1 : d.operandSize;
        return d.lock ? Locked.make(d, Locked.NOT, size) : new NotE(d, size);
    }

    private static final class NegE extends RmOp {
        private final int shift;

        NegE(Decoded d, int size) {
            super(d, size);
            shift = 64 - size * 8;
        }

        @Override
        public int execute(VcpuContext v) {
            long h = probeRW(v);
            return h < 0 ? FAULT : put(v, h, Flags.subSmall(v, 0, get(v, h), 0, shift));
        }
    }

    private static final class NotE extends RmOp {
        NotE(Decoded d, int size) {
            super(d, size);
        }

        @Override
        public int execute(VcpuContext v) {
            long h = probeRW(v);
            return h < 0 ? FAULT : put(v, h, ~get(v, h));
        }
    }
}
