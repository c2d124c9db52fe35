// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.decode;

import dev.faultline.cpu.x86.insn.bits.BitsMakers;
import dev.faultline.cpu.x86.insn.branch.BranchMakers;
import dev.faultline.cpu.x86.insn.integer.IntegerMakers;
import dev.faultline.cpu.x86.insn.mmx.MmxMakers;
import dev.faultline.cpu.x86.insn.sse.SseMakers;
import dev.faultline.cpu.x86.insn.stack.StackMakers;
import dev.faultline.cpu.x86.insn.string.StringMakers;
import dev.faultline.cpu.x86.insn.system.SystemMakers;
import dev.faultline.cpu.x86.insn.x87.X87Makers;
import dev.faultline.cpu.x86.op.Decoded;
import dev.faultline.cpu.x86.op.Guarded;
import dev.faultline.cpu.x86.op.Op;

/** Ops of decoded instructions. The build generates who makes which from the instruction table. */
final class Makers {
    private Makers() {}

    /** The Op of an instruction that has a row. */
    static Op make(Decoded d) {
        return Guarded.of(unguarded(d), d.row.definition);
    }

    private static Op unguarded(Decoded d) {
        return switch (d.row.definition.family()) {
            case INTEGER -> IntegerMakers.make(d);
            case STACK -> StackMakers.make(d);
            case BRANCH -> BranchMakers.make(d);
            case STRING -> StringMakers.make(d);
            case BITS -> BitsMakers.make(d);
            case SYSTEM -> SystemMakers.make(d);
            case X87 -> X87Makers.make(d);
            case MMX -> MmxMakers.make(d);
            case SSE -> SseMakers.make(d);
        };
    }
}
