// SPDX-License-Identifier: Apache-2.0
package dev.faultline.memory.internal;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.memory.MemoryListener;
import dev.faultline.api.memory.MemorySlot;
import dev.faultline.api.memory.RamBlock;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.Test;

/**
 * Random mappings and unmappings against an ideal overlay: an array with one entry per page. {@code
 * -Dfaultline.memory.operations=200000} and {@code -Dfaultline.memory.seed=N} run more or others.
 */
class SlotModelTest {
    private static final int PAGES = 96;
    private static final int OPERATIONS = Integer.getInteger("faultline.memory.operations", 20_000);
    private static final long SEED = Long.getLong("faultline.memory.seed", 1);

    /** What one page should be. */
    private record Page(RamBlock block, long offset, boolean readOnly) {}

    private final GuestSpace space = new GuestSpace(new FakeHost(), 36);
    private final RamBlock[] blocks = {
        space.addBlock("A", PAGES << 12),
        space.addBlock("B", PAGES << 12),
        space.addBlock("C", PAGES << 12)
    };
    private final Page[] model = new Page[PAGES];

    /** What a listener believes from events alone. */
    private final Page[] heard = new Page[PAGES];

    private int events;

    @Test
    void slotsAndEventsEqualTheIdealOverlay() {
        space.addListener(new Believer());
        Random random = new Random(SEED);
        for (int i = 0; i < OPERATIONS; i++) {
            String operation = operate(random);
            check("operation %d (seed %d): %s".formatted(i, SEED, operation));
        }
        assertThat(events).isGreaterThan(OPERATIONS / 4);
    }

    private String operate(Random random) {
        int first = random.nextInt(PAGES);
        int pages = 1 + random.nextInt(random.nextBoolean() ? 4 : PAGES - first);
        pages = Math.min(pages, PAGES - first);
        long gpa = (long) first << 12;
        if (random.nextInt(4) == 0) {
            for (int p = first; p < first + pages; p++) {
                model[p] = null;
            }
            space.unmap(gpa, (long) pages << 12);
            return "unmap %x,%x".formatted(first, pages);
        }
        RamBlock block = blocks[random.nextInt(blocks.length)];
        // Mostly the identity relation, so that neighbours often coalesce.
        int offset = random.nextInt(3) > 0 ? first : random.nextInt(PAGES - pages + 1);
        boolean readOnly = random.nextInt(4) == 0;
        for (int p = 0; p < pages; p++) {
            model[first + p] = new Page(block, (long) (offset + p) << 12, readOnly);
        }
        space.map(gpa, (long) pages << 12, block, (long) offset << 12, readOnly);
        return "map %x,%x -> %s+%x%s"
                .formatted(first, pages, block.name(), offset, readOnly ? " ROM" : "");
    }

    private void check(String where) {
        MemorySlot before = null;
        for (MemorySlot s : space.slots()) {
            if (before != null && before.end() >= s.gpa()) {
                assertThat(before.end()).as(where).isEqualTo(s.gpa());
                assertThat(SlotMap.sameType(before, s)).as(where + ": coalesced").isFalse();
            }
            before = s;
        }
        for (int p = 0; p < PAGES; p++) {
            long gpa = ((long) p << 12) + 0x123;
            MemorySlot s = space.slotAt(gpa);
            Page is =
                    s == null
                            ? null
                            : new Page(
                                    s.block(),
                                    s.offset() + ((long) p << 12) - s.gpa(),
                                    s.readOnly());
            if (!Objects.equals(is, model[p])
                    || !Objects.equals(heard[p], model[p])
                    || space.hvaOf(gpa)
                            != (model[p] == null
                                    ? -1
                                    : model[p].block.hva() + model[p].offset + 0x123)) {
                throw new AssertionError(
                        "%s: page %x is %s, heard %s, should be %s"
                                .formatted(where, p, is, heard[p], model[p]));
            }
        }
    }

    /**
     * Applies events to {@link #heard} and insists that each describes the page's true past and
     * future.
     */
    private final class Believer implements MemoryListener {
        private void replace(MemorySlot old, MemorySlot now, long gpa, long size) {
            events++;
            for (long g = gpa; g < gpa + size; g += 4096) {
                int p = (int) (g >>> 12);
                assertThat(heard[p]).isEqualTo(old == null ? null : page(old, g));
                Page is = now == null ? null : page(now, g);
                assertThat(is).isNotEqualTo(heard[p]);
                heard[p] = is;
            }
        }

        private Page page(MemorySlot s, long gpa) {
            return new Page(s.block(), s.offset() + gpa - s.gpa(), s.readOnly());
        }

        @Override
        public void mappingAdded(MemorySlot now) {
            replace(null, now, now.gpa(), now.size());
        }

        @Override
        public void mappingRemoved(MemorySlot old) {
            replace(old, null, old.gpa(), old.size());
        }

        @Override
        public void mappingChanged(MemorySlot old, MemorySlot now) {
            assertThat(now.gpa()).isEqualTo(old.gpa());
            assertThat(now.size()).isEqualTo(old.size());
            replace(old, now, now.gpa(), now.size());
        }
    }
}
