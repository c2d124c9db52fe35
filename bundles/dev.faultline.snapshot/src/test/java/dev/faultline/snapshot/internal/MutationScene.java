// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.snapshot.RestoreMode;
import dev.faultline.api.snapshot.Restored;
import dev.faultline.api.snapshot.SaveOptions;
import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.snapshot.internal.disk.DirectoryLock;
import dev.faultline.snapshot.internal.disk.Disk;
import dev.faultline.snapshot.internal.format.Layout;
import dev.faultline.snapshot.internal.format.Trace;
import dev.faultline.snapshot.internal.image.Image;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;

/**
 * A snapshot of some kind, whose files a test changes, and its memory.
 *
 * @param tip what is read
 * @param others directories that it refers to
 */
record MutationScene(String name, Path tip, List<Path> others, RestoreMode mode, byte[][] want) {
    private static final int PAGES = 60;

    /** Alone, saved live, the end of a chain, a compacted chain, with a recorded working set. */
    static List<MutationScene> all(Path home, Snapshots snapshots) throws Exception {
        List<MutationScene> all = new ArrayList<>();
        Path base = home.resolve("base");
        try (Fake f = filled()) {
            snapshots.save(f.machine, base, SaveOptions.DEFAULT, x -> {});
            all.add(new MutationScene("alone", base, List.of(), RestoreMode.LAZY, f.all()));
            Path live = home.resolve("live");
            snapshots.save(f.machine, live, SaveOptions.LIVE, x -> {});
            all.add(new MutationScene("live", live, List.of(), RestoreMode.EAGER, f.all()));
        }
        for (String kind : new String[] {"chain", "compacted"}) {
            all.add(chain(home.resolve(kind), snapshots, kind));
        }
        Path recorded = home.resolve("recorded");
        try (Fake f = filled()) {
            snapshots.save(f.machine, recorded, SaveOptions.DEFAULT, x -> {});
            Trace.NONE
                    .merged(new int[] {3, 1, 4, 15, 9, 26, 5, 35, 8, 50, 51, 52})
                    .write(Disk.REAL, recorded);
            all.add(
                    new MutationScene(
                            "recorded", recorded, List.of(), RestoreMode.RECORDED, f.all()));
        }
        return all;
    }

    private static Fake filled() {
        Fake f = new Fake(PAGES).fill(11);
        for (int p = 0; p < f.pages(); p++) {
            f.poke(p, p % 3 == 0 ? new byte[4096] : Fake.page(p, p % 20 == 1 ? 1 : 3));
        }
        return f;
    }

    /**
     * Three snapshots, each of a machine restored from the one before, which then wrote a little.
     */
    private static MutationScene chain(Path home, Snapshots snapshots, String kind)
            throws Exception {
        List<Path> dirs = new ArrayList<>();
        Files.createDirectories(home);
        byte[][] want;
        try (Fake f = filled()) {
            dirs.add(home.resolve("0"));
            snapshots.save(f.machine, dirs.getLast(), SaveOptions.DEFAULT, x -> {});
            want = f.all();
        }
        for (int i = 1; i < 3; i++) {
            try (Fake f = new Fake(PAGES);
                    Restored r = snapshots.restore(dirs.getLast(), f.machine, RestoreMode.LAZY)) {
                for (int p = i; p < f.pages() - 5; p += 9) {
                    f.write(p, Fake.page(p + 100 * i, 1));
                    want[p] = Fake.page(p + 100 * i, 1);
                }
                Path next = home.resolve(String.valueOf(i));
                snapshots.save(
                        f.machine,
                        next,
                        new SaveOptions(SaveOptions.Compression.LZ4, true),
                        x -> {});
                dirs.add(next);
            }
        }
        Path tip = dirs.removeLast();
        if (kind.equals("compacted")) {
            snapshots.compact(tip, x -> {});
            dirs.clear();
        }
        return new MutationScene(kind, tip, dirs, RestoreMode.LAZY, want);
    }

    /** Manifests, indices, packs and traces. */
    List<Path> files() throws Exception {
        List<Path> all = new ArrayList<>();
        for (Path dir : Stream.concat(Stream.of(tip), others.stream()).toList()) {
            try (Stream<Path> s = Files.list(dir)) {
                all.addAll(s.filter(p -> !DirectoryLock.isLock(p)).sorted().toList());
            }
        }
        return all;
    }

    /** Whether nothing in {@code file} can change without anybody who reads all noticing it. */
    boolean everyByteCounts(Path file) {
        String name = file.getFileName().toString();
        return file.getParent().equals(tip)
                && !name.equals(Layout.TRACE)
                && !name.startsWith(Layout.HASHES); // read by who needs them
    }

    /** Reads everything. True if it was refused; what was read is right. */
    boolean refused(String what) {
        try (Image x = Image.open(tip)) {
            byte[] b = new byte[Layout.GROUP * Layout.PAGE];
            for (int g = 0; g < x.groups(); g++) {
                int n = x.bulk().readGroup(g, b);
                for (int i = 0; i < n; i++) {
                    int page = g * Layout.GROUP + i;
                    if (!Arrays.equals(
                            b, i * 4096, (i + 1) * 4096, want[page], 0, want[page].length)) {
                        throw new AssertionError(what + ": wrong bytes in page " + page);
                    }
                }
            }
            return false;
        } catch (SnapshotException e) {
            assertThat(e.getMessage()).as(what).doesNotContain("\n");
            return true;
        }
    }

    /**
     * Restores into a machine whose guest touches every page, and sees the right bytes or stops.
     */
    void restored(Snapshots snapshots, String what) {
        try (Fake f = new Fake(PAGES);
                Restored r = snapshots.restore(tip, f.machine, mode)) {
            for (int p = f.pages() - 1; p >= 0; p--) {
                byte[] seen = f.read(p);
                if (seen == null) {
                    assertThat(r.failure()).as(what).isNotNull();
                } else if (!Arrays.equals(seen, want[p])) {
                    throw new AssertionError(what + ": the guest saw wrong bytes in page " + p);
                }
            }
        } catch (SnapshotException e) {
            assertThat(e.getMessage()).as(what).doesNotContain("\n");
        }
    }
}
