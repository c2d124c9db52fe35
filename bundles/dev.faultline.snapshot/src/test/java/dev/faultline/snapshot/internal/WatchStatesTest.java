// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.api.memory.MemoryListener;
import dev.faultline.api.memory.MemorySlot;
import dev.faultline.api.protection.ProtectionLayer;
import dev.faultline.api.protection.Rights;
import dev.faultline.api.snapshot.PageMap;
import dev.faultline.api.snapshot.SaveOptions;
import dev.faultline.api.snapshot.SaveOptions.Compression;
import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.snapshot.internal.save.WriteWatch;
import dev.faultline.testkit.HangGuard;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.DoubleConsumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is known of written pages after saves that failed, at whatever point. */
class WatchStatesTest {
    private static final int PAGES = 1200;
    private static final SaveOptions LIVE = new SaveOptions(Compression.LZ4, false, true, false);
    private static final SaveOptions STANDING =
            new SaveOptions(Compression.LZ4, false, false, true);
    private static final SaveOptions NEXT = new SaveOptions(Compression.LZ4, true, true, true);
    private static final long ALIAS = 1L << 33;

    @TempDir Path scratch;
    private final Snapshots snapshots = new Snapshots(Fake.HOST);

    private Path save(Fake f, String name, SaveOptions o, DoubleConsumer progress)
            throws SnapshotException {
        Path dir = scratch.resolve(name);
        snapshots.save(f.machine, dir, o, progress);
        return dir;
    }

    private Path save(Fake f, String name, SaveOptions o) throws SnapshotException {
        return save(f, name, o, x -> {});
    }

    private void cancelledSave(Fake f, SaveOptions o) {
        assertThatThrownBy(() ->
                        save(
                                f,
                                "x",
                                o,
                                x -> {
                                    throw new IllegalStateException("cancelled");
                                }))
                .hasMessage("cancelled");
    }

    /** Pages that a snapshot does not share. */
    private BitSet own(Path dir) throws SnapshotException {
        PageMap map = snapshots.pageMap(dir);
        BitSet own = new BitSet();
        for (int p = 0; p < map.pages(); p++) {
            own.set(p, map.kind(p) != PageMap.SHARED);
        }
        return own;
    }

    private static ProtectionLayer layer(Fake f) {
        return f.protection.layers().stream()
                .filter(l -> l.name().equals(WriteWatch.LAYER))
                .findFirst()
                .orElse(null);
    }

    @Test
    void aSaveThatFailsBeforeItsPauseForgetsNothing() throws Exception {
        try (Fake f = new Fake(PAGES).fill(1)) {
            snapshots.unbindHost(Fake.HOST);
            assertThatThrownBy(() -> save(f, "x", LIVE)).hasMessageContaining("no host memory");
            assertThat(layer(f)).isNull();
            snapshots.bindHost(Fake.HOST);
            save(f, "s0", SaveOptions.LIVE);
            f.write(3, Fake.page(3, 0));
            snapshots.unbindHost(Fake.HOST);
            assertThatThrownBy(() -> save(f, "x", NEXT)).hasMessageContaining("no host memory");
            f.write(4, Fake.page(4, 0));
            snapshots.bindHost(Fake.HOST);
            Path dir = save(f, "s1", NEXT);
            assertThat(own(dir).stream().toArray()).containsExactly(3, 4);
            assertThat(LiveSaveTest.memory(dir)).isDeepEqualTo(f.all());
        }
    }

    @Test
    void marksNotBelievedByASaveThatFailedAreNotBelievedByTheNext() throws Exception {
        try (Fake f = new Fake(PAGES).fill(2)) {
            save(f, "s0", SaveOptions.LIVE);
            layer(f).protectPage(77, Rights.RWX);
            f.write(77, Fake.page(77, 0));
            cancelledSave(f, NEXT);
            assertThat(layer(f).rightsOf(77)).isEqualTo(Rights.RX);
            for (int again = 0; again < 2; again++) {
                f.write(78 + again, Fake.page(78 + again, 0));
                cancelledSave(f, again == 0 ? LIVE : NEXT);
            }
            Path dir = save(f, "s1", NEXT);
            assertThat(own(dir).get(77)).isTrue();
            assertThat(LiveSaveTest.memory(dir)).isDeepEqualTo(f.all());
            f.write(80, Fake.page(80, 0));
            assertThat(own(save(f, "s2", NEXT)).stream().toArray()).containsExactly(80);
        }
    }

    @Test
    void aLayerLostToAnotherOfItsNameIsAddedAgainAndTheBaseKept() throws Exception {
        try (Fake f = new Fake(PAGES).fill(3)) {
            save(f, "s0", SaveOptions.LIVE);
            layer(f).close();
            f.write(5, Fake.page(5, 0));
            try (ProtectionLayer l = f.protection.addLayer(WriteWatch.LAYER, null)) {
                assertThatThrownBy(() -> save(f, "x", NEXT)).hasMessageContaining("watched");
                assertThat(layer(f)).isSameAs(l);
            }
            cancelledSave(f, NEXT);
            f.write(6, Fake.page(6, 0));
            Path dir = save(f, "s1", NEXT);
            assertThat(own(dir).get(5)).isTrue();
            assertThat(own(dir).get(6)).isTrue();
            assertThat(LiveSaveTest.memory(dir)).isDeepEqualTo(f.all());
        }
    }

    @Test
    void aStandingSaveCompletesAlthoughTheServiceStopsMeanwhile() throws Exception {
        try (Fake f = new Fake(PAGES).fill(4)) {
            byte[][] before = f.all();
            Path dir = save(f, "s0", STANDING, x -> snapshots.deactivate());
            assertThat(layer(f)).isNull();
            f.write(7, Fake.page(7, 0));
            assertThat(LiveSaveTest.memory(dir)).isDeepEqualTo(before);
        }
    }

    @Test
    void aLiveSaveFailsIfTheServiceStopsInItsPause() throws Exception {
        try (Fake f = new Fake(PAGES).fill(6)) {
            f.inPause =
                    () -> {
                        Thread stops = Thread.ofPlatform().start(snapshots::deactivate);
                        HangGuard.until("the service stops", () -> !stops.isAlive());
                    };
            assertThatThrownBy(() -> save(f, "s0", SaveOptions.LIVE))
                    .hasMessageContaining("the snapshot service was stopped");
            assertThat(scratch.resolve("s0")).doesNotExist();
            assertThat(layer(f)).isNull();
        }
    }

    // ---- a mapping is announced before a save's pause, and published after it

    /** A live save of {@code s1} on a thread of its own, which ends after the guest's stores. */
    private final class Concurrent {
        private final Fake f;
        private final byte[][] before;
        private final AtomicBoolean paused = new AtomicBoolean();
        private final AtomicBoolean stored = new AtomicBoolean();
        private final AtomicReference<Exception> wrong = new AtomicReference<>();
        private final Thread saver = Thread.ofPlatform().unstarted(this::saves);

        Concurrent(Fake f) throws Exception {
            this.f = f;
            save(f, "s0", SaveOptions.LIVE);
            before = f.all();
        }

        private void saves() {
            try {
                save(
                        f,
                        "s1",
                        SaveOptions.LIVE,
                        x -> {
                            paused.set(true);
                            HangGuard.until("the guest stores", stored::get);
                        });
            } catch (SnapshotException e) {
                wrong.set(e);
                paused.set(true);
            }
        }

        void awaitPause() {
            HangGuard.until("the pause of a save", paused::get);
        }

        /**
         * When a mapping is announced, the save begins, and {@code until} that the mapping waits.
         */
        void beginsWhileMapping(Runnable until) {
            f.memory.addListener(
                    new MemoryListener() {
                        @Override
                        public void beforeMapping(MemorySlot now) {
                            if (saver.getState() == Thread.State.NEW) {
                                saver.start();
                                until.run();
                            }
                        }
                    });
        }

        void map(boolean readOnly) {
            f.memory.map(ALIAS, 100L * Fake.PAGE, f.ram, 1100L * Fake.PAGE, readOnly);
        }

        /** The save has the pause's bytes, and the next one what was stored since. */
        void missesNothing() throws Exception {
            for (int p = 0; p < 100; p++) {
                f.store(ALIAS + (long) p * Fake.PAGE, p);
            }
            stored.set(true);
            HangGuard.join(saver);
            assertThat(wrong.get()).isNull();
            assertThat(LiveSaveTest.memory(scratch.resolve("s1"))).isDeepEqualTo(before);
            Path next = save(f, "s2", NEXT);
            assertThat(LiveSaveTest.memory(next)).isDeepEqualTo(f.all());
            assertThat(own(next).nextSetBit(0)).isEqualTo(1100);
        }
    }

    @Test
    void aMappingThatIsPublishedAfterThePauseIsNotMissed() throws Exception {
        try (Fake f = new Fake(PAGES).fill(5)) {
            Concurrent save = new Concurrent(f);
            save.beginsWhileMapping(save::awaitPause);
            save.map(false);
            save.missesNothing();
        }
    }

    /** The bytes were mapped there before, but could not be written. */
    @Test
    void whatBecomesWritableAfterThePauseIsNotMissed() throws Exception {
        try (Fake f = new Fake(PAGES).fill(5)) {
            f.memory.map(ALIAS, 100L * Fake.PAGE, f.ram, 1100L * Fake.PAGE, true);
            Concurrent save = new Concurrent(f);
            save.beginsWhileMapping(save::awaitPause);
            save.map(false);
            save.missesNothing();
        }
    }

    /** And another change follows, all while the pause protects the slots that it has found. */
    @Test
    void aMappingThatIsPublishedInThePauseIsNotMissed() throws Exception {
        try (Fake f = new Fake(PAGES).fill(5)) {
            long elsewhere = ALIAS + (1L << 30);
            Concurrent save = new Concurrent(f);
            f.memory.map(elsewhere, Fake.PAGE, f.ram, 0, false); // to be closed by the next pause
            AtomicBoolean protecting = new AtomicBoolean();
            AtomicBoolean mapped = new AtomicBoolean();
            f.inPause =
                    () ->
                            f.protection.addListener((gpa, size) -> {
                                if (!protecting.getAndSet(true)) {
                                    HangGuard.until("two changes of the map", mapped::get);
                                }
                            });
            save.beginsWhileMapping(() -> HangGuard.until("the pause protects", protecting::get));
            save.map(false);
            f.memory.unmap(elsewhere, Fake.PAGE);
            mapped.set(true);
            save.awaitPause();
            save.missesNothing();
        }
    }
}
