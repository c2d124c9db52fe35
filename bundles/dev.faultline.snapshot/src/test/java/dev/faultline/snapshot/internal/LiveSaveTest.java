// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.api.memory.HostBytes;
import dev.faultline.api.protection.ProtectionLayer;
import dev.faultline.api.snapshot.RestoreMode;
import dev.faultline.api.snapshot.Restored;
import dev.faultline.api.snapshot.SaveOptions;
import dev.faultline.api.snapshot.SaveOptions.Compression;
import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.api.snapshot.SnapshotInfo;
import dev.faultline.snapshot.internal.format.Layout;
import dev.faultline.snapshot.internal.image.Image;
import dev.faultline.snapshot.internal.save.WriteWatch;
import dev.faultline.testkit.HangGuard;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A snapshot of a machine that runs holds what it was in the pause, whatever happens later. */
class LiveSaveTest {
    private static final int PAGES = 1200;
    private static final SaveOptions LIVE = new SaveOptions(Compression.LZ4, false, true, false);
    private static final SaveOptions LIVE_INCREMENTAL =
            new SaveOptions(Compression.LZ4, true, true, false);
    private static final long ALIAS = 1L << 33;

    @TempDir Path scratch;
    private final Snapshots snapshots = new Snapshots(Fake.HOST);

    /** The whole of a snapshot's memory. */
    static byte[][] memory(Path dir) throws SnapshotException {
        try (Image x = Image.open(dir)) {
            byte[][] all = new byte[x.pages()][];
            byte[] b = new byte[Layout.GROUP * Layout.PAGE];
            for (int g = 0; g < x.groups(); g++) {
                int n = x.bulk().readGroup(g, b);
                for (int i = 0; i < n; i++) {
                    all[g * Layout.GROUP + i] =
                            java.util.Arrays.copyOfRange(b, i * 4096, (i + 1) * 4096);
                }
            }
            return all;
        }
    }

    private static boolean isWatched(Fake f) {
        return f.protection.layers().stream().anyMatch(l -> l.name().equals(WriteWatch.LAYER));
    }

    /** Saves live; {@code meanwhile} is done once, when the first section was stored. */
    private Path saveWhile(Fake f, String name, SaveOptions o, Runnable meanwhile)
            throws SnapshotException {
        Path dir = scratch.resolve(name);
        AtomicBoolean done = new AtomicBoolean();
        snapshots.save(
                f.machine,
                dir,
                o,
                x -> {
                    if (!done.getAndSet(true)) {
                        meanwhile.run();
                    }
                });
        return dir;
    }

    private static void overwriteAll(Fake f) {
        for (int p = PAGES - 1; p >= 0; p--) {
            f.write(p, Fake.page(p + 5000, p % 4));
        }
    }

    @Test
    void whatIsWrittenWhileItIsSavedIsNotInIt() throws Exception {
        try (Fake f = new Fake(PAGES).fill(1)) {
            byte[][] before = f.all();
            Path dir = saveWhile(f, "s", LIVE, () -> overwriteAll(f));
            assertThat(memory(dir)).isDeepEqualTo(before);
            assertThat(f.peek(7)).isEqualTo(Fake.page(5007, 3));
            assertThat(isWatched(f)).isFalse();
            snapshots.verify(dir, x -> {});
        }
    }

    @Test
    void guestsThatWriteLikeMadChangeNothing() throws Exception {
        try (Fake f = new Fake(PAGES).fill(2)) {
            AtomicBoolean stop = new AtomicBoolean();
            AtomicLong stores = new AtomicLong();
            AtomicReference<Throwable> wrong = new AtomicReference<>();
            List<Thread> guests = new ArrayList<>();
            f.memory.map(ALIAS, 300L * 4096, f.ram, 500L * 4096, false);
            for (int t = 0; t < 3; t++) {
                Random r = new Random(t);
                boolean alias = t == 2;
                guests.add(
                        Thread.ofPlatform()
                                .start(() -> {
                                    try {
                                        while (!stop.get()) {
                                            long page = r.nextInt(alias ? 300 : PAGES);
                                            long gpa = page * 4096 + r.nextInt(512) * 8;
                                            f.store(alias ? ALIAS + gpa : gpa, r.nextLong());
                                            stores.incrementAndGet();
                                        }
                                    } catch (Throwable e) {
                                        wrong.set(e);
                                    }
                                }));
            }
            try {
                for (int round = 0; round < 24; round++) {
                    Path stood = scratch.resolve("stood" + round);
                    Path live = scratch.resolve("live" + round);
                    long before = stores.get();
                    f.inPause =
                            () -> {
                                try {
                                    f.inPause = () -> {};
                                    snapshots.save(f.machine, stood, x -> {});
                                } catch (SnapshotException e) {
                                    wrong.set(e);
                                }
                            };
                    SaveOptions o =
                            new SaveOptions(Compression.LZ4, round % 3 == 2, true, round % 3 != 0);
                    snapshots.save(f.machine, live, o, x -> await(stores, before + 200, wrong));
                    if (round % 3 != 2) {
                        // The same pages in the same order give the same bytes.
                        assertThat(Files.mismatch(stood.resolve("pack-0"), live.resolve("pack-0")))
                                .isEqualTo(-1);
                        assertThat(
                                        Files.mismatch(
                                                stood.resolve("index-0"), live.resolve("index-0")))
                                .isEqualTo(-1);
                    }
                    assertThat(memory(live)).isDeepEqualTo(memory(stood));
                }
            } finally {
                stop.set(true);
                for (Thread t : guests) {
                    t.join();
                }
            }
            assertThat(wrong.get()).isNull();
        }
    }

    /** So the guests write while each section is copied. */
    private static void await(AtomicLong stores, long n, AtomicReference<Throwable> wrong) {
        HangGuard.until("enough stores", () -> stores.get() >= n || wrong.get() != null);
    }

    @Test
    void aPageSeenAtTwoPlacesIsKeptWhicheverIsWritten() throws Exception {
        try (Fake f = new Fake(PAGES).fill(3)) {
            f.memory.map(ALIAS, 600L * 4096, f.ram, 600L * 4096, false);
            byte[][] before = f.all();
            Path dir =
                    saveWhile(
                            f,
                            "s",
                            LIVE,
                            () -> {
                                for (int p = 600; p < PAGES; p++) {
                                    f.store(ALIAS + (p - 600) * 4096L, p);
                                    f.store(p * 4096L + 8, p);
                                }
                            });
            assertThat(memory(dir)).isDeepEqualTo(before);
            assertThat(HostBytes.get64(f.ram.hva() + 700 * 4096L)).isEqualTo(700);
        }
    }

    @Test
    void mappingAndUnmappingMeanwhileDoesNoHarm() throws Exception {
        try (Fake f = new Fake(PAGES).fill(4)) {
            f.memory.map(ALIAS, 4096, f.ram, 0, false); // so that it has been mapped once
            byte[][] before = f.all();
            Path dir =
                    saveWhile(
                            f,
                            "s",
                            SaveOptions.LIVE,
                            () -> {
                                // Other pages at a gpa that is open already, new gpas, and the ROM.
                                f.store(ALIAS, 1);
                                f.memory.map(ALIAS, 4096, f.ram, 1100L * 4096, false);
                                f.store(ALIAS, 2);
                                f.memory.map(ALIAS + (1 << 20), 1 << 20, f.ram, 2 << 20, false);
                                for (int p = 512; p < 768; p++) {
                                    f.store(ALIAS + (1 << 20) + (p - 512) * 4096L, p);
                                }
                                f.memory.unmap(0, 1150L * 4096);
                                f.memory.map(0, 1000L * 4096, f.ram, 0, false);
                                for (int p = 0; p < 1000; p++) {
                                    f.store(p * 4096L + 64, p);
                                }
                                f.memory.map(1L << 32, f.rom.size(), f.rom, 0, false);
                                f.store(1L << 32, 3);
                            });
            assertThat(memory(dir)).isDeepEqualTo(before);
            // What was mapped anew may have been written: the next save must know.
            byte[][] now = blocks(f);
            Path next = saveWhile(f, "t", LIVE_INCREMENTAL, () -> {});
            assertThat(memory(next)).isDeepEqualTo(now);
        }
    }

    @Test
    void pagesGivenBackMeanwhileAreInItAndZeroInTheNext() throws Exception {
        try (Fake f = new Fake(PAGES).fill(12)) {
            byte[][] before = f.all();
            Path dir =
                    saveWhile(
                            f,
                            "s",
                            SaveOptions.LIVE,
                            () -> f.ram.discard(600L * 4096, 300L * 4096));
            assertThat(memory(dir)).isDeepEqualTo(before);
            f.ram.discard(20L * 4096, 4096);
            Path next = saveWhile(f, "t", LIVE_INCREMENTAL, () -> {});
            assertThat(memory(next)).isDeepEqualTo(f.all());
            assertThat(f.peek(600)).isEqualTo(new byte[4096]);
            assertThat(f.peek(20)).isEqualTo(new byte[4096]);
        }
    }

    private static byte[][] blocks(Fake f) {
        byte[][] all = new byte[f.pages()][4096];
        for (int p = 0; p < all.length; p++) {
            long hva = p < PAGES ? f.ram.hva() + p * 4096L : f.rom.hva() + (p - PAGES) * 4096L;
            HostBytes.copyOut(hva, all[p], 0, 4096);
        }
        return all;
    }

    @Test
    void pagesNotLoadedInThePauseComeFromTheirSnapshotWhateverHappensToThem() throws Exception {
        try (Fake f = new Fake(PAGES).fill(5)) {
            snapshots.save(f.machine, scratch.resolve("base"), x -> {});
            for (SaveOptions o : List.of(LIVE, LIVE_INCREMENTAL)) {
                try (Fake g = new Fake(PAGES);
                        Restored r =
                                snapshots.restore(
                                        scratch.resolve("base"), g.machine, RestoreMode.LAZY)) {
                    byte[][] want = f.all();
                    for (int p = 0; p < PAGES; p += 7) {
                        g.write(p, Fake.page(p, 0));
                        want[p] = Fake.page(p, 0);
                    }
                    Path dir =
                            saveWhile(
                                    g,
                                    "s" + o.incremental(),
                                    o,
                                    () -> {
                                        overwriteAll(g);
                                        complete(r);
                                    });
                    assertThat(memory(dir)).isDeepEqualTo(want);
                    assertThat(g.peek(601)).isEqualTo(Fake.page(5601, 1));
                }
            }
        }
    }

    private static void complete(Restored r) {
        try {
            r.complete();
        } catch (SnapshotException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void aGuestThatWritesMoreThanMayBeAsideWaits() throws Exception {
        try (Fake f = new Fake(5000).fill(6)) {
            byte[][] before = f.all();
            snapshots.mostAside = 100;
            int[] pauses = {0};
            f.inPause = () -> pauses[0]++;
            Path dir = scratch.resolve("s");
            int[] next = {4999};
            snapshots.save(
                    f.machine,
                    dir,
                    LIVE,
                    x -> {
                        for (int i = 0; i < 80 && next[0] > 0; i++) {
                            f.write(next[0], Fake.page(next[0]--, 0));
                        }
                    });
            assertThat(memory(dir)).isDeepEqualTo(before);
            assertThat(pauses[0]).isGreaterThan(1);
        }
    }

    @Test
    void aSaveThatFailsOrIsCancelledLeavesTheGuestAlone() throws Exception {
        try (Fake f = new Fake(PAGES).fill(7)) {
            for (boolean track : new boolean[] {false, true}) {
                SaveOptions o = new SaveOptions(Compression.LZ4, false, true, track);
                assertThatThrownBy(() ->
                                snapshots.save(
                                        f.machine,
                                        scratch.resolve("s"),
                                        o,
                                        x -> {
                                            f.write(1000, Fake.page(1, 0));
                                            throw new IllegalStateException("cancelled");
                                        }))
                        .hasMessage("cancelled");
                Snapshots full = new Snapshots(new CrashDisk(5), Fake.HOST);
                assertThatThrownBy(() -> full.save(f.machine, scratch.resolve("s"), o, x -> {}))
                        .isInstanceOf(SnapshotException.class)
                        .hasMessageContaining("No space left");
                assertThat(scratch).isEmptyDirectory();
                assertThat(isWatched(f)).isFalse();
            }
            overwriteAll(f);
        }
    }

    @Test
    void aMachineClosedMeanwhileEndsTheSave() throws Exception {
        Fake f = new Fake(PAGES).fill(8);
        assertThatThrownBy(() -> saveWhile(f, "s", SaveOptions.LIVE, f::close))
                .isInstanceOf(SnapshotException.class)
                .hasMessageContaining("closed");
        assertThat(scratch).isEmptyDirectory();
        assertThatThrownBy(() -> saveWhile(f, "s", SaveOptions.LIVE, () -> {}))
                .isInstanceOf(SnapshotException.class)
                .hasMessageContaining("closed");
        assertThat(scratch).isEmptyDirectory();
    }

    @Test
    void theServiceStoppedMeanwhileEndsTheSaveAndTheWatch() throws Exception {
        try (Fake f = new Fake(PAGES).fill(9)) {
            snapshots.save(f.machine, scratch.resolve("before"), SaveOptions.LIVE, x -> {});
            assertThat(isWatched(f)).isTrue();
            assertThatThrownBy(() -> saveWhile(f, "s", SaveOptions.LIVE, snapshots::deactivate))
                    .isInstanceOf(SnapshotException.class)
                    .hasMessageContaining("stopped");
            assertThat(isWatched(f)).isFalse();
            overwriteAll(f);
        }
    }

    @Test
    void oneLiveSaveAtATime() throws Exception {
        try (Fake f = new Fake(PAGES).fill(10)) {
            AtomicReference<SnapshotException> second = new AtomicReference<>();
            saveWhile(
                    f,
                    "s",
                    LIVE,
                    () -> {
                        try {
                            snapshots.save(f.machine, scratch.resolve("t"), LIVE, x -> {});
                        } catch (SnapshotException e) {
                            second.set(e);
                        }
                    });
            assertThat(second.get()).hasMessageContaining("being saved");
            assertThat(scratch.resolve("t")).doesNotExist();
        }
    }

    @Test
    void anothersLayerOfTheNameIsReported() throws Exception {
        try (Fake f = new Fake(64);
                ProtectionLayer l = f.protection.addLayer(WriteWatch.LAYER, null)) {
            assertThatThrownBy(() -> saveWhile(f, "s", LIVE, () -> {}))
                    .isInstanceOf(SnapshotException.class)
                    .hasMessageContaining("watched");
            assertThat(scratch).isEmptyDirectory();
        }
    }

    @Test
    void thePauseIsReported() throws Exception {
        try (Fake f = new Fake(PAGES).fill(11)) {
            SnapshotInfo i = snapshots.save(f.machine, scratch.resolve("s"), LIVE, x -> {});
            assertThat(i.pauseNanos()).isPositive().isLessThan(i.saveNanos());
        }
    }
}
