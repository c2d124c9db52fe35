// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.platform.HostMemory;
import dev.faultline.api.platform.HostRegion;
import dev.faultline.api.snapshot.RestoreMode;
import dev.faultline.api.snapshot.Restored;
import dev.faultline.api.snapshot.SaveOptions;
import dev.faultline.api.snapshot.SaveOptions.Compression;
import dev.faultline.api.snapshot.SnapshotInfo;
import dev.faultline.snapshot.internal.format.Layout;
import dev.faultline.snapshot.internal.image.Image;
import dev.faultline.snapshot.internal.image.Touched;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A save costs what was used of the RAM, not what was configured. */
class UntouchedTest {
    private static final int GIB = 1 << 18;
    private static final int MIDDLE = GIB / 2 + 77;

    @TempDir Path home;
    private final Snapshots snapshots = new Snapshots(Fake.HOST);

    private static final SaveOptions LIVE = new SaveOptions(Compression.LZ4, false, true, false);

    /** The kernel counts what a look at a page brings: none is looked at that was not used. */
    @EnabledOnOs(OS.LINUX)
    @ParameterizedTest
    @CsvSource({"1,false", "8,false", "32,false", "8,true"})
    void untouchedRamIsNotEvenRead(int gib, boolean live) throws Exception {
        try (Fake f = new Fake(gib * GIB)) {
            int[] used = {0, 1, 5000, MIDDLE, gib * GIB - 1};
            for (int p : used) {
                f.poke(p, Fake.page(p, 0));
            }
            long before = f.ram.residentBytes();
            long cpu = cpu();
            SnapshotInfo i =
                    snapshots.save(
                            f.machine,
                            home.resolve("s"),
                            live ? LIVE : SaveOptions.DEFAULT,
                            x -> {});
            System.out.printf(
                    "save of %d GiB%s, %d pages used: %.0f ms of CPU, the guest stood %.0f ms, %d bytes%n",
                    gib,
                    live ? " live" : "",
                    used.length,
                    (cpu() - cpu) / 1e6,
                    i.pauseNanos() / 1e6,
                    i.bytes());
            assertThat(f.ram.residentBytes()).isEqualTo(before);
            assertThat(i.zeroPages()).isEqualTo(f.pages() - used.length);
        }
        try (Image x = Image.open(home.resolve("s"))) {
            byte[] group = new byte[Layout.GROUP * Layout.PAGE];
            x.bulk().readGroup(MIDDLE / Layout.GROUP, group);
            int at = MIDDLE % Layout.GROUP * Layout.PAGE;
            assertThat(java.util.Arrays.copyOfRange(group, at, at + Layout.PAGE))
                    .isEqualTo(Fake.page(MIDDLE, 0));
        }
    }

    private static long cpu() {
        return ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
    }

    /** A host that cannot tell, or that calls more touched than is: the same snapshot. */
    @ParameterizedTest
    @ValueSource(strings = {"does not tell", "tells too much", "tells"})
    void whateverTheHostKnowsTheSnapshotIsTheSame(String host) throws Exception {
        HostMemory known =
                new HostMemory() {
                    @Override
                    public int pageSize() {
                        return Fake.HOST.pageSize();
                    }

                    @Override
                    public HostRegion reserve(long bytes) {
                        return new Other(Fake.HOST.reserve(bytes), host);
                    }
                };
        int pages = 3 * Layout.SECTION + 77;
        Random r = new Random(5);
        try (Fake f = new Fake(pages, 5, (name, bytes) -> known.reserve(bytes));
                Fake g = new Fake(pages)) {
            for (int i = 0; i < 300; i++) {
                f.poke(r.nextInt(pages), Fake.page(i, i % 4));
            }
            f.poke(9, new byte[Fake.PAGE]);
            snapshots.save(f.machine, home.resolve("s"), x -> {});
            try (Restored x = snapshots.restore(home.resolve("s"), g.machine, RestoreMode.EAGER)) {
                assertThat(g.all()).isDeepEqualTo(f.all());
            }
            snapshots.save(f.machine, home.resolve("live"), LIVE, x -> {});
            assertThat(LiveSaveTest.memory(home.resolve("live"))).isDeepEqualTo(f.all());
        }
    }

    /** What a restore fills in while a save looks is not missed, however the two meet. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void pagesThatARestoreFillsMeanwhileAreSaved(boolean live) throws Exception {
        int pages = 4 * Layout.SECTION;
        byte[][] memory;
        try (Fake f = new Fake(pages).fill(3)) {
            snapshots.save(f.machine, home.resolve("base"), x -> {});
            memory = f.all();
        }
        try (Fake g = new Fake(pages);
                Restored r = snapshots.restore(home.resolve("base"), g.machine, RestoreMode.LAZY)) {
            int[] next = {0};
            snapshots.save(
                    g.machine,
                    home.resolve("s"),
                    live ? LIVE : SaveOptions.DEFAULT,
                    done -> {
                        // Between two sections a whole section comes, before and behind the save.
                        for (int i = 0; i < Layout.SECTION; i++) {
                            int p = (next[0] * Layout.SECTION + Layout.SECTION / 2 + i) % pages;
                            g.read(p);
                        }
                        next[0]++;
                    });
        }
        assertThat(LiveSaveTest.memory(home.resolve("s"))).isDeepEqualTo(memory);
    }

    /** As the host's, but for what it knows. */
    private record Other(HostRegion of, String knows) implements HostRegion {
        @Override
        public long address() {
            return of.address();
        }

        @Override
        public long size() {
            return of.size();
        }

        @Override
        public void discard(long offset, long bytes) {
            of.discard(offset, bytes);
        }

        @Override
        public long residentBytes() {
            return of.residentBytes();
        }

        @Override
        public boolean touched(long offset, int pages, java.util.BitSet to) {
            switch (knows) {
                case "does not tell" -> {
                    return false;
                }
                case "tells too much" -> to.set(0, pages);
                default -> {
                    return of.touched(offset, pages, to);
                }
            }
            return true;
        }

        @Override
        public void close() {
            of.close();
        }
    }

    @Test
    void askingNeedsNoWholeWindow() {
        try (Fake f = new Fake(700, 3)) {
            f.poke(699, Fake.page(1, 0));
            Touched t = new Touched(f.memory.blocks(), null);
            assertThat(t.has(699)).isTrue();
            assertThat(t.has(702)).isFalse();
            assertThat(t.hasAny(0, 699)).isFalse();
            assertThat(t.hasAny(512, 190)).isTrue();
            f.poke(701, Fake.page(1, 0));
            assertThat(new Touched(f.memory.blocks(), null).hasAny(700, 3)).isTrue();
        }
    }
}
