// SPDX-License-Identifier: Apache-2.0
package dev.faultline.mmu.internal;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.memory.MemorySlot;
import dev.faultline.api.memory.RamBlock;
import dev.faultline.testkit.memory.FakeBlock;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

class AliasesTest {
    private final RamBlock block = new FakeBlock("ram", 0x7000_0000_0000L, 64 << 12);

    private MemorySlot slot(int gfn, int pages, int offset) {
        return new MemorySlot((long) gfn << 12, (long) pages << 12, block, offset << 12, false);
    }

    @Test
    void slotsApartShareNothing() {
        assertThat(new Aliases(List.of()).count()).isZero();
        assertThat(new Aliases(List.of(slot(0, 4, 0), slot(9, 4, 4), slot(20, 1, 60))).count())
                .isZero();
    }

    /** Random slots over one block, each page against a search of all slots. */
    @Test
    void equalsASearch() {
        Random random = new Random(3);
        for (int n = 0; n < 500; n++) {
            List<MemorySlot> slots = new ArrayList<>();
            int gfn = 0;
            for (int i = random.nextInt(7); i > 0; i--) {
                int pages = 1 + random.nextInt(n % 2 == 0 ? 6 : 30);
                slots.add(slot(gfn, pages, random.nextInt(64 - pages)));
                gfn += pages + random.nextInt(2);
            }
            Aliases a = new Aliases(slots);
            for (int p = 0; p < 64; p++) {
                long hva = block.hva() + ((long) p << 12) + random.nextInt(0x1000);
                Set<Long> all = new TreeSet<>();
                for (MemorySlot s : slots) {
                    if (hva >= s.hva() && hva < s.hva() + s.size()) {
                        all.add(s.gpa() + hva - s.hva() >>> 12);
                    }
                }
                Set<Long> found = new TreeSet<>();
                for (int i = 0; i < a.count(); i++) {
                    long g = a.gfn(i, hva);
                    if (g >= 0) {
                        found.add(g);
                    }
                }
                if (all.size() > 1) {
                    assertThat(found).as("%s at %x", slots, hva).isEqualTo(all);
                } else {
                    assertThat(all).as("%s at %x", slots, hva).containsAll(found);
                }
            }
        }
    }
}
