// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.semantics.x87;

import dev.faultline.cpu.x86.Decoded;
import dev.faultline.cpu.x86.Op;
import dev.faultline.cpu.x86.semantics.Semantics;

/** Mnemonics of x87.tab to their classes. */
public final class X87Ops {
    private X87Ops() {}

    /** One line per mnemonic. */
    public static Op make(Decoded d) {
        return switch (d.mnemonic) {
            default -> unknown(d);
        };
    }

    private static Op unknown(Decoded d) {
        throw Semantics.unknown(d);
    }
}
