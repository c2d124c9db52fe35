// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.branch;

import dev.faultline.cpu.x86.op.Decoded;

/** A near jump that, not taken, is an instruction like others. */
abstract class ConditionalOp extends NearOp {
    ConditionalOp(Decoded d) {
        super(d);
    }
}
