// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.semantics.integer;

import dev.faultline.cpu.x86.Decoded;
import dev.faultline.cpu.x86.Op;
import dev.faultline.cpu.x86.semantics.Semantics;

/** Mnemonics of integer.tab to their classes. */
public final class IntegerOps {
    private IntegerOps() {}

    /** One line per mnemonic. */
    public static Op make(Decoded d) {
        return switch (d.mnemonic) {
            case "ADD" -> Add.make(d);
            default -> unknown(d);
        };
    }

    private static Op unknown(Decoded d) {
        throw Semantics.unknown(d);
    }
}
