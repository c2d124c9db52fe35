// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.api.snapshot.SnapshotService.Listed;
import dev.faultline.snapshot.internal.disk.DirectoryLock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What killed processes leave is listed, cleaned and in nobody's way, and what looks like it and is
 * of others is never taken.
 */
class LeftOversTest extends TwoSnapshots {
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void leftOversAreListedAndCleanedAndInNobodysWay(boolean locked) throws Exception {
        Path left = Files.createDirectory(home.resolve(".new.saving"));
        Files.writeString(left.resolve("pack-0"), "half");
        if (locked) { // by a process that was killed
            kill(holder(left, DirectoryLock.Use.WRITE));
        }
        assertThat(snapshots.list(home))
                .filteredOn(Listed::unfinished)
                .singleElement()
                .satisfies(l -> assertThat(l.dir()).isEqualTo(left))
                .satisfies(l -> assertThat(l.error()).contains("did not end"));
        try (Fake f = new Fake(PAGES).fill(9)) {
            snapshots.save(f.machine, home.resolve("new"), x -> {});
        }
        assertThat(left).doesNotExist();
        Files.createDirectory(left);
        Files.writeString(left.resolve("index-0"), "half");
        assertThat(snapshots.clean(home)).containsExactly(left);
        assertThat(left).doesNotExist();
        snapshots.verify(home.resolve("new"), x -> {});
    }

    @Test
    void filesOfOthersAreNeverTaken() throws Exception {
        Path left = Files.createDirectory(home.resolve(".new.saving"));
        Files.writeString(left.resolve("thesis.txt"), "years of work");
        try (Fake f = new Fake(PAGES).fill(9)) {
            assertThatThrownBy(() -> snapshots.save(f.machine, home.resolve("new"), x -> {}))
                    .hasMessageContaining("thesis.txt");
        }
        assertThat(snapshots.clean(home)).isEmpty();
        assertThatThrownBy(() -> snapshots.delete(left))
                .hasMessageContaining("nothing was deleted");
        assertThat(left.resolve("thesis.txt")).exists();
    }

    /** Programs of all kinds have files of these names, in directories of all names. */
    @ParameterizedTest
    @CsvSource({
        ".app, lock",
        "app, trace",
        "app, trace.new",
        ".saving, lock",
        ".app.saving.old, lock",
        ".app.saving.old, trace",
        "app, index-",
        "app, pack-1234567890"
    })
    void directoriesOfOthersAreNeitherListedNorCleanedNorDeleted(String dir, String file)
            throws Exception {
        Path theirs = Files.createDirectory(home.resolve(dir));
        Files.writeString(theirs.resolve(file), "theirs");
        assertThat(snapshots.list(home)).noneMatch(Listed::unfinished);
        assertThat(snapshots.clean(home)).isEmpty();
        assertThatThrownBy(() -> snapshots.delete(theirs))
                .hasMessageContaining("nothing was deleted");
        assertThat(theirs.resolve(file)).hasContent("theirs");
    }

    @Test
    void aLockOfAKilledSaveIsInNobodysWay() throws Exception {
        Path dir = Files.createDirectory(home.resolve("killed"));
        kill(holder(dir, DirectoryLock.Use.WRITE));
        assertThat(dir.resolve(DirectoryLock.FILE)).isNotEmptyFile();
        try (Fake f = new Fake(PAGES).fill(9)) {
            snapshots.save(f.machine, dir, x -> {});
        }
        snapshots.verify(dir, x -> {});
    }

    /** No save makes directories, or links, of its files' names. */
    @Test
    void whatHasTheNameOfAPartAndIsNoFileIsOfOthers() throws Exception {
        Path theirs = Files.createDirectories(home.resolve("app/index-1")).getParent();
        Path linked = Files.createDirectory(home.resolve("linked"));
        Files.createSymbolicLink(linked.resolve("pack-1"), base);
        assertThat(snapshots.clean(home)).isEmpty();
        assertThat(theirs.resolve("index-1")).isDirectory();
        assertThat(linked.resolve("pack-1")).isSymbolicLink();
    }

    @Test
    void whatOnlySavesMakeIsCleanedWhereverItIs() throws Exception {
        for (String file : List.of("index-1", "pack-0", "hashes-123456789", "manifest.new")) {
            Path left = Files.createDirectory(home.resolve("left"));
            Files.writeString(left.resolve(file), "half");
            Files.createFile(left.resolve(DirectoryLock.FILE));
            assertThat(snapshots.clean(home)).as(file).containsExactly(left);
            assertThat(left).doesNotExist();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"trace", "trace.new", "lock"})
    void aSaveTakesNoFileOfOthersInTheDirectoryItIsGiven(String file) throws Exception {
        Path theirs = Files.createDirectory(home.resolve("theirs"));
        Files.writeString(theirs.resolve(file), "theirs");
        try (Fake f = new Fake(PAGES).fill(9)) {
            assertThatThrownBy(() -> snapshots.save(f.machine, theirs, x -> {}))
                    .hasMessageContaining("is not empty");
        }
        assertThat(theirs.resolve(file)).hasContent("theirs");
        assertThat(theirs.toFile().list()).containsExactly(file);
    }
}
