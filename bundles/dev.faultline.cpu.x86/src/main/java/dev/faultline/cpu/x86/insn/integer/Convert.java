// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.integer;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.op.Decoded;
import dev.faultline.cpu.x86.op.Op;

/** CBW CWDE CDQE, CWD CDQ CQO. SDM 2A, "CBW/CWDE/CDQE", "CWD/CDQ/CQO". */
final class Convert {
    private Convert() {}

    static Op make(Decoded d) {
        return d.mnemonic.equals("CBW") ? new Extend(d.operandSize) : new Spread(d.operandSize);
    }

    /** The accumulator from its lower half. */
    private static final class Extend extends Op {
        private final int size;

        Extend(int size) {
            this.size = size;
        }

        @Override
        public int execute(VcpuContext v) {
            long a = v.gpr[0];
            v.gpr[0] =
                    switch (size) {
                        case 8 -> (int) a;
                        case 4 -> (short) a & 0xFFFF_FFFFL;
                        default -> a & ~0xFFFFL | (byte) a & 0xFFFF;
                    };
            return NEXT;
        }
    }

    /** The accumulator's sign to the D register. */
    private static final class Spread extends Op {
        private final int size;

        Spread(int size) {
            this.size = size;
        }

        @Override
        public int execute(VcpuContext v) {
            long[] r = v.gpr;
            long a = r[0];
            r[2] =
                    switch (size) {
                        case 8 -> a >> 63;
                        case 4 -> (int) a >> 31 & 0xFFFF_FFFFL;
                        default -> r[2] & ~0xFFFFL | (short) a >> 15 & 0xFFFF;
                    };
            return NEXT;
        }
    }
}
