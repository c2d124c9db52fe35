// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.isa;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;

/**
 * The one table of instruction encodings, read from the {@code *.tab} resources beside this class.
 * The head of {@code integer.tab} explains the format.
 */
public final class InstructionTable {
    private static final List<Row> ALL = new ArrayList<>();
    private static final Row[] NO_ROWS = {};
    private static final Row[][][] BY_OPCODE = new Row[4][256][];

    /** Stands where no row is; none of {@link #all}. */
    public static final Row NONE = new Row(definition("NONE"), "00 -", 0, -1);

    static {
        for (Row[][] map : BY_OPCODE) {
            Arrays.fill(map, NO_ROWS);
        }
        for (Family f : Family.values()) {
            List<String> lines = TableReader.lines(InstructionTable.class, f.lowerCase() + ".tab");
            new TableReader(f).read(lines).forEach(InstructionTable::add);
        }
    }

    private InstructionTable() {}

    /** All encodings, in table order. */
    public static List<Row> all() {
        return List.copyOf(ALL);
    }

    /** Candidates of an opcode, exact ModR/M bytes first. Not to be changed. */
    public static Row[] candidates(int map, int opcode) {
        return BY_OPCODE[map][opcode];
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

    private static void add(Row row) {
        ALL.add(row);
        Row[] old = BY_OPCODE[row.map][row.opcode];
        refuseShadowed(old, row);
        Row[] now = Arrays.copyOf(old, old.length + 1);
        if (row.exact >= 0) {
            System.arraycopy(old, 0, now, 1, old.length);
            now[0] = row;
        } else {
            now[old.length] = row;
        }
        BY_OPCODE[row.map][row.opcode] = now;
    }

    /**
     * A row that could never be chosen is a mistake. One with an exact ModR/M byte is looked at
     * before all others.
     *
     * @param before rows of the same opcode that stand before it
     */
    static void refuseShadowed(Row[] before, Row row) {
        for (Row b : before) {
            if (row.exact >= 0 ? row.covers(b) : b.covers(row)) {
                throw new IllegalStateException(
                        "instruction table: of the rows \"%s\" and \"%s\" one is never chosen"
                                .formatted(b, row));
            }
        }
    }
}
