// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.api.protection.ProtectionLayer;
import dev.faultline.api.protection.Rights;
import dev.faultline.api.snapshot.PageMap;
import dev.faultline.api.snapshot.RestoreMode;
import dev.faultline.api.snapshot.Restored;
import dev.faultline.api.snapshot.SaveOptions;
import dev.faultline.api.snapshot.SaveOptions.Compression;
import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.snapshot.internal.format.Codec;
import dev.faultline.snapshot.internal.format.Layout;
import dev.faultline.snapshot.internal.save.WriteWatch;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Incremental saves by what was written since the last one, and when that may not be believed. */
class TrackingTest {
    private static final int PAGES = 1200;
    private static final SaveOptions NEXT = new SaveOptions(Compression.LZ4, true, true, true);
    private static final SaveOptions NEXT_STANDING =
            new SaveOptions(Compression.LZ4, true, false, true);

    @TempDir Path scratch;
    private final Snapshots snapshots = new Snapshots(Fake.HOST);

    private Path save(Fake f, String name, SaveOptions o) throws SnapshotException {
        Path dir = scratch.resolve(name);
        snapshots.save(f.machine, dir, o, x -> {});
        return dir;
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

    private ProtectionLayer layer(Fake f) {
        return f.protection.layers().stream()
                .filter(l -> l.name().equals(WriteWatch.LAYER))
                .findFirst()
                .orElseThrow();
    }

    @Test
    void everySaveHoldsExactlyWhatWasWrittenSinceTheLast() throws Exception {
        try (Fake f = new Fake(PAGES).fill(1)) {
            save(f, "s0", SaveOptions.LIVE);
            Random r = new Random(1);
            for (int n = 1; n < 12; n++) {
                BitSet written = new BitSet();
                for (int i = 0; i < 40; i++) {
                    int p = r.nextInt(PAGES);
                    // Also what it was before: it counts as written, no page is compared.
                    f.write(p, i % 4 == 0 ? f.peek(p) : Fake.page(r.nextInt(), i % 4));
                    written.set(p);
                }
                Path dir = save(f, "s" + n, n % 2 == 0 ? NEXT : NEXT_STANDING);
                assertThat(own(dir)).isEqualTo(written);
                assertThat(LiveSaveTest.memory(dir)).isDeepEqualTo(f.all());
            }
            Path last = scratch.resolve("s11");
            snapshots.compact(last, x -> {});
            assertThat(LiveSaveTest.memory(last)).isDeepEqualTo(f.all());
        }
    }

    @Test
    void aCompactedParentStaysTheParent() throws Exception {
        try (Fake f = new Fake(PAGES).fill(2)) {
            save(f, "s0", SaveOptions.LIVE);
            f.write(3, Fake.page(3, 0));
            save(f, "s1", NEXT);
            snapshots.compact(scratch.resolve("s1"), x -> {});
            f.write(4, Fake.page(4, 0));
            Path dir = save(f, "s2", NEXT);
            assertThat(own(dir).cardinality()).isEqualTo(1);
            assertThat(LiveSaveTest.memory(dir)).isDeepEqualTo(f.all());
        }
    }

    @Test
    void aFailedSaveForgetsNothing() throws Exception {
        try (Fake f = new Fake(PAGES).fill(3)) {
            save(f, "s0", SaveOptions.LIVE);
            f.write(3, Fake.page(3, 0));
            f.write(900, Fake.page(4, 0));
            for (SaveOptions o : new SaveOptions[] {NEXT, NEXT_STANDING, SaveOptions.LIVE}) {
                assertThatThrownBy(() ->
                                snapshots.save(
                                        f.machine,
                                        scratch.resolve("x"),
                                        o,
                                        x -> {
                                            throw new IllegalStateException("cancelled");
                                        }))
                        .hasMessage("cancelled");
                f.write(901, Fake.page(o.hashCode(), 0));
            }
            Path dir = save(f, "s1", NEXT);
            assertThat(own(dir).stream().toArray()).containsExactly(3, 900, 901);
            assertThat(LiveSaveTest.memory(dir)).isDeepEqualTo(f.all());
            // Another that does not track leaves the marks as they are.
            f.write(5, Fake.page(5, 0));
            save(f, "other", new SaveOptions(Compression.LZ4, false, true, false));
            f.write(6, Fake.page(6, 0));
            assertThat(own(save(f, "s2", NEXT)).stream().toArray()).containsExactly(5, 6);
        }
    }

    @Test
    void marksThatAnotherSpoiltAreNotBelieved() throws Exception {
        try (Fake f = new Fake(PAGES).fill(4)) {
            save(f, "s0", SaveOptions.LIVE);
            layer(f).protectPage(77, Rights.RWX);
            f.write(77, Fake.page(77, 0));
            f.write(78, Fake.page(78, 0));
            Path opened = save(f, "s1", NEXT);
            assertThat(own(opened).get(77)).isTrue();
            assertThat(LiveSaveTest.memory(opened)).isDeepEqualTo(f.all());

            layer(f).close();
            f.write(600, Fake.page(79, 0));
            Path closed = save(f, "s2", NEXT);
            assertThat(own(closed).get(600)).isTrue();
            assertThat(LiveSaveTest.memory(closed)).isDeepEqualTo(f.all());

            f.write(601, Fake.page(80, 0));
            assertThat(own(save(f, "s3", NEXT)).stream().toArray()).containsExactly(601);
        }
    }

    @Test
    void aSpoiltMarkSeenAtTwoPlacesIsNotBelieved() throws Exception {
        try (Fake f = new Fake(PAGES).fill(5)) {
            f.memory.map(1L << 33, 100L * 4096, f.ram, 0, false);
            save(f, "s0", SaveOptions.LIVE);
            f.write(10, Fake.page(10, 0));
            assertThat(own(save(f, "s1", NEXT)).stream().toArray()).containsExactly(10);
            f.store((1L << 33) + 11 * 4096L, 5);
            assertThat(own(save(f, "s2", NEXT)).stream().toArray()).containsExactly(11);
            layer(f).protectPage((1L << 33 >>> 12) + 12, Rights.RWX);
            f.store((1L << 33) + 12 * 4096L, 5);
            Path dir = save(f, "s3", NEXT);
            assertThat(own(dir).get(12)).isTrue();
            assertThat(LiveSaveTest.memory(dir)).isDeepEqualTo(f.all());
        }
    }

    @Test
    void aRestoredMachineIsComparedFirstAndTrackedThen() throws Exception {
        try (Fake f = new Fake(PAGES).fill(6);
                Fake g = new Fake(PAGES)) {
            save(f, "base", SaveOptions.DEFAULT);
            try (Restored r =
                    snapshots.restore(scratch.resolve("base"), g.machine, RestoreMode.LAZY)) {
                g.read(9);
                g.write(10, Fake.page(10, 0));
                Path first = save(g, "s1", NEXT);
                assertThat(own(first).get(10)).isTrue();
                assertThat(own(first).get(9)).isEqualTo(isZero(f.peek(9)));
                g.write(11, Fake.page(11, 0));
                g.write(1100, Fake.page(12, 0));
                Path second = save(g, "s2", NEXT);
                assertThat(own(second).stream().toArray()).containsExactly(11, 1100);
                f.poke(10, Fake.page(10, 0));
                f.poke(11, Fake.page(11, 0));
                f.poke(1100, Fake.page(12, 0));
                assertThat(LiveSaveTest.memory(second)).isDeepEqualTo(f.all());
            }
        }
    }

    private static boolean isZero(byte[] b) {
        return java.util.Arrays.equals(b, new byte[4096]);
    }

    @Test
    void aLostParentIsReportedOrTheRestoredOneTakenInstead() throws Exception {
        try (Fake f = new Fake(PAGES).fill(7);
                Fake g = new Fake(PAGES)) {
            save(f, "s0", SaveOptions.LIVE);
            save(f, "base", SaveOptions.DEFAULT);
            snapshots.delete(scratch.resolve("s0"));
            assertThatThrownBy(() -> save(f, "s1", NEXT))
                    .isInstanceOf(SnapshotException.class)
                    .hasMessageContaining("needs the last snapshot");
            assertThat(scratch.resolve("s1")).doesNotExist();
            try (Restored r =
                    snapshots.restore(scratch.resolve("base"), g.machine, RestoreMode.LAZY)) {
                save(g, "s1", SaveOptions.LIVE);
                g.write(11, Fake.page(11, 0));
                snapshots.delete(scratch.resolve("s1"));
                Path dir = save(g, "s2", NEXT);
                f.poke(11, Fake.page(11, 0));
                assertThat(LiveSaveTest.memory(dir)).isDeepEqualTo(f.all());
            }
        }
    }

    @Test
    void aChainEndsBeforeItCannotBeRead() throws Exception {
        try (Fake f = new Fake(32).fill(8)) {
            save(f, "s0", SaveOptions.LIVE);
            for (int n = 1; n <= Layout.MAX_CHAIN; n++) {
                f.write(1, Fake.page(n, 0));
                save(f, "s" + n, NEXT_STANDING);
            }
            assertThatThrownBy(() -> save(f, "more", NEXT_STANDING))
                    .isInstanceOf(SnapshotException.class)
                    .hasMessageContaining("compact it first");
            Path last = scratch.resolve("s" + Layout.MAX_CHAIN);
            assertThat(LiveSaveTest.memory(last)).isDeepEqualTo(f.all());
            snapshots.compact(last, x -> {});
            Path more = save(f, "more", NEXT_STANDING);
            assertThat(LiveSaveTest.memory(more)).isDeepEqualTo(f.all());
        }
    }

    /** Pages of a chunk that are not dirty are not stored again. */
    @Test
    void theSecondSnapshotIsAsLargeAsWhatWasWritten() throws Exception {
        try (Fake f = new Fake(PAGES).fill(9)) {
            save(f, "s0", SaveOptions.LIVE);
            long compressed = 0;
            Codec.Packer packer = new Codec.Packer(Codec.LZ4);
            for (int p = 0; p < PAGES; p += 5) {
                byte[] b = Fake.page(p, p % 2);
                f.write(p, b);
                int n = packer.pack(b, 4096);
                compressed += n < 0 ? 4096 : n;
            }
            Path dir = save(f, "s1", NEXT);
            assertThat(Files.size(dir.resolve("pack-0"))).isLessThan(compressed * 115 / 100);
        }
    }
}
