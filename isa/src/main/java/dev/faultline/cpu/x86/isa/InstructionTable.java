// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.isa;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * The one table of instruction encodings, read from the {@code *.tab} resources beside this class.
 * The head of {@code integer.tab} explains the format.
 */
public final class InstructionTable {
    private static final List<Row> ALL = read();
    private static final OpcodeMaps MAPS = new OpcodeMaps(ALL);

    /** Stands where no row is; none of {@link #all}. */
    public static final Row NONE = new Row(definition("NONE"), "00 -", 0, -1);

    private static List<Row> read() {
        List<Row> all = new ArrayList<>();
        for (Family f : Family.values()) {
            List<String> lines = TableReader.lines(InstructionTable.class, f.lowerCase() + ".tab");
            all.addAll(new TableReader(f).read(lines));
        }
        return List.copyOf(all);
    }

    private InstructionTable() {}

    /** All encodings, in table order. */
    public static List<Row> all() {
        return ALL;
    }

    /** The same, by what selects them. */
    public static OpcodeMaps maps() {
        return MAPS;
    }

    /** Lines of a resource of the class's package, without comments and empty ones. */
    public static List<String> lines(Class<?> beside, String name) {
        return TableReader.lines(beside, name);
    }

    /**
     * Rows of a notation like the table's that say nothing of meaning: eight or sixteen if there is
     * a register or a condition in the opcode.
     *
     * @param line encoding, operands and attributes
     */
    public static List<Row> rows(String mnemonic, String line) {
        Definition d = definition(mnemonic);
        List<Row> all = new ArrayList<>();
        for (int i = 0; i < Row.count(line); i++) {
            all.add(new Row(d, line, i, -1));
        }
        return all;
    }

    private static Definition definition(String mnemonic) {
        return new Definition(
                Family.INTEGER,
                -1,
                mnemonic,
                null,
                "",
                FlagEffects.NONE,
                null,
                Set.of(),
                Recode.JAVA,
                mnemonic);
    }
}
