// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.disassembly;

import dev.faultline.cpu.x86.decode.Decoder;
import dev.faultline.cpu.x86.isa.Row;
import dev.faultline.cpu.x86.op.Decoded;
import org.jspecify.annotations.Nullable;

/**
 * Bytes to text, with the decoder of the engines and the same instruction table: what they have no
 * line for is "(bad)". Not thread-safe.
 */
public final class Disassembler {
    private static final Instruction BAD = new Instruction(1, "(bad)", null);

    private final Decoder decoder = new Decoder();

    /**
     * The instruction at the start of {@code code}.
     *
     * @param code instruction bytes
     * @param available how many of them there are
     * @param codeBits 16, 32 or 64
     * @param lin linear address of the first, for the targets of branches
     * @return the instruction, or null: more than {@code available} bytes are needed
     */
    public @Nullable Instruction disassemble(byte[] code, int available, int codeBits, long lin) {
        Decoded d = decoder.fields(code, available, codeBits);
        if (d == null) {
            return null;
        }
        if (!d.exists()) {
            return BAD;
        }
        Row row = d.row;
        return new Instruction(d.end, text(d, code, lin), row);
    }

    /** The mnemonic and the operands first: they say which prefixes are left. */
    private static String text(Decoded d, byte[] code, long lin) {
        Syntax s = Syntax.of(d);
        Fields f = new Fields(d, s.mandatoryPrefix(), code, lin);
        String mnemonic = Mnemonics.fill(s.name(), f);
        StringBuilder operands = new StringBuilder();
        for (String operand : s.operands()) {
            String o = Operands.text(operand, f);
            if (!o.isEmpty()) {
                operands.append(operands.isEmpty() ? " " : ",").append(o);
            }
        }
        return Prefixes.left(f) + mnemonic + operands;
    }
}
