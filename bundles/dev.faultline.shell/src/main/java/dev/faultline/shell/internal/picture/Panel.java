// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.picture;

import java.util.List;

/** One view of a machine's pages. A cell is a run of them. */
public interface Panel {
    /** For people, one line. */
    String heading();

    int pages();

    /**
     * How a cell looks.
     *
     * @param from its first page
     * @param to after its last page, above {@code from}
     */
    Cell cell(int from, int to);

    /** What the colours mean. */
    List<Legend> legend();

    /**
     * @param mark ASCII, for terminals
     * @param rgb 0xRRGGBB
     */
    record Cell(char mark, int rgb) {}

    /**
     * @param rgb several for a range
     */
    record Legend(String mark, List<Integer> rgb, String meaning) {
        static Legend of(char mark, int rgb, String meaning) {
            return new Legend("'" + mark + "'", List.of(rgb), meaning);
        }
    }
}
