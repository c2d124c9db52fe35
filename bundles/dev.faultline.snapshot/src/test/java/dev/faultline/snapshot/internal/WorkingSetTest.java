// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.api.fault.FaultHandler;
import dev.faultline.api.fault.FaultOrigin;
import dev.faultline.api.fault.PageFault;
import dev.faultline.api.fault.PendingFault;
import dev.faultline.api.protection.Rights;
import dev.faultline.api.snapshot.RestoreMode;
import dev.faultline.api.snapshot.RestoreOptions;
import dev.faultline.api.snapshot.RestoreOptions.Window;
import dev.faultline.api.snapshot.RestoreStatistics;
import dev.faultline.api.snapshot.Restored;
import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.snapshot.internal.format.Layout;
import dev.faultline.snapshot.internal.format.Origin;
import dev.faultline.snapshot.internal.format.Trace;
import dev.faultline.snapshot.internal.format.TraceTest;
import dev.faultline.snapshot.internal.image.Chunks;
import dev.faultline.snapshot.internal.restore.Prefetch;
import dev.faultline.snapshot.internal.source.LocalOrigin;
import dev.faultline.testkit.HangGuard;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Recording first touches, and loading by them. The test is the guest. */
class WorkingSetTest {
    private static final int PAGES = 1200;
    private static final Duration LIMIT = HangGuard.limit();
    private static final RestoreOptions LAZY = RestoreOptions.of(RestoreMode.LAZY);
    private static final RestoreOptions RECORDED = RestoreOptions.of(RestoreMode.RECORDED);

    @TempDir Path scratch;
    private final Snapshots snapshots = new Snapshots();

    /** All pages hold noise: each is stored, 16 to a chunk. */
    private static Fake noise(int pages) {
        Fake f = new Fake(pages);
        for (int p = 0; p < pages; p++) {
            f.poke(p, Fake.page(p, 0));
        }
        return f;
    }

    private Path saved(Fake f) throws SnapshotException {
        Path dir = scratch.resolve("s");
        snapshots.save(f.machine, dir, x -> {});
        return dir;
    }

    private static Trace trace(Path dir) throws SnapshotException {
        try (Origin o = new LocalOrigin(dir)) {
            return Trace.read(o);
        }
    }

    private void record(Path dir, int... pages) throws SnapshotException {
        try (Fake g = new Fake(PAGES);
                Restored r = snapshots.restore(dir, g.machine, LAZY.recording(Window.DEFAULT))) {
            for (int p : pages) {
                g.touch(p, Rights.R);
            }
            r.saveRecording();
        }
    }

    private static boolean open(Fake f, int page) {
        return f.protection.rightsOf(f.gpaOf(page) >>> 12) == Rights.RWX;
    }

    @Test
    void aRecordingHasEveryTouchedPageInOrderWithItsFirstAccess() throws Exception {
        try (Fake f = noise(PAGES);
                Fake g = new Fake(PAGES)) {
            Path dir = saved(f);
            RestoreOptions o = LAZY.recording(Window.DEFAULT);
            try (Restored r = snapshots.restore(dir, g.machine, o)) {
                int[] pages = {700, 701, 3, 699, 1201, 700};
                int[] access = {Rights.X, Rights.W, Rights.R, Rights.R, Rights.R, Rights.W};
                for (int i = 0; i < pages.length; i++) {
                    g.touch(pages[i], access[i]);
                }
                RestoreStatistics s = r.statistics();
                // 699 to 701 are in one chunk: filled together, opened one by one.
                assertThat(s.faults()).isEqualTo(5);
                assertThat(s.absentFaults()).isEqualTo(3);
                assertThat(s.exact()).isTrue();
                assertThat(s.touched()).isEqualTo(5);
                assertThat(s.recorded()).isEqualTo(5);
                assertThat(open(g, 701)).isTrue();
                assertThat(open(g, 702)).isFalse();
                assertThat(r.loadedPages().get(702)).isTrue();
                r.saveRecording();
                assertThat(open(g, 702)).as("afterwards nothing is left closed").isTrue();
                assertThat(open(g, 720)).as("but what is absent").isFalse();
                g.touch(720, Rights.R);
                assertThat(open(g, 721)).isTrue();
                byte[] written = Files.readAllBytes(dir.resolve("trace"));
                r.saveRecording();
                assertThat(Files.readAllBytes(dir.resolve("trace"))).isEqualTo(written);
            }
            Trace t = trace(dir);
            assertThat(t.likely(PAGES + 5)).containsExactly(700, 701, 3, 699, 1201);
            assertThat(IntStream.range(0, 5).map(i -> t.entry(i).access()))
                    .containsExactly(Rights.X, Rights.W, Rights.R, Rights.R, Rights.R);
        }
    }

    @Test
    void theWindowBoundsARecording() throws Exception {
        try (Fake f = noise(PAGES);
                Fake g = new Fake(PAGES)) {
            Path dir = saved(f);
            RestoreOptions o = LAZY.recording(new Window(3, null));
            try (Restored r = snapshots.restore(dir, g.machine, o)) {
                for (int p : new int[] {5, 600, 7, 9, 300}) {
                    g.touch(p, Rights.R);
                }
                assertThat(open(g, 8)).as("opened when the window ended").isTrue();
                assertThat(r.statistics().recorded()).isEqualTo(3);
                r.saveRecording();
            }
            assertThat(trace(dir).likely(PAGES)).containsExactly(5, 600, 7);
        }
        assertThatThrownBy(() -> new Window(0, null)).hasMessageContaining("1 to 1048576");
        assertThatThrownBy(() -> new Window(1, Duration.ZERO)).hasMessageContaining("more than 0");
    }

    /** One error while reading, and the recordings of all runs before would be gone. */
    @Test
    void aTraceThatCannotBeReadNowIsNotReplaced() throws Exception {
        try (Fake f = noise(PAGES);
                Fake g = new Fake(PAGES)) {
            Path dir = saved(f);
            record(dir, 5, 700);
            Path trace = dir.resolve("trace");
            Path kept = scratch.resolve("kept");
            try (Restored r = snapshots.restore(dir, g.machine, LAZY.recording(Window.DEFAULT))) {
                g.touch(9, Rights.R);
                Files.move(trace, kept);
                Files.createDirectory(trace); // reading it is an error
                assertThatThrownBy(r::saveRecording)
                        .isInstanceOf(SnapshotException.class)
                        .hasMessageContaining("was kept")
                        .hasMessageContaining(dir.toString());
                assertThat(trace).isEmptyDirectory();
                Files.delete(trace);
                Files.createSymbolicLink(trace, scratch.resolve("unmounted"));
                assertThatThrownBy(r::saveRecording).hasMessageContaining("was kept");
                assertThat(trace).isSymbolicLink();
                Files.delete(trace);
                Files.move(kept, trace);
                r.saveRecording(); // it passed, and nothing is lost
            }
            assertThat(trace(dir).recordings()).isEqualTo(2);
            assertThat(trace(dir).likely(PAGES)).containsExactlyInAnyOrder(5, 700, 9);
        }
    }

    @Test
    void whoDidNotRecordIsToldSo() throws Exception {
        try (Fake f = noise(64);
                Fake g = new Fake(64);
                Fake h = new Fake(64)) {
            Path dir = saved(f);
            try (Restored r = snapshots.restore(dir, g.machine, RestoreMode.LAZY)) {
                assertThatThrownBy(r::saveRecording).hasMessageContaining("--record");
            }
            assertThatThrownBy(() -> snapshots.restore(dir, h.machine, RestoreMode.RECORDED))
                    .hasMessageContaining("no recorded working set");
            assertThatThrownBy(() -> RestoreOptions.of(RestoreMode.EAGER).recording(Window.DEFAULT))
                    .isInstanceOf(IllegalArgumentException.class);
        }
    }

    @Test
    void whatWasRecordedIsThereBeforeTheGuestAsks() throws Exception {
        try (Fake f = noise(PAGES);
                Fake g = new Fake(PAGES)) {
            Path dir = saved(f);
            int[] set = IntStream.range(0, 64).map(i -> i * 17).toArray();
            record(dir, set);
            try (Restored r = snapshots.restore(dir, g.machine, RECORDED)) {
                assertThat(r.awaitPrefetched(LIMIT)).isTrue();
                assertThat(r.statistics().prefetched()).isEqualTo(64);
                for (int p : set) {
                    assertThat(g.read(p)).isEqualTo(f.peek(p));
                }
                // All but every sixteenth are open; these tell that the trace is right.
                RestoreStatistics s = r.statistics();
                assertThat(s.faults()).isEqualTo(64 / Prefetch.SAMPLE);
                assertThat(s.absentFaults()).isZero();
                assertThat(s.prefetchedTouched()).isEqualTo(64);
                assertThat(s.precision()).isEqualTo(1);
                assertThat(s.recall()).isEqualTo(1);
                assertThat(s.prefetchStopped()).isFalse();
            }
        }
    }

    @Test
    void recallAndPrecisionAreExactWhileRecording() throws Exception {
        try (Fake f = noise(PAGES);
                Fake g = new Fake(PAGES)) {
            Path dir = saved(f);
            record(dir, IntStream.range(0, 100).map(i -> i * 5).toArray());
            RestoreOptions o = RECORDED.recording(Window.DEFAULT);
            try (Restored r = snapshots.restore(dir, g.machine, o)) {
                assertThat(r.awaitPrefetched(LIMIT)).isTrue();
                for (int i = 0; i < 90; i++) {
                    g.touch(i * 5, Rights.W);
                }
                for (int i = 0; i < 10; i++) {
                    g.touch(1000 + i, Rights.R);
                }
                RestoreStatistics s = r.statistics();
                assertThat(s.prefetched()).isEqualTo(100);
                assertThat(s.prefetchedTouched()).isEqualTo(90);
                assertThat(s.touched()).isEqualTo(100);
                assertThat(s.precision()).isEqualTo(0.9);
                assertThat(s.recall()).isEqualTo(0.9);
                r.saveRecording();
            }
            assertThat(trace(dir).likely(PAGES)).hasSize(110);
            assertThat(trace(dir).recordings()).isEqualTo(2);
        }
    }

    @Test
    void aStaleTraceSpendsItsCreditAndNoMore() throws Exception {
        int pages = 6000;
        try (Fake f = noise(pages);
                Fake g = new Fake(pages);
                Fake h = new Fake(pages)) {
            Path dir = saved(f);
            RestoreOptions o = LAZY.recording(Window.DEFAULT);
            try (Restored r = snapshots.restore(dir, g.machine, o)) {
                for (int p = 0; p < 5000; p++) {
                    g.touch(p, Rights.R);
                }
                r.saveRecording();
            }
            try (Restored r = snapshots.restore(dir, h.machine, RECORDED)) {
                for (int p = 5000; p < pages; p++) {
                    assertThat(h.read(p)).isEqualTo(f.peek(p));
                }
                r.close();
                RestoreStatistics s = r.statistics();
                // The last batch may end behind the credit.
                assertThat(s.prefetched())
                        .isLessThanOrEqualTo(Prefetch.CREDIT + Chunks.AHEAD * Layout.GROUP);
                assertThat(s.prefetchedTouched()).isZero();
            }
        }
    }

    @Test
    void aScatteredTraceSpendsItsCreditByWhatItReads() throws Exception {
        int pages = 6000;
        try (Fake f = noise(pages);
                Fake g = new Fake(pages)) {
            Path dir = saved(f);
            // One page of every chunk in turn: each brings 15 that nobody foretold.
            Files.write(dir.resolve("trace"), entries(pages, i -> i % 375 * 16 + i / 375));
            try (Restored r = snapshots.restore(dir, g.machine, RECORDED)) {
                HangGuard.until("the prefetch stops", () -> r.statistics().prefetchStopped());
                assertThat(r.statistics().chunksRead())
                        .isBetween(
                                (long) Prefetch.CREDIT / Layout.GROUP,
                                (long) Prefetch.CREDIT / Layout.GROUP + Chunks.AHEAD);
            }
        }
    }

    @Test
    void aGoodTraceEarnsCreditByTheGuestsTouches() throws Exception {
        int pages = 6000;
        try (Fake f = noise(pages);
                Fake g = new Fake(pages);
                Fake h = new Fake(pages)) {
            Path dir = saved(f);
            RestoreOptions o = LAZY.recording(Window.DEFAULT);
            try (Restored r = snapshots.restore(dir, g.machine, o)) {
                for (int p = 0; p < 5000; p++) {
                    g.touch(p, Rights.R);
                }
                r.saveRecording();
            }
            try (Restored r = snapshots.restore(dir, h.machine, RECORDED)) {
                HangGuard.until(
                        "its credit is used", () -> r.statistics().prefetched() >= Prefetch.CREDIT);
                for (int p = 0; p < 1000; p++) {
                    h.touch(p, Rights.R);
                }
                // 1000 touched pages allow 4000 more: nothing is left that needs the guest.
                HangGuard.until("4900 are prefetched", () -> r.statistics().prefetched() >= 4900);
                assertThat(r.statistics().absentFaults()).isZero();
            }
        }
    }

    @Test
    void hostileTracesDoNoHarm() throws Exception {
        try (Fake f = noise(PAGES)) {
            Path dir = saved(f);
            byte[] noise = Fake.page(1, 0);
            byte[] many = new byte[24 + 12 * (1 << 22) + 4];
            byte[] same = entries(PAGES, i -> 77);
            byte[] foreign = entries(1 << 16, i -> PAGES + 5 + i);
            byte[] backwards = entries(PAGES, i -> PAGES - 1 - i);
            for (byte[] bad : new byte[][] {noise, {}, many, same, foreign, backwards}) {
                Files.write(dir.resolve("trace"), bad);
                try (Fake g = new Fake(PAGES);
                        Restored r = snapshots.restore(dir, g.machine, RECORDED)) {
                    for (int p = 0; p < f.pages(); p++) {
                        assertThat(g.read(p)).isEqualTo(f.peek(p));
                    }
                    assertThat(r.failure()).isNull();
                }
            }
        }
    }

    private static byte[] entries(int n, java.util.function.IntUnaryOperator page) {
        ByteBuffer b = ByteBuffer.allocate(24 + 12 * n + 4).order(ByteOrder.LITTLE_ENDIAN);
        b.putLong(Layout.TRACE_MAGIC).putInt(2).putInt(n).putInt(1).putInt(0);
        for (int i = 0; i < n; i++) {
            b.putInt(page.applyAsInt(i)).putInt(16 * i).putShort((short) 1).putShort((short) 1);
        }
        TraceTest.signed(b.array());
        assertThat(Trace.parse(b.array()).size()).isEqualTo(n);
        return b.array();
    }

    @Test
    void completionLoadsTheRestByFewReadsAndEndsTheLayer() throws Exception {
        try (Fake f = noise(PAGES);
                Fake g = new Fake(PAGES)) {
            Path dir = saved(f);
            try (Restored r = snapshots.restore(dir, g.machine, LAZY.completing())) {
                HangGuard.until("all is resident", () -> r.statistics().resident());
                r.complete();
                RestoreStatistics s = r.statistics();
                assertThat(s.loaded()).isEqualTo(f.pages());
                assertThat(s.chunksRead()).isEqualTo((PAGES + 15) / 16);
                assertThat(s.sourceReads()).isLessThan(s.chunksRead());
                assertThat(g.protection.layers()).hasSize(1);
                assertThat(g.all()).isDeepEqualTo(f.all());
            }
        }
    }

    @Test
    void aCompletedMachineStillRecordsUntilTold() throws Exception {
        try (Fake f = noise(PAGES);
                Fake g = new Fake(PAGES)) {
            Path dir = saved(f);
            RestoreOptions o = LAZY.recording(Window.DEFAULT);
            try (Restored r = snapshots.restore(dir, g.machine, o)) {
                g.touch(9, Rights.R);
                r.complete();
                assertThat(g.protection.layers()).hasSize(2);
                g.touch(8, Rights.W);
                r.saveRecording();
                assertThat(g.protection.layers()).hasSize(1);
            }
            assertThat(trace(dir).likely(PAGES)).containsExactly(9, 8);
        }
    }

    /** Rights are of places: what is absent must be closed wherever it comes to lie. */
    @Test
    void anAbsentPageMappedElsewhereIsClosedThere() throws Exception {
        try (Fake f = noise(PAGES);
                Fake g = new Fake(PAGES)) {
            Path dir = saved(f);
            try (Restored r = snapshots.restore(dir, g.machine, LAZY)) {
                g.touch(0, Rights.R);
                long elsewhere = 1L << 33;
                g.memory.map(elsewhere, 32 * Fake.PAGE, g.ram, 8 * Fake.PAGE, false);
                long gfn = elsewhere >>> 12;
                assertThat(g.protection.rightsOf(gfn + 20)).isEqualTo(Rights.NONE);
                g.touch(28, Rights.R);
                assertThat(g.protection.rightsOf(gfn + 20)).isEqualTo(Rights.RWX);
                g.memory.map(elsewhere, 32 * Fake.PAGE, g.ram, 800 * Fake.PAGE, false);
                assertThat(g.protection.rightsOf(gfn + 20)).isEqualTo(Rights.NONE);
                g.memory.unmap(0, 16 * Fake.PAGE);
                g.memory.map(0, 16 * Fake.PAGE, g.ram, 1000 * Fake.PAGE, false);
                assertThat(g.protection.rightsOf(0)).isEqualTo(Rights.NONE);
                r.complete();
                assertThat(g.protection.rightsOf(0)).isEqualTo(Rights.RWX);
                assertThat(g.protection.rightsOf(gfn + 20)).isEqualTo(Rights.RWX);
            }
        }
    }

    @Test
    void whatIsInUseAfterCloseIsNotHandedOut() throws Exception {
        try (Fake f = noise(PAGES);
                Fake g = new Fake(PAGES)) {
            Path dir = saved(f);
            Restored r = snapshots.restore(dir, g.machine, LAZY.completing());
            r.close();
            for (int p = 0; p < PAGES; p++) {
                byte[] b = g.read(p);
                if (b != null) {
                    assertThat(b).isEqualTo(f.peek(p));
                }
            }
        }
    }

    /** Pages that are there but closed: what a recording costs most often. */
    @Test
    void recordingAnOpenedPageAllocatesNothing() throws Exception {
        int pages = 1 << 15;
        try (Fake f = new Fake(pages);
                Fake g = new Fake(pages)) {
            Path dir = saved(f); // all zero: filled at once
            RestoreOptions o = LAZY.recording(new Window(pages + 1, null));
            try (Restored r = snapshots.restore(dir, g.machine, o)) {
                r.complete();
                FaultHandler handler =
                        g.protection.layers().stream()
                                .map(g.protection::handlerOf)
                                .filter(h -> h != null)
                                .findFirst()
                                .orElseThrow();
                PendingFault p = new PendingFault();
                PageFault fault = new PageFault();
                var threads = (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
                long before = 0;
                for (int i = 0; i < pages; i++) {
                    if (i == pages / 2) {
                        before = threads.getCurrentThreadAllocatedBytes();
                    }
                    // Even pages first: rights of a chunk of pages are allocated once, too.
                    long gpa = (long) (i < pages / 2 ? 2 * i : 2 * i - pages + 1) * Fake.PAGE;
                    p.protectedPage(Rights.W, 0, FaultOrigin.DATA, gpa, 0, g.ram.hva() + gpa, 0);
                    handler.onFault("fake", fault.set(0, p));
                }
                long bytes = threads.getCurrentThreadAllocatedBytes() - before;
                assertThat(r.statistics().recorded()).isEqualTo(pages);
                // The array of touches grows once, from 16384 to 32768 entries.
                assertThat(bytes).isLessThan(4 * pages + 4096);
            }
        }
    }
}
