// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.api.snapshot.RestoreMode;
import dev.faultline.api.snapshot.Restored;
import dev.faultline.api.snapshot.SaveOptions;
import dev.faultline.api.snapshot.SaveOptions.Compression;
import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.api.snapshot.SnapshotService.Listed;
import dev.faultline.snapshot.internal.format.Origin;
import dev.faultline.snapshot.internal.format.Trace;
import dev.faultline.snapshot.internal.source.LocalOrigin;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Two at once on one snapshot in one process: each waits or is refused, and nothing is lost. The
 * first is held in the middle of what it does, the second is let loose, the first ends.
 */
class LocksTest extends TwoSnapshots {
    @Test
    void aSecondCompactionIsRefusedWhileTheFirstGoesOn() throws Exception {
        try (Standing s = standing(Doing.COMPACT)) {
            assertThatThrownBy(() -> snapshots.compact(child, x -> {}))
                    .hasMessageContaining(child.toString())
                    .hasMessageContaining("compact by process " + ProcessHandle.current().pid());
            s.end();
        }
        allIsThere();
        snapshots.compact(child, x -> {});
        allIsThere();
    }

    @ParameterizedTest
    @EnumSource(
            value = Doing.class,
            names = {"COMPACT", "VERIFY", "RESTORE"})
    void nothingThatIsUsedIsDeletedNorItsParent(Doing what) throws Exception {
        try (Standing s = standing(what)) {
            inUse(() -> snapshots.delete(child));
            // Its parent has a child beside it, and may be read besides.
            assertThatThrownBy(() -> snapshots.delete(base)).isInstanceOf(SnapshotException.class);
            s.end();
        }
        allIsThere();
        snapshots.delete(child);
        snapshots.delete(base);
        assertThat(home).isEmptyDirectory();
    }

    @ParameterizedTest
    @EnumSource(
            value = Doing.class,
            names = {"VERIFY", "RESTORE"})
    void aCompactionDisturbsNobodyWhoReads(Doing what) throws Exception {
        try (Standing s = standing(what)) {
            snapshots.compact(child, x -> {});
            snapshots.compact(child, x -> {});
            s.end();
        }
        allIsThere();
    }

    @ParameterizedTest
    @EnumSource(
            value = Doing.class,
            names = {"SAVE", "LIVE_SAVE"})
    void oneSavesToAPlaceAtATime(Doing what) throws Exception {
        Path there = home.resolve("new");
        try (Standing s = standing(what);
                Fake g = new Fake(PAGES).fill(11)) {
            inUse(() -> snapshots.save(g.machine, there, x -> {}));
            assertThat(snapshots.clean(home)).isEmpty();
            assertThat(snapshots.list(home))
                    .filteredOn(Listed::unfinished)
                    .singleElement()
                    .satisfies(l -> assertThat(l.error()).contains("save by process"));
            inUse(() -> snapshots.delete(home.resolve(".new.saving")));
            s.end();
            assertThat(snapshots.list(home)).noneMatch(Listed::unfinished);
            assertThatThrownBy(() -> snapshots.save(g.machine, there, x -> {}))
                    .hasMessageContaining("not empty");
        }
        snapshots.verify(there, x -> {});
    }

    @Test
    void twoRecordingsAreBothInTheTrace() throws Exception {
        var how =
                dev.faultline.api.snapshot.RestoreOptions.of(RestoreMode.LAZY)
                        .recording(dev.faultline.api.snapshot.RestoreOptions.Window.DEFAULT);
        try (Fake f = new Fake(PAGES);
                Fake g = new Fake(PAGES);
                Restored a = snapshots.restore(base, f.machine, how);
                Restored b = snapshots.restore(base, g.machine, how)) {
            f.read(3);
            g.read(600);
            Thread other = Thread.ofPlatform().start(() -> save(a));
            save(b);
            other.join();
        }
        try (Origin o = new LocalOrigin(base)) {
            assertThat(Trace.read(o).recordings()).isEqualTo(2);
            assertThat(Trace.read(o).likely(PAGES)).containsExactlyInAnyOrder(3, 600);
        }
    }

    private static void save(Restored r) {
        try {
            r.saveRecording();
        } catch (SnapshotException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Kept only as long as somebody needs it: a machine that has all its pages does not. */
    @Test
    void whatAMachineDoesNotNeedAnyMoreMayBeDeletedButNotReferredTo() throws Exception {
        try (Fake g = new Fake(PAGES);
                Restored r = snapshots.restore(child, g.machine, RestoreMode.EAGER)) {
            snapshots.delete(child);
            SaveOptions o = new SaveOptions(Compression.LZ4, true);
            assertThatThrownBy(() -> snapshots.save(g.machine, home.resolve("c"), o, x -> {}))
                    .hasMessageContaining("any more");
            snapshots.save(g.machine, home.resolve("c"), x -> {});
        }
        assertThat(LiveSaveTest.memory(home.resolve("c"))).isDeepEqualTo(memory);
    }

    /** The parent goes between the restore and the incremental save that would refer to it. */
    @Test
    void anIncrementalSaveRefersToNothingThatIsGone() throws Exception {
        Path away = home.resolve("away");
        try (Fake g = new Fake(PAGES);
                Restored r = snapshots.restore(base, g.machine, RestoreMode.LAZY)) {
            Files.move(base, away); // as an operator may
            SaveOptions o = new SaveOptions(Compression.LZ4, true);
            assertThatThrownBy(() -> snapshots.save(g.machine, home.resolve("c"), o, x -> {}))
                    .hasMessageContaining(base.toString());
            assertThat(home.resolve("c")).doesNotExist();
        }
    }
}
