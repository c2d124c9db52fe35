// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.semantics.system;

import dev.faultline.cpu.x86.Decoded;
import dev.faultline.cpu.x86.Op;
import dev.faultline.cpu.x86.semantics.Semantics;

/** Mnemonics of system.tab to their classes. */
public final class SystemOps {
    private SystemOps() {}

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
