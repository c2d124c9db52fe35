// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal;

import dev.faultline.api.snapshot.PageMap;

/** What a snapshot stores for each page, drawn in the terminal. */
final class StoredMap {
    private static final int COLUMNS = 64;
    private static final int ROWS = 16;

    private StoredMap() {}

    /**
     * A cell is a run of pages and shows the most particular kind in it: private before pattern
     * before shared before zero.
     */
    static String text(PageMap map) {
        int cells = Math.min(COLUMNS * ROWS, Math.max(1, map.pages()));
        int[] most = new int[cells];
        long[] count = new long[4];
        for (int p = 0; p < map.pages(); p++) {
            int c = (int) ((long) p * cells / map.pages());
            most[c] = Math.max(most[c], rank(map.kind(p)));
            count[map.kind(p)]++;
        }
        StringBuilder b = new StringBuilder();
        for (int c = 0; c < cells; c++) {
            b.append(c % COLUMNS == 0 ? "  |" : "").append(" .+#".charAt(most[c]));
            b.append(c % COLUMNS == COLUMNS - 1 || c == cells - 1 ? "|\n" : "");
        }
        b.append(
                "  each cell %d pages: '#' private %,d, '+' pattern %,d, '.' shared with the parent %,d, ' ' zero %,d\n"
                        .formatted(
                                (map.pages() + cells - 1) / cells,
                                count[PageMap.PRIVATE],
                                count[PageMap.PATTERN],
                                count[PageMap.SHARED],
                                count[PageMap.ZERO]));
        return b.toString();
    }

    private static int rank(int kind) {
        return switch (kind) {
            case PageMap.SHARED -> 1;
            case PageMap.PATTERN -> 2;
            case PageMap.PRIVATE -> 3;
            default -> 0;
        };
    }
}
