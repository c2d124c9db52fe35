// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.api.protection.Rights;
import dev.faultline.api.snapshot.RestoreMode;
import dev.faultline.api.snapshot.RestoreOptions;
import dev.faultline.api.snapshot.Restored;
import dev.faultline.api.snapshot.SaveOptions;
import dev.faultline.api.snapshot.SaveOptions.Compression;
import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.snapshot.internal.disk.Disk;
import dev.faultline.snapshot.internal.format.Layout;
import dev.faultline.snapshot.internal.format.Origin;
import dev.faultline.snapshot.internal.format.Trace;
import dev.faultline.snapshot.internal.image.Image;
import dev.faultline.snapshot.internal.source.LocalOrigin;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The power fails, or the disk is full, at every single operation: the old snapshot or the new one,
 * never neither, never a mixture.
 */
class CrashTest {
    private static final int PAGES = 1200;

    @TempDir Path scratch;
    private Path home;
    private final Snapshots real = new Snapshots(Fake.HOST);
    private byte[][] oldMemory;
    private byte[][] newMemory;
    private int points;

    @BeforeEach
    void makeHome() throws IOException {
        home = Files.createDirectory(scratch.resolve("home"));
    }

    /** Old: base; then a machine restored from it changes and is saved as child. */
    private void saveChild(Snapshots with, SaveOptions o) throws SnapshotException {
        try (Fake g = new Fake(PAGES);
                Restored r = with.restore(home.resolve("base"), g.machine, RestoreMode.LAZY)) {
            for (int p = 0; p < PAGES; p += 6) {
                g.write(p, Fake.page(p, p % 4));
            }
            with.save(g.machine, home.resolve("child"), o, x -> {});
        }
    }

    private void saveBase() throws SnapshotException {
        try (Fake f = new Fake(PAGES).fill(31)) {
            real.save(f.machine, home.resolve("base"), x -> {});
            oldMemory = f.all();
            for (int p = 0; p < PAGES; p += 6) {
                f.poke(p, Fake.page(p, p % 4));
            }
            newMemory = f.all();
        }
    }

    private static void copy(Path from, Path to) throws IOException {
        try (Stream<Path> s = Files.walk(from)) {
            for (Path p : s.toList()) {
                Path q = to.resolve(from.relativize(p));
                if (Files.isDirectory(p)) {
                    Files.createDirectories(q);
                } else {
                    Files.createLink(q, p); // what is there is never written to
                }
            }
        }
    }

    private static void remove(Path root) throws IOException {
        try (Stream<Path> s = Files.walk(root)) {
            for (Path p : s.sorted(java.util.Comparator.reverseOrder()).toList()) {
                Files.delete(p);
            }
        }
    }

    private static void holds(Path dir, byte[][] memory) throws SnapshotException {
        try (Image x = Image.open(dir)) {
            byte[] b = new byte[Layout.GROUP * Layout.PAGE];
            for (int g = 0; g < x.groups(); g++) {
                int n = x.bulk().readGroup(g, b);
                for (int i = 0; i < n; i++) {
                    if (!Arrays.equals(b, i * 4096, (i + 1) * 4096, memory[g * 16 + i], 0, 4096)) {
                        throw new AssertionError("page " + (g * 16 + i) + " of " + dir);
                    }
                }
            }
        }
    }

    private interface Check {
        void on(Path home, boolean finished) throws Exception;
    }

    @AfterEach
    void tellCuts() {
        // bench/snapshots reads this line.
        System.out.println("campaign cuts " + points);
    }

    private void everyCut(CrashDisk disk, Path before, Check check) throws Exception {
        for (int n = 0; n <= disk.operations(); n++) {
            for (CrashDisk.Unforced u : CrashDisk.Unforced.values()) {
                for (boolean namesLost : new boolean[] {false, true}) {
                    Path after = scratch.resolve("after");
                    copy(before, after);
                    disk.replay(home, after, n, u, namesLost);
                    try {
                        check.on(after, n == disk.operations());
                    } catch (Exception | AssertionError e) {
                        throw new AssertionError("cut at %d, %s, %s".formatted(n, u, namesLost), e);
                    }
                    remove(after);
                    points++;
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"full", "incremental", "live", "live incremental"})
    void aSaveIsThereWholeOrNotAtAllAndTheOldOneStaysGood(String how) throws Exception {
        saveBase();
        Path before = scratch.resolve("before");
        copy(home, before);
        CrashDisk disk = new CrashDisk();
        saveChild(new Snapshots(disk, Fake.HOST), options(how));
        everyCut(
                disk,
                before,
                (at, finished) -> {
                    Path child = at.resolve("child");
                    assertThat(Files.exists(child) || !finished).isTrue();
                    if (Files.exists(child)) {
                        holds(child, newMemory);
                    }
                    assertThat(real.list(at)).allMatch(l -> l.error() == null || hidden(l.dir()));
                });
        holds(home.resolve("base"), oldMemory);
        System.out.printf("%s: %d crash points%n", how, points);
        assertThat(points).isGreaterThan(how.contains("incremental") ? 100 : 500);
    }

    private static SaveOptions options(String how) {
        return new SaveOptions(
                Compression.LZ4, how.contains("incremental"), how.contains("live"), false);
    }

    private static boolean hidden(Path p) {
        return p.getFileName().toString().startsWith(".");
    }

    @Test
    void aCompactionLeavesTheOldOrTheNewOne() throws Exception {
        saveBase();
        saveChild(real, new SaveOptions(Compression.LZ4, true));
        record(real, 700, 3, 350, 6, 12);
        Path before = scratch.resolve("before");
        copy(home, before);
        CrashDisk disk = new CrashDisk();
        new Snapshots(disk, Fake.HOST).compact(home.resolve("child"), x -> {});
        List<Boolean> alone = new ArrayList<>();
        everyCut(
                disk,
                before,
                (at, finished) -> {
                    Path child = at.resolve("child");
                    holds(child, newMemory);
                    alone.add(LocalOrigin.manifest(child).parent() == null);
                    assertThat(alone.getLast() || !finished).isTrue();
                });
        assertThat(alone).contains(true, false);
    }

    private void record(Snapshots with, int... pages) throws SnapshotException {
        RestoreOptions o =
                RestoreOptions.of(RestoreMode.LAZY).recording(RestoreOptions.Window.DEFAULT);
        try (Fake g = new Fake(PAGES);
                Restored r = with.restore(home.resolve("child"), g.machine, o)) {
            for (int p : pages) {
                g.touch(p, Rights.R);
            }
            r.saveRecording();
        }
    }

    private static int[] trace(Path dir) throws SnapshotException {
        try (Origin o = new LocalOrigin(dir)) {
            return Trace.read(o).likely(PAGES);
        }
    }

    @Test
    void aTraceIsTheOldOrTheNewOne() throws Exception {
        saveBase();
        saveChild(real, SaveOptions.DEFAULT);
        record(real, 700, 3);
        Path before = scratch.resolve("before");
        copy(home, before);
        CrashDisk disk = new CrashDisk();
        record(new Snapshots(disk, Fake.HOST), 3, 350);
        assertThat(trace(home.resolve("child"))).containsExactly(700, 3, 350);
        Set<List<Integer>> seen = new HashSet<>();
        everyCut(
                disk,
                before,
                (at, finished) -> {
                    int[] is = trace(at.resolve("child"));
                    assertThat(is).isIn(new int[] {700, 3}, new int[] {700, 3, 350});
                    assertThat(is.length == 3 || !finished).isTrue();
                    seen.add(Arrays.stream(is).boxed().toList());
                });
        assertThat(seen).hasSize(2);
        Snapshots full = new Snapshots(new CrashDisk(1), Fake.HOST);
        assertThatThrownBy(() -> record(full, 9)).hasMessageContaining("No space left");
        assertThat(trace(home.resolve("child"))).containsExactly(700, 3, 350);
        assertThat(home.resolve("child").toFile().list()).doesNotContain("trace.new");
    }

    /** One service, on one disk after the other. */
    private static final class Exchanged implements Disk {
        private Disk now = REAL;

        @Override
        public Out create(Path file) throws IOException {
            return now.create(file);
        }

        @Override
        public void directory(Path dir, boolean owned) throws IOException {
            now.directory(dir, owned);
        }

        @Override
        public void move(Path from, Path to) throws IOException {
            now.move(from, to);
        }

        @Override
        public void force(Path directory) throws IOException {
            now.force(directory);
        }

        @Override
        public void delete(Path file) throws IOException {
            now.delete(file);
        }
    }

    /** At every create, write, force, rename. */
    @ParameterizedTest
    @ValueSource(strings = {"full", "incremental", "live", "live incremental"})
    void aFullDiskLeavesNothingBehindAndTheGuestGoesOn(String how) throws Exception {
        saveBase();
        CrashDisk counting = new CrashDisk();
        saveChild(new Snapshots(counting, Fake.HOST), options(how));
        real.delete(home.resolve("child"));
        Exchanged disk = new Exchanged();
        Snapshots some = new Snapshots(disk, Fake.HOST);
        try (Fake g = new Fake(PAGES);
                Restored r = some.restore(home.resolve("base"), g.machine, RestoreMode.LAZY)) {
            for (int p = 0; p < PAGES; p += 6) {
                g.write(p, Fake.page(p, p % 4));
            }
            // The last operation forces the directory: by then the new snapshot is there.
            for (int n = 0; n < counting.operations() - 1; n++) {
                disk.now = new CrashDisk(n);
                assertThatThrownBy(() ->
                                some.save(g.machine, home.resolve("child"), options(how), x -> {}))
                        .as("failed at %d", n)
                        .isInstanceOf(SnapshotException.class)
                        .hasMessageContaining("No space left");
                assertThat(home.toFile().list()).as("failed at %d", n).containsExactly("base");
                assertThat(g.protection.layers()).hasSize(2); // the user's and the restore's
                g.write(n % 6 == 0 ? 0 : n, n % 6 == 0 ? Fake.page(0, 0) : g.read(n));
            }
            disk.now = Disk.REAL;
            some.save(g.machine, home.resolve("child"), options(how), x -> {});
        }
        holds(home.resolve("child"), newMemory);
        holds(home.resolve("base"), oldMemory);
    }

    @Test
    void aFullDiskLeavesACompactedSnapshotAsItWas() throws Exception {
        saveBase();
        saveChild(real, new SaveOptions(Compression.LZ4, true));
        Path child = home.resolve("child");
        String[] files = child.toFile().list();
        CrashDisk counting = new CrashDisk();
        Path trial = home.resolve("trial");
        copy(child, trial);
        new Snapshots(counting, Fake.HOST).compact(trial, x -> {});
        int published = counting.moves().getLast();
        assertThat(published).isGreaterThan(50);
        for (int n = 1; n <= published; n++) {
            Snapshots full = new Snapshots(new CrashDisk(n), Fake.HOST);
            assertThatThrownBy(() -> full.compact(child, x -> {}))
                    .as("failed at %d", n)
                    .hasMessageContaining("No space left");
            assertThat(child.toFile().list()).containsExactlyInAnyOrder(files);
        }
        holds(child, newMemory);
    }
}
