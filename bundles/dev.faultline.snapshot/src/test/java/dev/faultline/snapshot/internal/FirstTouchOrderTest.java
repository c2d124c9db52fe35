// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.protection.Rights;
import dev.faultline.api.snapshot.RestoreMode;
import dev.faultline.api.snapshot.RestoreOptions;
import dev.faultline.api.snapshot.RestoreOptions.Window;
import dev.faultline.api.snapshot.RestoreStatistics;
import dev.faultline.api.snapshot.Restored;
import dev.faultline.api.snapshot.SaveOptions;
import dev.faultline.api.snapshot.SaveOptions.Compression;
import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.snapshot.internal.format.Layout;
import dev.faultline.snapshot.internal.format.Section;
import dev.faultline.snapshot.internal.image.Image;
import dev.faultline.testkit.HangGuard;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Compaction by a trace: what is touched together lies together, and nothing else changes. */
class FirstTouchOrderTest {
    private static final int PAGES = 2000; // four sections
    private static final int TOUCHED = 600;
    private static final int WINDOW = 256;
    private static final RestoreOptions LAZY = RestoreOptions.of(RestoreMode.LAZY);

    @TempDir Path scratch;
    private final Snapshots snapshots = new Snapshots();

    /** Distinct pages all over RAM, in no order; their number is even. */
    private static int[] scattered() {
        return new Random(5).ints(0, PAGES / 2).distinct().limit(TOUCHED).map(p -> 2 * p).toArray();
    }

    /** Those of touched pages: 16 pages each, the last one of each window what remains. */
    private static int chunks(int[] order) {
        int n = 0;
        for (int from = 0; from < order.length; from += WINDOW) {
            int end = Math.min(order.length, from + WINDOW);
            long stored = Arrays.stream(order, from, end).filter(p -> p % 11 != 0).count();
            n += (int) ((stored + 15) / 16);
        }
        return n;
    }

    private static void poke(Fake f) {
        for (int p = 0; p < PAGES; p++) {
            f.poke(p, Fake.page(p, p % 11 == 0 ? 2 : 0)); // every eleventh is a pattern
        }
    }

    private Path recorded(Fake f, String name, int[] order) throws SnapshotException {
        Path dir = scratch.resolve(name);
        snapshots.save(f.machine, dir, x -> {});
        record(dir, order);
        return dir;
    }

    private void record(Path dir, int[] order) throws SnapshotException {
        try (Fake g = new Fake(PAGES);
                Restored r = snapshots.restore(dir, g.machine, LAZY.recording(Window.DEFAULT))) {
            for (int p : order) {
                g.touch(p, Rights.R);
            }
            r.saveRecording();
        }
    }

    @Test
    void touchedPagesLieInFrontInTheirOrder() throws Exception {
        int[] order = scattered();
        try (Fake f = new Fake(PAGES)) {
            poke(f);
            Path dir = recorded(f, "s", order);
            snapshots.compact(dir, x -> {});
            long before = Layout.HEAD;
            int stored = 0;
            try (Image x = Image.open(dir)) {
                for (int from = 0; from < TOUCHED; from += WINDOW) {
                    // Of one window those that lie together in RAM lie together here.
                    int end = Math.min(TOUCHED, from + WINDOW);
                    int[] window = Arrays.copyOfRange(order, from, end);
                    Arrays.sort(window);
                    int n = 0;
                    for (int p : window) {
                        if (x.kind(p) != Layout.CHUNK) {
                            continue;
                        }
                        Section s = x.section(p / Layout.SECTION);
                        int c = s.chunk(p % Layout.SECTION);
                        assertThat(s.slot(p % Layout.SECTION)).isEqualTo(n % Layout.GROUP);
                        if (n++ % Layout.GROUP == 0) {
                            assertThat(s.offset(c)).as("window %d", from).isEqualTo(before);
                            before += Layout.RECORD_HEAD + s.stored(c);
                        }
                    }
                    stored += n;
                }
            }
            assertThat(stored).isGreaterThan(500);
            snapshots.verify(dir, x -> {});
        }
    }

    @Test
    void allModesGiveTheSameMemory() throws Exception {
        int[] order = scattered();
        try (Fake f = new Fake(PAGES).fill(41)) {
            Path dir = recorded(f, "s", order);
            snapshots.compact(dir, x -> {});
            snapshots.compact(dir, x -> {}); // of one that is in this order already
            assertSame(dir, f);
        }
    }

    private void assertSame(Path dir, Fake f) throws Exception {
        for (RestoreMode mode : RestoreMode.values()) {
            try (Fake g = new Fake(PAGES);
                    Restored r = snapshots.restore(dir, g.machine, mode)) {
                for (int p = f.pages() - 1; p >= 0; p--) {
                    assertThat(g.read(p)).as("%s, page %d", mode, p).isEqualTo(f.peek(p));
                }
                r.complete();
                assertThat(g.all()).isDeepEqualTo(f.all());
                assertThat(r.pagesLoaded()).isEqualTo(f.pages());
            }
        }
    }

    @Test
    void aRestoreReadsTheWorkingSetAndLittleElse() throws Exception {
        int[] order = scattered();
        try (Fake f = new Fake(PAGES)) {
            poke(f);
            Path dir = recorded(f, "s", order);
            RestoreStatistics before = touch(dir, order);
            snapshots.compact(dir, x -> {});
            RestoreStatistics after = touch(dir, order);
            int stored = (int) Arrays.stream(order).filter(p -> p % 11 != 0).count();
            int chunks = chunks(order);
            assertThat(after.chunksRead()).isEqualTo(chunks);
            assertThat(before.chunksRead()).isGreaterThan(3 * chunks);
            assertThat(after.sourceBytes()).isLessThan((long) (1.3 * stored * Layout.PAGE));
            assertThat(after.absentFaults()).isZero();
            assertThat(after.recall()).isEqualTo(1);
            assertThat(after.precision()).isEqualTo(1);
            // Each batch of 16 chunks is one range; the rest is manifest, heads and index.
            assertThat(after.sourceReads()).isLessThan(chunks - 10);
        }
    }

    private RestoreStatistics touch(Path dir, int[] order) throws Exception {
        RestoreOptions o = RestoreOptions.of(RestoreMode.RECORDED).recording(Window.DEFAULT);
        try (Fake g = new Fake(PAGES);
                Restored r = snapshots.restore(dir, g.machine, o)) {
            assertThat(r.awaitPrefetched(HangGuard.limit())).isTrue();
            for (int p : order) {
                g.touch(p, Rights.R);
            }
            return r.statistics();
        }
    }

    @Test
    void aLazyRestoreReadsEachChunkOnceThoughItsPagesLieApart() throws Exception {
        int[] order = scattered();
        try (Fake f = new Fake(PAGES);
                Fake g = new Fake(PAGES)) {
            poke(f);
            Path dir = recorded(f, "s", order);
            snapshots.compact(dir, x -> {});
            try (Restored r = snapshots.restore(dir, g.machine, LAZY)) {
                for (int p : order) {
                    assertThat(g.read(p)).isEqualTo(f.peek(p));
                }
                RestoreStatistics s = r.statistics();
                long stored = Arrays.stream(order).filter(p -> p % 11 != 0).count();
                assertThat(s.chunksRead()).isEqualTo(chunks(order));
                // At most one fault per chunk and section, and those for patterns.
                assertThat(s.faults()).isLessThan(4 * s.chunksRead() + order.length - stored + 1);
            }
        }
    }

    @Test
    void aChainIsTakenInByTheChildsTrace() throws Exception {
        int[] order = scattered();
        try (Fake f = new Fake(PAGES).fill(42);
                Fake g = new Fake(PAGES)) {
            Path base = recorded(f, "base", order);
            snapshots.compact(base, x -> {});
            Path child = scratch.resolve("child");
            try (Restored r = snapshots.restore(base, g.machine, LAZY)) {
                for (int p = 0; p < PAGES; p += 3) {
                    g.write(p, Fake.page(p, p % 4));
                    f.poke(p, Fake.page(p, p % 4));
                }
                snapshots.save(g.machine, child, new SaveOptions(Compression.LZ4, true), x -> {});
            }
            assertSameLazily(child, f);
            record(child, order);
            assertSame(child, f);
            snapshots.compact(child, x -> {});
            snapshots.delete(base);
            assertSame(child, f);
        }
    }

    private void assertSameLazily(Path dir, Fake f) throws Exception {
        try (Fake g = new Fake(PAGES);
                Restored r = snapshots.restore(dir, g.machine, RestoreMode.LAZY)) {
            for (int p : scattered()) {
                assertThat(g.read(p)).as("page %d", p).isEqualTo(f.peek(p));
            }
            r.complete();
            assertThat(g.all()).isDeepEqualTo(f.all());
        }
    }
}
