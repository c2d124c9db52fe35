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
            case "ADC" -> Adc.make(d);
            case "ADD" -> Add.make(d);
            case "AND" -> And.make(d);
            case "CMOVCC" -> Cmovcc.make(d);
            case "CMP" -> Cmp.make(d);
            case "JCC" -> Jcc.make(d);
            case "OR" -> Or.make(d);
            case "SBB" -> Sbb.make(d);
            case "SETCC" -> Setcc.make(d);
            case "SUB" -> Sub.make(d);
            case "TEST" -> Test.make(d);
            case "XOR" -> Xor.make(d);
            default -> unknown(d);
        };
    }

    private static Op unknown(Decoded d) {
        throw Semantics.unknown(d);
    }
}
