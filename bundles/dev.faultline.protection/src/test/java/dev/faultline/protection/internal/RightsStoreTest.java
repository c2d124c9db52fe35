// SPDX-License-Identifier: Apache-2.0
package dev.faultline.protection.internal;

import static dev.faultline.api.protection.Rights.NONE;
import static dev.faultline.api.protection.Rights.R;
import static dev.faultline.api.protection.Rights.RWX;
import static dev.faultline.api.protection.Rights.RX;
import static org.assertj.core.api.Assertions.assertThat;

import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RightsStoreTest {
    private static final long EIGHT_GIB = (8L << 30 >>> 12) - 1;
    private static final int OPERATIONS =
            Integer.getInteger("faultline.protection.operations", 20_000);
    private static final long SEED = Long.getLong("faultline.protection.seed", 1);

    private final RightsStore store = new RightsStore();
    private final Narrowed narrowed = new Narrowed();

    @Test
    void untouchedCostsNothing() {
        assertThat(store.bytes()).isLessThan(100);
        store.set(0, EIGHT_GIB, RWX, narrowed);
        assertThat(store.bytes()).isLessThan(100);
    }

    /** However large: what a cold JVM executes for it are a few interpreted steps. */
    @Test
    void uniformGroupsCostOneReference() {
        store.set(0, EIGHT_GIB, NONE, narrowed);
        assertThat(store.bytes()).isLessThan(100);
        assertThat(store.restrictedPages()).isEqualTo(EIGHT_GIB + 1);
        assertThat(List.of(narrowed.first(), narrowed.last())).isEqualTo(List.of(0L, EIGHT_GIB));
        store.set(0, EIGHT_GIB, RX, narrowed);
        assertThat(store.bytes()).isLessThan(100);
        assertThat(store.get(12345)).isEqualTo(RX);
        assertThat(store.nextRestricted(12345)).isEqualTo(12345);
        store.set(0, EIGHT_GIB, RWX, narrowed);
        assertThat(store.nextRestricted(0)).isEqualTo(-1);
        assertThat(store.restrictedPages()).isZero();
    }

    @Test
    void aGroupButOnePageIsNotTheGroup() {
        int group = 1 << 18;
        store.set(1, group - 1, NONE, narrowed);
        store.set(group, 2 * group - 2, R, narrowed);
        assertThat(store.get(0)).isEqualTo(RWX);
        assertThat(store.get(1)).isEqualTo(NONE);
        assertThat(store.get(2 * group - 2)).isEqualTo(R);
        assertThat(store.get(2 * group - 1)).isEqualTo(RWX);
        assertThat(store.restrictedPages()).isEqualTo(2 * group - 2);
    }

    @Test
    void uniformChunksCostOneReference() {
        for (long gfn = 0; gfn <= EIGHT_GIB; gfn += 512) {
            store.set(gfn, gfn + 511, NONE, narrowed);
        }
        assertThat(store.bytes()).isLessThan(20_000);
        assertThat(store.restrictedPages()).isEqualTo(EIGHT_GIB + 1);
        store.set(0, EIGHT_GIB, RX, narrowed);
        assertThat(store.bytes()).isLessThan(20_000);
        assertThat(store.get(12345)).isEqualTo(RX);
    }

    /** Three bits and a third of a page in packed words, headers included. */
    @Test
    void packedChunksCostThreeBitsAPageAndTheirHeaders() {
        for (long gfn = 0; gfn <= 1L << 18; gfn += 2) {
            store.set(gfn, NONE);
        }
        assertThat(store.bytes() * 8.0 / (1 << 18)).isLessThan(3.9);
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 77})
    void chunksOpenedPageByPageGiveTheirMemoryBack(long seed) {
        store.set(0, 2047, NONE, narrowed);
        long uniform = store.bytes();
        int[] order = new Random(seed).ints(0, 2048).distinct().limit(2048).toArray();
        for (int gfn : order) {
            store.set(gfn, RWX);
        }
        assertThat(order).hasSize(2048);
        assertThat(store.bytes()).isEqualTo(uniform);
        assertThat(store.nextRestricted(0)).isEqualTo(-1);
    }

    @Test
    void nextRestrictedIsCheapOnSparseMaps() {
        store.set(5, R);
        store.set(EIGHT_GIB, NONE);
        store.set(1L << 30, 1L << 30, NONE, narrowed);
        assertThat(store.nextRestricted(0)).isEqualTo(5);
        assertThat(store.nextRestricted(5)).isEqualTo(5);
        assertThat(store.nextRestricted(6)).isEqualTo(EIGHT_GIB);
        assertThat(store.nextRestricted(EIGHT_GIB + 1)).isEqualTo(1L << 30);
        assertThat(store.nextRestricted((1L << 30) + 1)).isEqualTo(-1);
        assertThat(store.nextRestricted(Long.MAX_VALUE)).isEqualTo(-1);
    }

    @Test
    void pageChangesOfAnExistingChunkAllocateNothing() {
        var threads = (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
        store.set(1, R);
        int sum = changePages();
        long before = threads.getCurrentThreadAllocatedBytes();
        sum += changePages();
        long allocated = threads.getCurrentThreadAllocatedBytes() - before;
        assertThat(sum).isPositive();
        assertThat(allocated).isLessThan(10_000);
    }

    /** What a fault handler does that has so many pages open at a time, all over a guest. */
    @ParameterizedTest
    @ValueSource(ints = {NONE, RWX})
    void cyclesOverManyChunksAllocateNothing(int around) {
        var threads = (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
        if (around != RWX) {
            store.set(0, EIGHT_GIB, around, narrowed);
        }
        int sum = 0;
        long before = 0;
        for (int round = 0; round < 4; round++) {
            before = threads.getCurrentThreadAllocatedBytes();
            for (long gfn = 3; gfn <= EIGHT_GIB; gfn += 512) {
                sum += store.set(gfn, NONE) + store.get(gfn);
                sum += store.set(gfn, RWX);
                sum += store.set(gfn, around);
            }
        }
        long allocated = threads.getCurrentThreadAllocatedBytes() - before;
        assertThat(sum).isPositive();
        assertThat(allocated).isLessThan(4096 / 2); // of 4096 chunks
        assertThat(store.bytes()).isLessThan(1 << 20);
    }

    private int changePages() {
        int sum = 0;
        for (int i = 0; i < 20_000; i++) {
            int gfn = 2 + i % 500;
            sum += store.set(gfn, i % 3) + store.get(gfn);
        }
        return sum;
    }

    /** As {@link #equalsAnArrayOfPages}, with ranges that begin and end in any of four groups. */
    @Test
    void rangesOfGroupsEqualAnArrayOfPages() {
        Random random = new Random(SEED);
        int groups = 4;
        int step = 1 << 14; // pages that are told apart
        int[] model = new int[(groups << 18) / step];
        Arrays.fill(model, RWX);
        for (int i = 0; i < 2000; i++) {
            int a = random.nextInt(model.length);
            int b = random.nextInt(model.length);
            int first = Math.min(a, b) & (random.nextInt(3) == 0 ? -1 : -16);
            int last = Math.max(a, b) | (random.nextInt(3) == 0 ? 0 : 15);
            int rights = random.nextInt(3) == 0 ? RWX : random.nextInt(8);
            Narrowed told = new Narrowed();
            Narrowed expected = new Narrowed();
            for (int p = first; p <= last; p++) {
                if ((model[p] & ~rights) != 0) {
                    expected.add((long) p * step, (long) p * step + step - 1);
                }
                model[p] = rights;
            }
            store.set((long) first * step, (long) last * step + step - 1, rights, told);
            String where = "operation %d (seed %d)".formatted(i, SEED);
            assertThat(List.of(told.first(), told.last()))
                    .as(where)
                    .isEqualTo(List.of(expected.first(), expected.last()));
            long restricted = 0;
            long next = -1;
            for (int p = model.length - 1; p >= 0; p--) {
                restricted += model[p] == RWX ? 0 : step;
                next = model[p] == RWX ? next : (long) p * step;
                assertThat(store.get((long) p * step)).as(where).isEqualTo(model[p]);
                assertThat(store.get((long) p * step + step - 1)).as(where).isEqualTo(model[p]);
                assertThat(store.nextRestricted((long) p * step)).as(where).isEqualTo(next);
            }
            assertThat(store.restrictedPages()).as(where).isEqualTo(restricted);
        }
    }

    /**
     * Random single-page and range operations over five chunks in two groups, against one byte per
     * page.
     */
    @Test
    void equalsAnArrayOfPages() {
        int base = (1 << 18) - 1024;
        int pages = 5 * 512 - 7;
        byte[] model = new byte[pages];
        Arrays.fill(model, (byte) RWX);
        Random random = new Random(SEED);
        for (int i = 0; i < OPERATIONS; i++) {
            int first = random.nextInt(pages);
            int last =
                    random.nextInt(3) == 0
                            ? first
                            : first + random.nextInt(Math.min(pages - first, 1300));
            int rights = random.nextInt(3) == 0 ? RWX : random.nextInt(8);
            String where =
                    "operation %d (seed %d): set %x..%x to %d"
                            .formatted(i, SEED, first, last, rights);
            Narrowed told = new Narrowed();
            if (first == last) {
                assertThat(store.set(base + first, rights)).as(where).isEqualTo(model[first]);
            } else {
                store.set(base + first, base + last, rights, told);
                checkTold(where, told, model, base, first, last, rights);
            }
            Arrays.fill(model, first, last + 1, (byte) rights);
            checkPages(where, model, base, i % 64 == 0);
        }
    }

    private static void checkTold(
            String where, Narrowed told, byte[] model, long base, int first, int last, int rights) {
        Narrowed expected = new Narrowed();
        for (int p = first; p <= last; p++) {
            if ((model[p] & ~rights) != 0) {
                expected.add(base + p, base + p);
            }
        }
        assertThat(told.isEmpty()).as(where).isEqualTo(expected.isEmpty());
        assertThat(told.first()).as(where).isEqualTo(expected.first());
        assertThat(told.last()).as(where).isEqualTo(expected.last());
    }

    private void checkPages(String where, byte[] model, long base, boolean all) {
        long restricted = 0;
        long next = -1;
        for (int p = model.length - 1; p >= 0; p--) {
            if (store.get(base + p) != model[p]) {
                throw new AssertionError(
                        "%s: page %x is %d, should be %d"
                                .formatted(where, p, store.get(base + p), model[p]));
            }
            if (model[p] != RWX) {
                restricted++;
                next = base + p;
            }
            if (all && store.nextRestricted(base + p) != next) {
                throw new AssertionError(
                        "%s: next restricted from %x is %d".formatted(where, p, next));
            }
        }
        assertThat(store.restrictedPages()).as(where).isEqualTo(restricted);
        assertThat(store.get(base - 1)).isEqualTo(RWX);
        assertThat(store.get(base + model.length)).isEqualTo(RWX);
    }
}
