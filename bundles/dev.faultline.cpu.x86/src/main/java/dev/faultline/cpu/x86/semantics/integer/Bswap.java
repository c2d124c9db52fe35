// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.semantics.integer;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.Decoded;
import dev.faultline.cpu.x86.Op;

/** BSWAP; of 16 bits (undefined) it gives 0. SDM 2A, "BSWAP-Byte Swap". */
final class Bswap {
    private Bswap() {}

    static Op make(Decoded d) {
        return switch (d.operandSize) {
            case 8 -> new R64(d.rm);
            case 4 -> new R32(d.rm);
            default -> new R16(d.rm);
        };
    }

    private static final class R64 extends Op {
        private final int rm;

        R64(int rm) {
            this.rm = rm;
        }

        @Override
        public int execute(VcpuContext v) {
            v.gpr[rm] = Long.reverseBytes(v.gpr[rm]);
            return NEXT;
        }
    }

    private static final class R32 extends Op {
        private final int rm;

        R32(int rm) {
            this.rm = rm;
        }

        @Override
        public int execute(VcpuContext v) {
            v.gpr[rm] = Integer.reverseBytes((int) v.gpr[rm]) & 0xFFFF_FFFFL;
            return NEXT;
        }
    }

    private static final class R16 extends Op {
        private final int rm;

        R16(int rm) {
            this.rm = rm;
        }

        @Override
        public int execute(VcpuContext v) {
            v.gpr[rm] &= ~0xFFFFL;
            return NEXT;
        }
    }
}
