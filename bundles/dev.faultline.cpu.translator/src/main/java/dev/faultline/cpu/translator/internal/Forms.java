// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.translator.internal;

import dev.faultline.cpu.x86.isa.Definition;
import dev.faultline.cpu.x86.isa.Family;
import dev.faultline.cpu.x86.isa.Property;
import dev.faultline.cpu.x86.isa.Row;
import dev.faultline.cpu.x86.isa.Space;
import dev.faultline.cpu.x86.op.Decoded;

/** Chooses how an instruction is written, by what the instruction table says of it. */
final class Forms {
    private final HostCpu host;
    private final SameForm same;
    private final TransferForms transfers;
    private final SpecialForms special;
    private final StringForms strings;

    Forms(HostCpu host, Writer w) {
        this.host = host;
        same = new SameForm(w);
        transfers = new TransferForms(w);
        special = new SpecialForms(w, same);
        strings = new StringForms(w);
    }

    /**
     * Writes the instruction, or nothing.
     *
     * @return false: the interpreter is to execute it
     */
    boolean write(Decoded d) {
        Row row = d.row;
        Definition def = row.definition;
        if (!d.exists()
                || d.space != Space.LEGACY
                || def.is(Property.PROTECTED)
                || def.is(Property.CPL0)
                || d.lock && !(row.lockable && d.mem)
                || row.mnemonic.equals("BSWAP") && d.operandSize == 2 // undefined: ours stays
                || !host.has(row.features)) {
            return false;
        }
        return switch (def.recode()) {
            case SAME -> same.write(d);
            case SPECIAL -> transfers.write(d) || special.write(d) || strings.write(d);
            // Under MXCSR; the class of the code says that it raises nothing.
            case GUARD -> row.definition.family() == Family.SSE ? same.write(d) : special.divide(d);
            case JAVA -> false;
        };
    }

    /** Whether the instruction may change XMM registers or MXCSR, whoever executes it. */
    static boolean mayChangeVectors(Decoded d) {
        if (!d.exists()) {
            return true;
        }
        return switch (d.row.definition.family()) {
            case INTEGER, BITS, BRANCH, STACK, STRING -> false;
            case SSE, MMX, X87, SYSTEM -> true;
        };
    }

    /** Whether the instruction never goes on to the one behind it. */
    static boolean leavesBlock(Decoded d) {
        return switch (d.row.mnemonic) {
            case "JMP", "CALL", "RET" -> true;
            default -> false;
        };
    }

    /** Whether it may go on to the one behind it, and may not. */
    static boolean branches(Decoded d) {
        return switch (d.row.mnemonic) {
            case "JCC", "LOOP", "JCXZ" -> true;
            default -> false;
        };
    }
}
