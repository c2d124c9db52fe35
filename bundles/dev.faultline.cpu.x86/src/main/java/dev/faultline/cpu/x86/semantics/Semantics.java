// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.semantics;

import dev.faultline.cpu.x86.Decoded;
import dev.faultline.cpu.x86.Op;
import dev.faultline.cpu.x86.semantics.integer.IntegerOps;
import dev.faultline.cpu.x86.semantics.sse.SseOps;
import dev.faultline.cpu.x86.semantics.system.SystemOps;
import dev.faultline.cpu.x86.semantics.x87.X87Ops;

/** Picks the family of a decoded instruction. The families pick the mnemonic's class. */
public final class Semantics {
    private Semantics() {}

    /**
     * @throws IllegalStateException if the table names a mnemonic that no family implements: a
     *     fault of ours
     */
    public static Op make(Decoded d) {
        return switch (d.entry.family) {
            case INTEGER -> IntegerOps.make(d);
            case SYSTEM -> SystemOps.make(d);
            case X87 -> X87Ops.make(d);
            case SSE -> SseOps.make(d);
        };
    }

    /** For the families' default branch. */
    public static IllegalStateException unknown(Decoded d) {
        return new IllegalStateException("no semantics for table line: " + d.entry);
    }
}
