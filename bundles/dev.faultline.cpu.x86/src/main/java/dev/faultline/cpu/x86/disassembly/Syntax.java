// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.disassembly;

import dev.faultline.cpu.x86.isa.InstructionTable;
import dev.faultline.cpu.x86.isa.MandatoryPrefix;
import dev.faultline.cpu.x86.isa.Row;
import dev.faultline.cpu.x86.op.Decoded;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * How an instruction is written: pattern of its name, and operand codes. That of the table's line,
 * unless {@code names.tab} or {@code encodings.tab} says otherwise.
 *
 * @param mandatoryPrefix prefix that is part of the opcode, or 0
 */
record Syntax(String name, List<String> operands, int mandatoryPrefix) {
    private static final String SAME = "=";

    /** Operand code of a register in the opcode's low bits. */
    private static final char REGISTER = 'Z';

    private static final Map<String, String> NAMES = names();

    /** By map and opcode. */
    private static final Map<Integer, List<Row>> ENCODINGS = encodings();

    private static Map<String, String> names() {
        Map<String, String> all = new HashMap<>();
        for (String line : InstructionTable.lines(Syntax.class, "names.tab")) {
            String[] columns = line.trim().split("\\s+");
            all.put(columns[0], columns[1]);
        }
        return all;
    }

    private static Map<Integer, List<Row>> encodings() {
        Map<Integer, List<Row>> all = new HashMap<>();
        for (String line : InstructionTable.lines(Syntax.class, "encodings.tab")) {
            String[] c = line.trim().split("\\s+", 3);
            for (Row e : InstructionTable.rows(c[1], c[0] + " " + c[2])) {
                all.computeIfAbsent(key(e.map, e.opcode), k -> new ArrayList<>()).add(e);
            }
        }
        return all;
    }

    private static int key(int map, int opcode) {
        return map << 8 | opcode;
    }

    /** The opcode as lines have it has another register in its low bits. */
    private static boolean otherRegister(Decoded d) {
        return d.row.operands.indexOf(REGISTER) >= 0 && d.rm >= 8;
    }

    private static boolean matches(Row e, Decoded d) {
        return e.matches(MandatoryPrefix.of(d.rep, d.prefix66), d.modrm, d.codeBits);
    }

    static Syntax of(Decoded d) {
        String name = NAMES.get(d.row.mnemonic);
        if (name == null) {
            name = d.row.mnemonic.toLowerCase(Locale.ROOT);
        }
        String operands = d.row.operands;
        int prefix = d.row.prefix.value;
        for (Row e : ENCODINGS.getOrDefault(key(d.map, d.opcode), List.of())) {
            if (matches(e, d) && !(otherRegister(d) && e.operands.indexOf(REGISTER) < 0)) {
                name = e.mnemonic.equals(SAME) ? name : e.mnemonic;
                operands = e.operands.equals(SAME) ? operands : e.operands;
                prefix = prefix == 0 ? e.prefix.value : prefix;
                break;
            }
        }
        List<String> codes = operands.equals("-") ? List.of() : List.of(operands.split(","));
        return new Syntax(name, codes, prefix);
    }
}
