// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.semantics;

import dev.faultline.cpu.x86.Decoded;
import dev.faultline.cpu.x86.Op;
import dev.faultline.cpu.x86.semantics.integer.IntegerMakers;
import dev.faultline.cpu.x86.semantics.mmx.MmxMakers;
import dev.faultline.cpu.x86.semantics.sse.SseMakers;
import dev.faultline.cpu.x86.semantics.system.SystemMakers;
import dev.faultline.cpu.x86.semantics.x87.X87Makers;

/** Ops of decoded instructions. The build generates who makes which from the instruction table. */
public final class Semantics {
    private Semantics() {}

    /** The Op of an instruction that has a row. */
    public static Op make(Decoded d) {
        return switch (d.row.definition.family()) {
            case INTEGER -> IntegerMakers.make(d);
            case SYSTEM -> SystemMakers.make(d);
            case X87 -> X87Makers.make(d);
            case MMX -> MmxMakers.make(d);
            case SSE -> SseMakers.make(d);
        };
    }
}
