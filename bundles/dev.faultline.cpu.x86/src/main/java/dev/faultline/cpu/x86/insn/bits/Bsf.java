// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.bits;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.op.Decoded;
import dev.faultline.cpu.x86.op.Op;
import dev.faultline.cpu.x86.op.RmOp;
import dev.faultline.cpu.x86.state.Flags;

/**
 * BSF and BSR. SDM 2A, "BSF-Bit Scan Forward", "BSR-Bit Scan Reverse". A source of 0 leaves the
 * destination alone.
 */
final class Bsf {
    private Bsf() {}

    static Op make(Decoded d) {
        return d.mnemonic.equals("BSF") ? new Forward(d) : new Reverse(d);
    }

    private static final class Forward extends RmOp {
        Forward(Decoded d) {
            super(d, d.operandSize);
        }

        @Override
        public int execute(VcpuContext v) {
            long h = probe(v);
            if (h < 0) {
                return FAULT;
            }
            long x = get(v, h);
            Flags.result(v, x == 0 ? 0 : 1, false, false);
            if (x != 0) {
                putG(v, Long.numberOfTrailingZeros(x));
            }
            return NEXT;
        }
    }

    private static final class Reverse extends RmOp {
        Reverse(Decoded d) {
            super(d, d.operandSize);
        }

        @Override
        public int execute(VcpuContext v) {
            long h = probe(v);
            if (h < 0) {
                return FAULT;
            }
            long x = get(v, h);
            Flags.result(v, x == 0 ? 0 : 1, false, false);
            if (x != 0) {
                putG(v, 63 - Long.numberOfLeadingZeros(x));
            }
            return NEXT;
        }
    }
}
