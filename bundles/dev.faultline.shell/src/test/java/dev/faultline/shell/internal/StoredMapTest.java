// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.snapshot.PageMap;
import org.junit.jupiter.api.Test;

class StoredMapTest {
    @Test
    void aCellShowsTheMostParticularKindInIt() {
        byte[] kinds = new byte[2 * 1024];
        kinds[0] = PageMap.SHARED;
        kinds[3] = PageMap.PATTERN;
        kinds[4] = PageMap.SHARED;
        kinds[5] = PageMap.PRIVATE;
        kinds[2047] = PageMap.PRIVATE;
        String[] lines = StoredMap.text(new PageMap(kinds)).split("\n");
        assertThat(lines).hasSize(17);
        assertThat(lines[0]).startsWith("  |.+#   ").hasSize(64 + 4);
        assertThat(lines[15]).endsWith(" #|");
        assertThat(lines[16])
                .isEqualTo(
                        "  each cell 2 pages: '#' private 2, '+' pattern 1, '.' shared with the parent 2, ' ' zero 2,043");
    }

    @Test
    void fewPagesMakeFewCells() {
        assertThat(StoredMap.text(new PageMap(new byte[] {0, 1, 2}))).startsWith("  | .+|\n");
    }
}
