// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.api.snapshot.RestoreMode;
import dev.faultline.api.snapshot.Restored;
import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.api.snapshot.SnapshotService.Listed;
import dev.faultline.snapshot.internal.disk.DirectoryLock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The lock file itself: one that is missing, that is none, and that says what it should not. */
class LockFileTest extends TwoSnapshots {
    /** A copy without the lock file, as other tools may make it, is read and left as it is. */
    @Test
    void whoReadsLeavesNoTraces() throws Exception {
        Files.delete(base.resolve(DirectoryLock.FILE));
        List<String> before = List.of(base.toFile().list());
        try (Fake g = new Fake(PAGES);
                Restored r = snapshots.restore(base, g.machine, RestoreMode.LAZY)) {
            assertThat(g.read(7)).isEqualTo(memory[7]);
        }
        snapshots.verify(base, x -> {});
        assertThat(base.toFile().list()).containsExactlyInAnyOrderElementsOf(before);
    }

    @Test
    void aHostileLockFileHangsNobody() throws Exception {
        Path lock = base.resolve(DirectoryLock.FILE);
        Files.delete(lock);
        assertThat(new ProcessBuilder("mkfifo", lock.toString()).start().waitFor()).isZero();
        snapshots.verify(base, x -> {});
        assertThatThrownBy(() -> snapshots.compact(base, x -> {}))
                .hasMessageContaining("cannot be locked")
                .hasMessageContaining(lock.toString());
        Files.delete(lock);
        Files.createSymbolicLink(lock, home.resolve("elsewhere"));
        snapshots.verify(base, x -> {});
        assertThatThrownBy(() -> snapshots.compact(base, x -> {}))
                .hasMessageContaining("cannot be locked");
        assertThat(home.resolve("elsewhere")).doesNotExist();
    }

    /** What it says is of whoever wrote it. */
    @Test
    void whatALockFileSaysIsNotObeyedByATerminal() throws Exception {
        Path left = Files.createDirectory(home.resolve(".new.saving"));
        String escapes = "\u001b[2J\u001b]0;owned\u0007\r\nall is well\u202e\u009b1m";
        try (DirectoryLock a = held(left, escapes);
                DirectoryLock b = held(child, escapes)) {
            for (Path dir : List.of(left, child)) {
                assertThatThrownBy(() -> snapshots.delete(dir))
                        .satisfies(e -> isPlain(e.getMessage()));
            }
            assertThatThrownBy(() -> snapshots.compact(child, x -> {}))
                    .satisfies(e -> isPlain(e.getMessage()));
            assertThat(snapshots.list(home))
                    .filteredOn(Listed::unfinished)
                    .singleElement()
                    .satisfies(l -> isPlain(l.error()));
        }
    }

    private static DirectoryLock held(Path dir, String why) throws SnapshotException {
        return DirectoryLock.take(
                dir, DirectoryLock.Use.WRITE, why, 0, DirectoryLock.Without.REFUSE);
    }

    private static void isPlain(String s) {
        assertThat(s).contains("all is well");
        assertThat(s.chars()).noneMatch(c -> Character.isISOControl(c) || c == 0x202E);
    }
}
