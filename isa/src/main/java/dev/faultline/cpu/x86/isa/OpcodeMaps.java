// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.isa;

import java.util.Arrays;

/** Rows by what selects them. Filled once, then read by any thread. */
public final class OpcodeMaps {
    /** Of a space: 0F is 1, 0F38 2, 0F3A 3; 5 and 6 are EVEX's. */
    private static final int MAPS = 8;

    private static final int OPCODES = 256;
    private static final Row[] NO_ROWS = {};

    private final Row[][] rows = new Row[Space.values().length * MAPS * OPCODES][];

    /**
     * @param all in the order of the table
     * @throws IllegalStateException naming the rows, if one would never be chosen
     */
    public OpcodeMaps(Iterable<Row> all) {
        Arrays.fill(rows, NO_ROWS);
        for (Row r : all) {
            add(r);
        }
    }

    private static int index(Space space, int map, int opcode) {
        return (space.ordinal() * MAPS + map) * OPCODES + opcode;
    }

    /** Candidates of an opcode, exact ModR/M bytes first. Not to be changed. */
    public Row[] candidates(Space space, int map, int opcode) {
        return rows[index(space, map, opcode)];
    }

    private void add(Row row) {
        int i = index(row.space, row.map, row.opcode);
        Row[] old = rows[i];
        refuseShadowed(old, row);
        Row[] now = Arrays.copyOf(old, old.length + 1);
        if (row.exact >= 0) {
            System.arraycopy(old, 0, now, 1, old.length);
            now[0] = row;
        } else {
            now[old.length] = row;
        }
        rows[i] = now;
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
