// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.gogo;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Columns under headings; a heading that ends in {@code >} sets its column flush right. */
final class Table {
    private final boolean[] right;
    private final List<String[]> rows = new ArrayList<>();

    Table(String... headings) {
        right = new boolean[headings.length];
        String[] first = new String[headings.length];
        for (int i = 0; i < first.length; i++) {
            right[i] = headings[i].endsWith(">");
            first[i] = right[i] ? headings[i].substring(0, headings[i].length() - 1) : headings[i];
        }
        rows.add(first);
    }

    /**
     * @throws IllegalArgumentException if the number of cells is not that of the headings
     */
    Table row(@Nullable Object... cells) {
        if (cells.length != right.length) {
            throw new IllegalArgumentException(
                    cells.length + " cells for " + right.length + " headings");
        }
        String[] row = new String[cells.length];
        for (int i = 0; i < row.length; i++) {
            row[i] = String.valueOf(cells[i]);
        }
        rows.add(row);
        return this;
    }

    boolean isEmpty() {
        return rows.size() == 1;
    }

    @Override
    public String toString() {
        int[] width = new int[right.length];
        for (String[] row : rows) {
            for (int i = 0; i < width.length; i++) {
                width[i] = Math.max(width[i], row[i].length());
            }
        }
        StringBuilder out = new StringBuilder();
        for (String[] row : rows) {
            StringBuilder line = new StringBuilder();
            for (int i = 0; i < width.length; i++) {
                String pad = " ".repeat(width[i] - row[i].length());
                line.append(right[i] ? pad + row[i] : row[i] + pad).append("  ");
            }
            out.append(out.isEmpty() ? "" : "\n").append(line.toString().stripTrailing());
        }
        return out.toString();
    }
}
