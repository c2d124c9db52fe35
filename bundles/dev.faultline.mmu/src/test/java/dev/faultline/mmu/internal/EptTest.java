// SPDX-License-Identifier: Apache-2.0
package dev.faultline.mmu.internal;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.memory.RamBlock;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Leaves and code marks of pages that lie far apart, against a set of page numbers. */
class EptTest {
    private static final long CLAIM = -1;
    private static final int OPERATIONS = 3000;

    /**
     * In two directories of 8 GiB, at ends of chunks and of words of their bitmaps, and far off.
     */
    private static final long[] PAGES = {
        0, 1, 0x1FF, 0x200, 0x7FFF, 0x8000, 0x1F_FFFF, 0x20_0000, 0x20_01FF, 0x3F_FE00, 0xFFF_FFFF
    };

    private final Rig r = new Rig();
    private final Ept ept;

    EptTest() {
        RamBlock one = r.memory.addBlock("one", 0x1000);
        for (long gfn : PAGES) {
            if (gfn << 12 >= Rig.RAM) {
                r.memory.map(gfn << 12, 0x1000, one, 0, false);
            }
        }
        ept = new Ept(r.memory, r.protection);
    }

    @AfterEach
    void close() {
        r.close();
    }

    @Test
    void clearsAndVisitsExactlyTheRange() {
        Random random = new Random(5);
        TreeSet<Long> present = new TreeSet<>();
        TreeSet<Long> code = new TreeSet<>();
        for (int i = 0; i < OPERATIONS; i++) {
            long gfn = PAGES[random.nextInt(PAGES.length)];
            long to = PAGES[random.nextInt(PAGES.length)];
            long first = Math.min(gfn, to);
            long pages = Math.max(gfn, to) - first + random.nextInt(2);
            switch (random.nextInt(4)) {
                case 0 -> {
                    assertThat(ept.resolve(gfn, CLAIM)).isPositive();
                    present.add(gfn);
                }
                case 1 -> {
                    ept.setCode(gfn, 3);
                    code.add(gfn);
                }
                case 2 -> {
                    List<Long> seen = new ArrayList<>();
                    ept.forEachCodePage(first, pages, seen::add);
                    assertThat(seen).containsExactlyElementsOf(code.subSet(first, first + pages));
                }
                default -> {
                    TreeSet<Long> in = new TreeSet<>(present.subSet(first, first + pages));
                    assertThat(ept.clear(first, pages)).isEqualTo(!in.isEmpty());
                    present.removeAll(in);
                }
            }
            assertThat(ept.presentPages()).isEqualTo(present.size());
            for (long p : PAGES) {
                assertThat(ept.leaf(p) > 0).as("page %x", p).isEqualTo(present.contains(p));
            }
        }
    }

    @Test
    void wholeSpaceIsClearedThoughItEndsBehindTheDirectories() {
        ept.resolve(0xFFF_FFFF, CLAIM);
        assertThat(ept.clear(0, 1L << 40)).isTrue();
        assertThat(ept.clear(0, 1L << 40)).isFalse();
    }
}
