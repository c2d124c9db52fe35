// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import org.junit.jupiter.api.Test;

/**
 * Where a save may go: links, directories that are there, new parents; and what a failure leaves.
 */
class SavePlacesTest extends TwoSnapshots {
    @Test
    void savesFollowLinksAndKeepADirectoryThatIsThere() throws Exception {
        Path disk = Files.createDirectory(home.resolve("disk"));
        Files.setPosixFilePermissions(disk, PosixFilePermissions.fromString("rwxr-x---"));
        Files.createDirectory(disk.resolve("lost+found")); // the root of a file system
        Path link = Files.createSymbolicLink(home.resolve("link"), disk);
        Object key = Files.readAttributes(disk, "unix:ino").get("ino");
        try (Fake f = new Fake(PAGES).fill(9)) {
            snapshots.save(f.machine, link, x -> {});
            assertThat(Files.isSymbolicLink(link)).isTrue();
            assertThat(Files.readAttributes(disk, "unix:ino").get("ino")).isEqualTo(key);
            assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(disk)))
                    .isEqualTo("rwxr-x---");
            snapshots.verify(link, x -> {});
            snapshots.verify(disk, x -> {});

            Path dangling = home.resolve("later");
            Files.createSymbolicLink(dangling, Path.of("made", "..", "made", "deep", "snap"));
            snapshots.save(f.machine, dangling, x -> {});
            assertThat(Files.isSymbolicLink(dangling)).isTrue();
            snapshots.verify(home.resolve("made/deep/snap"), x -> {});
        }
        snapshots.delete(link);
        assertThat(link).doesNotExist();
        assertThat(disk.toFile().list()).containsExactly("lost+found");
    }

    @Test
    void aSaveThatFailsLeavesADirectoryAsItWasAndNoneThatItMade() throws Exception {
        Path empty = Files.createDirectory(home.resolve("empty"));
        try (Fake f = new Fake(PAGES).fill(9)) {
            for (Path p : List.of(empty, home.resolve("a/b/c"))) {
                assertThatThrownBy(() ->
                                snapshots.save(
                                        f.machine,
                                        p,
                                        x -> {
                                            throw new IllegalStateException("the caller's");
                                        }))
                        .hasMessageContaining("the caller's");
            }
        }
        assertThat(empty).isEmptyDirectory();
        assertThat(home.resolve("a")).doesNotExist();
        assertThat(home.toFile().list()).containsExactlyInAnyOrder("base", "child", "empty");
    }

    /** Each new directory is on the medium before what is made in it. */
    @Test
    void newParentsAreForced() throws Exception {
        CrashDisk disk = new CrashDisk();
        try (Fake f = new Fake(PAGES).fill(9)) {
            new Snapshots(disk, Fake.HOST).save(f.machine, home.resolve("a/b/c"), x -> {});
        }
        Path real = home.toRealPath();
        assertThat(disk.forced()).containsSubsequence(real, real.resolve("a"), real.resolve("a/b"));
    }
}
