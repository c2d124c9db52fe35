// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.semantics.integer;

import dev.faultline.cpu.x86.Raise;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.Decoded;
import dev.faultline.cpu.x86.Decoder;
import dev.faultline.cpu.x86.Faults;
import dev.faultline.cpu.x86.Op;

/**
 * NOP, PAUSE, the hint space 0F 18-1F, and UD0, UD1, UD2. SDM 2B, "NOP-No Operation"; 2D,
 * "UD-Undefined Instruction".
 */
final class Nop {
    private Nop() {}

    static Op make() {
        return new Nothing();
    }

    static Op undefined(Decoded d) {
        return new Raise(Faults.UD);
    }

    /** The operand, if any, is not accessed. */
    static final class Nothing extends Op {
        @Override
        public int execute(VcpuContext v) {
            return NEXT;
        }
    }
}
