// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.api.snapshot.PageMap;
import dev.faultline.api.snapshot.RestoreMode;
import dev.faultline.api.snapshot.Restored;
import dev.faultline.api.snapshot.SaveOptions;
import dev.faultline.api.snapshot.SaveOptions.Compression;
import dev.faultline.api.snapshot.SnapshotException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class RoundTripTest {
    private static final int PAGES = 1200;

    @TempDir Path scratch;
    private final Snapshots snapshots = new Snapshots();

    private Path saved(Fake f, String name, SaveOptions o) throws SnapshotException {
        Path dir = scratch.resolve(name);
        snapshots.save(f.machine, dir, o, x -> {});
        return dir;
    }

    private static SaveOptions with(Compression c) {
        return new SaveOptions(c, false);
    }

    private static final SaveOptions INCREMENTAL = new SaveOptions(Compression.LZ4, true);

    @ParameterizedTest
    @EnumSource(Compression.class)
    void eagerAndLazyGiveTheSameMemoryAndState(Compression c) throws Exception {
        try (Fake f = new Fake(PAGES).fill(1);
                Fake eager = new Fake(PAGES);
                Fake lazy = new Fake(PAGES)) {
            Path dir = saved(f, "s", with(c));
            assertThat(snapshots.verify(dir, x -> {})).isEqualTo(f.pages());
            try (Restored e = snapshots.restore(dir, eager.machine, RestoreMode.EAGER);
                    Restored l = snapshots.restore(dir, lazy.machine, RestoreMode.LAZY)) {
                assertThat(eager.all()).isDeepEqualTo(f.all());
                assertThat(eager.state).isEqualTo(f.state);
                assertThat(l.pagesLoaded()).isZero();
                for (int p = f.pages() - 1; p >= 0; p -= 3) {
                    assertThat(lazy.read(p)).as("page %d", p).isEqualTo(f.peek(p));
                }
                assertThat(l.faults()).isPositive().isLessThan(f.pages() / 3);
                l.complete();
                assertThat(l.pagesLoaded()).isEqualTo(f.pages());
                assertThat(lazy.all()).isDeepEqualTo(f.all());
                assertThat(e.failure()).isNull();
            }
        }
    }

    @Test
    void whatRepeatsIsStoredOnce() throws Exception {
        try (Fake f = new Fake(PAGES)) {
            byte[] noise = Fake.page(7, 0);
            for (int p = 0; p < PAGES; p++) {
                f.poke(p, p % 2 == 0 ? noise : Fake.page(p, 2));
            }
            Path dir = saved(f, "s", SaveOptions.DEFAULT);
            // One chunk of 8 equal pages; no pattern and no second copy of it.
            assertThat(Files.size(dir.resolve("pack-0"))).isLessThan(9 * 4096);
            PageMap map = snapshots.pageMap(dir);
            assertThat(map.kind(0)).isEqualTo(PageMap.PRIVATE);
            assertThat(map.kind(1)).isEqualTo(PageMap.PATTERN);
            assertThat(map.kind(PAGES)).isEqualTo(PageMap.ZERO);
        }
    }

    @Test
    void aSaveOfALazyMachineTakesAbsentPagesFromItsSource() throws Exception {
        try (Fake f = new Fake(PAGES).fill(2);
                Fake g = new Fake(PAGES);
                Fake h = new Fake(PAGES)) {
            Path dir = saved(f, "s", SaveOptions.DEFAULT);
            Path second;
            try (Restored r = snapshots.restore(dir, g.machine, RestoreMode.LAZY)) {
                g.write(17, Fake.page(99, 0));
                long loaded = r.pagesLoaded();
                second = saved(g, "t", SaveOptions.DEFAULT);
                assertThat(r.pagesLoaded()).isEqualTo(loaded);
            }
            snapshots.delete(dir);
            f.poke(17, Fake.page(99, 0));
            try (Restored s = snapshots.restore(second, h.machine, RestoreMode.EAGER)) {
                assertThat(h.all()).isDeepEqualTo(f.all());
            }
        }
    }

    @Test
    void anIncrementalSaveStoresWhatChangedAndCompactionMakesItStandAlone() throws Exception {
        try (Fake f = new Fake(PAGES).fill(3);
                Fake g = new Fake(PAGES);
                Fake h = new Fake(PAGES);
                Fake i = new Fake(PAGES)) {
            Path base = saved(f, "base", SaveOptions.DEFAULT);
            Path child;
            try (Restored r = snapshots.restore(base, g.machine, RestoreMode.LAZY)) {
                for (int p = 0; p < 100; p++) {
                    g.read(p);
                }
                g.write(5, Fake.page(55, 0));
                f.poke(5, Fake.page(55, 0));
                child = saved(g, "child", INCREMENTAL);
            }
            assertThat(Files.size(child.resolve("pack-0"))).isLessThan(2 * 4096);
            PageMap map = snapshots.pageMap(child);
            assertThat(map.kind(5)).isEqualTo(PageMap.PRIVATE);
            assertThat(map.kind(PAGES - 1)).isEqualTo(PageMap.SHARED);
            assertThatThrownBy(() -> snapshots.delete(base)).hasMessageContaining("child");

            Path grandchild;
            try (Restored r = snapshots.restore(child, h.machine, RestoreMode.LAZY)) {
                h.write(900, Fake.page(56, 0));
                f.poke(900, Fake.page(56, 0));
                grandchild = saved(h, "grandchild", INCREMENTAL);
            }
            snapshots.compact(child, x -> {});
            snapshots.delete(base);
            snapshots.verify(grandchild, x -> {});
            Files.move(child, scratch.resolve("renamed"));
            try (Restored r = snapshots.restore(grandchild, i.machine, RestoreMode.LAZY)) {
                for (int p = 0; p < f.pages(); p++) {
                    assertThat(i.read(p)).as("page %d", p).isEqualTo(f.peek(p));
                }
            }
        }
    }

    /** A group whose pages come in turn from here and from there. */
    @Test
    void sharedAndPrivatePagesOfOneGroupDoNotDisturbEachOther() throws Exception {
        try (Fake f = new Fake(PAGES).fill(8);
                Fake g = new Fake(PAGES);
                Fake h = new Fake(PAGES)) {
            Path base = saved(f, "base", SaveOptions.DEFAULT);
            Path child;
            try (Restored r = snapshots.restore(base, g.machine, RestoreMode.LAZY)) {
                for (int p = 0; p < PAGES; p += 3) {
                    g.write(p, Fake.page(p, p % 4));
                    f.poke(p, Fake.page(p, p % 4));
                }
                child = saved(g, "child", INCREMENTAL);
            }
            snapshots.compact(child, x -> {});
            try (Restored r = snapshots.restore(child, h.machine, RestoreMode.EAGER)) {
                assertThat(h.all()).isDeepEqualTo(f.all());
            }
        }
    }

    @Test
    void anIncrementalSaveNeedsAParent() throws Exception {
        try (Fake f = new Fake(64).fill(3)) {
            assertThatThrownBy(() -> saved(f, "x", INCREMENTAL))
                    .isInstanceOf(SnapshotException.class)
                    .hasMessageContaining("restored from");
            assertThat(scratch.resolve("x")).doesNotExist();
        }
    }

    @Test
    void aMissingParentIsNamedAndNothingIsZeroFilled() throws Exception {
        try (Fake f = new Fake(64).fill(3);
                Fake g = new Fake(64);
                Fake h = new Fake(64)) {
            Path base = saved(f, "base", SaveOptions.DEFAULT);
            Path child;
            try (Restored r = snapshots.restore(base, g.machine, RestoreMode.LAZY)) {
                child = saved(g, "child", INCREMENTAL);
            }
            Files.delete(base.resolve("manifest"));
            assertThatThrownBy(() -> snapshots.restore(child, h.machine, RestoreMode.LAZY))
                    .isInstanceOfSatisfying(
                            SnapshotException.class,
                            e -> assertThat(e.kind()).isEqualTo(SnapshotException.Kind.MISSING))
                    .hasMessageContaining("parent");
        }
    }

    @Test
    void aMachineWhoseRestoreWasCutShortIsNotSaved() throws Exception {
        try (Fake f = new Fake(64).fill(3);
                Fake g = new Fake(64)) {
            Path dir = saved(f, "s", SaveOptions.DEFAULT);
            snapshots.restore(dir, g.machine, RestoreMode.LAZY).close();
            assertThatThrownBy(() -> saved(g, "t", SaveOptions.DEFAULT))
                    .hasMessageContaining("before all pages were loaded");
            Snapshots another = new Snapshots();
            assertThatThrownBy(() -> another.save(g.machine, scratch.resolve("t"), x -> {}))
                    .hasMessageContaining("before all pages were loaded");
            assertThat(g.read(0)).isNull();
        }
    }

    /** Its memory goes next: nobody may put pages there any more. */
    @Test
    void aMachineThatClosesIsNotFilledAnyMore() throws Exception {
        try (Fake f = new Fake(PAGES).fill(3);
                Fake g = new Fake(PAGES);
                Fake other = new Fake(PAGES)) {
            Path dir = saved(f, "s", SaveOptions.DEFAULT);
            try (Restored r = snapshots.restore(dir, g.machine, RestoreMode.LAZY);
                    Restored o = snapshots.restore(dir, other.machine, RestoreMode.LAZY)) {
                r.completeInBackground();
                snapshots.machineClosing(g.machine);
                long then = r.pagesLoaded();
                assertThat(Thread.getAllStackTraces().keySet())
                        .noneMatch(t -> t.getName().equals("snapshot-complete"));
                r.completeInBackground();
                r.complete();
                assertThat(r.pagesLoaded()).isEqualTo(then);
                assertThat(other.read(700)).isEqualTo(f.peek(700));
            }
        }
    }

    @Test
    void manyThreadsFaultOnTheSamePagesWhileTheRestIsLoaded() throws Exception {
        try (Fake f = new Fake(PAGES).fill(4);
                Fake g = new Fake(PAGES)) {
            Path dir = saved(f, "s", SaveOptions.DEFAULT);
            byte[][] want = f.all();
            AtomicReference<Throwable> wrong = new AtomicReference<>();
            try (Restored r = snapshots.restore(dir, g.machine, RestoreMode.LAZY)) {
                CountDownLatch go = new CountDownLatch(1);
                Thread[] threads = new Thread[4];
                for (int t = 0; t < threads.length; t++) {
                    threads[t] =
                            Thread.ofPlatform()
                                    .start(() -> {
                                        try {
                                            go.await();
                                            for (int p = 0; p < want.length; p++) {
                                                assertThat(g.read(p)).isEqualTo(want[p]);
                                            }
                                        } catch (Throwable e) {
                                            wrong.set(e);
                                        }
                                    });
                }
                go.countDown();
                r.complete();
                for (Thread t : threads) {
                    t.join();
                }
                assertThat(wrong.get()).isNull();
                assertThat(r.pagesLoaded()).isEqualTo(f.pages());
            }
        }
    }

    @Test
    void aTargetThatIsNotEmptyIsRefusedAndLeftAlone() throws Exception {
        try (Fake f = new Fake(64).fill(6)) {
            Path dir = Files.createDirectory(scratch.resolve("full"));
            Files.writeString(dir.resolve("mine"), "keep");
            assertThatThrownBy(() -> saved(f, "full", SaveOptions.DEFAULT))
                    .hasMessageContaining("not empty");
            assertThat(scratch.toFile().list()).containsExactly("full");
            assertThat(dir.resolve("mine")).hasContent("keep");
        }
    }
}
