// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.api.memory.HostBytes;
import dev.faultline.api.platform.HostMemory;
import dev.faultline.api.platform.HostRegion;
import dev.faultline.api.platform.SharedMemory;
import dev.faultline.api.protection.Rights;
import dev.faultline.api.snapshot.CloneBase;
import dev.faultline.api.snapshot.RestoreMode;
import dev.faultline.api.snapshot.RestoreOptions;
import dev.faultline.api.snapshot.Restored;
import dev.faultline.api.snapshot.SaveOptions;
import dev.faultline.api.snapshot.SaveOptions.Compression;
import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.api.vm.MachineException;
import dev.faultline.platform.posix.internal.PosixHostMemoryComponent;
import dev.faultline.snapshot.internal.format.Layout;
import dev.faultline.snapshot.internal.restore.Restoration;
import dev.faultline.testkit.HangGuard;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ClonesTest {
    private static final int PAGES = 1200;

    /** The host's memory, with larger pages and views that must be told to follow, if asked for. */
    private static final class Host implements HostMemory {
        final HostMemory real = new PosixHostMemoryComponent();
        final AtomicInteger shared = new AtomicInteger();
        final AtomicInteger closed = new AtomicInteger();
        int pageSize = 4096;
        boolean strict;

        @Override
        public int pageSize() {
            return pageSize;
        }

        @Override
        public HostRegion reserve(long bytes) {
            return real.reserve(bytes);
        }

        @Override
        public SharedMemory share(long bytes) {
            shared.incrementAndGet();
            SharedMemory s = real.share(bytes);
            return strict ? new Strict(s, pageSize, closed) : new Counted(s, closed);
        }
    }

    private static class Counted implements SharedMemory {
        final SharedMemory real;
        private final AtomicInteger closed;

        Counted(SharedMemory real, AtomicInteger closed) {
            this.real = real;
            this.closed = closed;
        }

        @Override
        public long address() {
            return real.address();
        }

        @Override
        public long size() {
            return real.size();
        }

        @Override
        public View view() {
            return real.view();
        }

        @Override
        public long residentBytes() {
            return real.residentBytes();
        }

        @Override
        public void close() {
            closed.incrementAndGet();
            real.close();
        }
    }

    /** Views are what the memory was when they were made, until they follow, by large pages. */
    private static final class Strict extends Counted {
        private final int pageSize;

        Strict(SharedMemory real, int pageSize, AtomicInteger closed) {
            super(real, closed);
            this.pageSize = pageSize;
        }

        @Override
        public View view() {
            HostRegion copy = new PosixHostMemoryComponent().reserve(size());
            byte[] now = new byte[(int) size()];
            HostBytes.copyOut(address(), now, 0, now.length);
            HostBytes.copyIn(now, 0, copy.address(), now.length);
            return new View() {
                @Override
                public void follow(long offset, long bytes) {
                    assertThat(offset % pageSize).isZero();
                    assertThat(bytes % pageSize).isZero();
                    byte[] b = new byte[(int) bytes];
                    HostBytes.copyOut(Strict.this.address() + offset, b, 0, b.length);
                    HostBytes.copyIn(b, 0, copy.address() + offset, b.length);
                }

                @Override
                public long address() {
                    return copy.address();
                }

                @Override
                public long size() {
                    return copy.size();
                }

                @Override
                public void discard(long offset, long bytes) {
                    copy.discard(offset, bytes);
                }

                @Override
                public long residentBytes() {
                    return copy.residentBytes();
                }

                @Override
                public void close() {
                    copy.close();
                }
            };
        }
    }

    @TempDir Path scratch;
    private final Host host = new Host();
    private final Snapshots snapshots = new Snapshots();
    private final FakeFactory machines = new FakeFactory();
    private Fake original;
    private Path dir;

    @BeforeEach
    void save() throws SnapshotException {
        snapshots.bindHost(host);
        original = new Fake(PAGES).fill(11);
        dir = scratch.resolve("s");
        snapshots.save(original.machine, dir, SaveOptions.DEFAULT, x -> {});
    }

    @AfterEach
    void close() {
        original.close();
        assertThat(host.closed.get()).isEqualTo(host.shared.get());
    }

    private CloneBase base() throws SnapshotException {
        return snapshots.clones(dir, RestoreMode.LAZY);
    }

    private Fake last() {
        return machines.made.getLast();
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void clonesSeeTheSnapshotAndTheirOwnWritesOnly(boolean strict) throws Exception {
        host.strict = strict;
        try (CloneBase base = base();
                CloneBase.Clone a = base.create(machines, "a");
                CloneBase.Clone b = base.create(machines, "b")) {
            Fake fa = machines.made.get(0);
            Fake fb = machines.made.get(1);
            assertThat(fa.state).isEqualTo(original.state);
            assertThat(base.pagesLoaded()).isZero();
            byte[] mine = Fake.page(77, 0);
            fa.write(700, mine); // before anyone has loaded it
            assertThat(fb.read(700)).isEqualTo(original.peek(700));
            fb.write(701, mine); // came with it
            for (int p = 0; p < original.pages(); p++) {
                byte[] want = original.peek(p);
                assertThat(fa.read(p)).as("a, page %d", p).isEqualTo(p == 700 ? mine : want);
                assertThat(fb.read(p)).as("b, page %d", p).isEqualTo(p == 701 ? mine : want);
            }
            assertThat(base.pagesLoaded()).isEqualTo(original.pages());
            try (CloneBase.Clone c = base.create(machines, "c")) {
                assertThat(c.failure()).isNull();
                assertThat(last().all()).isDeepEqualTo(original.all());
                assertThat(c.faults()).isZero();
            }
            assertThat(base.clones()).isEqualTo(2);
        }
        assertThat(snapshots.verify(dir, x -> {})).isEqualTo(original.pages());
    }

    @Test
    void aCloneCostsWhatItWrote() throws Exception {
        try (CloneBase base = base()) {
            List<CloneBase.Clone> clones = new ArrayList<>();
            for (int i = 0; i < 20; i++) {
                clones.add(base.create(machines, "c" + i));
                for (int p = 0; p < original.pages(); p++) {
                    last().read(p);
                }
                last().write(3 * i, Fake.page(i, 0));
            }
            long shared = base.sharedBytes();
            assertThat(shared).isLessThanOrEqualTo((long) original.pages() * Fake.PAGE);
            for (CloneBase.Clone c : clones) {
                assertThat(c.privateBytes()).isEqualTo(Fake.PAGE);
                c.close();
            }
            assertThat(base.sharedBytes()).isEqualTo(shared);
        }
    }

    /** A page that another clone has brought is opened without reading, and its neighbours too. */
    @Test
    void whatIsThereOpensByRuns() throws Exception {
        try (CloneBase base = base();
                CloneBase.Clone a = base.create(machines, "a");
                CloneBase.Clone b = base.create(machines, "b")) {
            for (int p = 0; p < PAGES; p++) {
                machines.made.get(0).read(p);
            }
            long loaded = base.pagesLoaded();
            for (int p = 0; p < PAGES; p++) {
                assertThat(machines.made.get(1).read(p)).isEqualTo(original.peek(p));
            }
            assertThat(b.faults()).isEqualTo((PAGES + Layout.SECTION - 1) / Layout.SECTION);
            assertThat(base.pagesLoaded()).isEqualTo(loaded);
            a.complete();
            b.complete();
            assertThat(machines.made.get(1).protection.layers())
                    .noneMatch(l -> l.name().equals(Restoration.LAYER));
            assertThat(machines.made.get(1).all()).isDeepEqualTo(original.all());
        }
    }

    @Test
    void pagesOfAViewThatAreLargerThanTheSnapshotsAreFilledWhole() throws Exception {
        host.strict = true;
        host.pageSize = 4 * 4096;
        try (Fake f = new Fake(PAGES, 8).fill(12)) {
            Path large = scratch.resolve("large");
            snapshots.save(f.machine, large, SaveOptions.DEFAULT, x -> {});
            machines.rom = 8;
            try (CloneBase base = snapshots.clones(large, RestoreMode.LAZY);
                    CloneBase.Clone a = base.create(machines, "a");
                    CloneBase.Clone b = base.create(machines, "b")) {
                Random r = new Random(1);
                for (int i = 0; i < 3000; i++) {
                    int p = r.nextInt(f.pages());
                    assertThat(machines.made.get(i % 2).read(p)).isEqualTo(f.peek(p));
                }
            }
            machines.rom = 5;
            assertThatThrownBy(this::base).hasMessageContaining("pages of 16384 bytes");
        }
    }

    @Test
    void manyClonesFaultAndWriteAtTheSameTimeWhileTheRestIsLoaded() throws Exception {
        byte[][] want = original.all();
        AtomicReference<Throwable> wrong = new AtomicReference<>();
        try (CloneBase base = base()) {
            CountDownLatch go = new CountDownLatch(1);
            List<Thread> threads = new ArrayList<>();
            List<CloneBase.Clone> clones = new ArrayList<>();
            for (int c = 0; c < 4; c++) {
                clones.add(base.create(machines, "c" + c));
                Fake f = last();
                byte[] mine = Fake.page(1000 + c, 0);
                for (int t = 0; t < 2; t++) {
                    int half = t;
                    int seed = 10 * c + t;
                    threads.add(
                            Thread.ofPlatform()
                                    .start(() -> {
                                        try {
                                            go.await();
                                            work(f, mine, half, seed, want);
                                        } catch (Throwable e) {
                                            wrong.set(e);
                                        }
                                    }));
                }
            }
            go.countDown();
            base.completeInBackground();
            for (Thread t : threads) {
                t.join();
            }
            assertThat(wrong.get()).isNull();
            for (CloneBase.Clone c : clones) {
                c.close();
            }
            assertThat(base.clones()).isZero();
            try (CloneBase.Clone c = base.create(machines, "last")) {
                c.complete();
                assertThat(last().all()).isDeepEqualTo(want);
            }
        }
    }

    /** Each page once, in any order: every third is written first, and read back at the end. */
    private static void work(Fake f, byte[] mine, int half, int seed, byte[][] want) {
        List<Integer> pages = new ArrayList<>();
        for (int p = half; p < want.length; p += 2) {
            pages.add(p);
        }
        java.util.Collections.shuffle(pages, new Random(seed));
        for (int p : pages) {
            if (p % 3 == 0) {
                f.write(p, mine);
            } else {
                assertThat(f.read(p)).as("page %d", p).isEqualTo(want[p]);
            }
        }
        for (int p : pages) {
            assertThat(f.peek(p)).as("page %d", p).isEqualTo(p % 3 == 0 ? mine : want[p]);
        }
    }

    @Test
    void aCloneIsSavedIncrementallyAndWhole() throws Exception {
        byte[] mine = Fake.page(5, 0);
        Path child = scratch.resolve("child");
        Path whole = scratch.resolve("whole");
        try (CloneBase base = base();
                CloneBase.Clone a = base.create(machines, "a");
                CloneBase.Clone other = base.create(machines, "b")) {
            Fake f = machines.made.get(0);
            f.write(40, mine);
            for (int p = 0; p < 300; p++) {
                machines.made.get(1).read(p);
                machines.made.get(1).write(p, mine);
            }
            f.ram.discard(50 * 4096, 4096); // gave back a page that it never touched
            SaveOptions incremental = new SaveOptions(Compression.LZ4, true);
            snapshots.save(a.machine(), child, incremental, x -> {});
            snapshots.save(a.machine(), whole, SaveOptions.DEFAULT, x -> {});
        }
        assertThat(Files.size(child.resolve("pack-0"))).isLessThan(2 * 4096);
        original.poke(40, mine);
        original.poke(50, new byte[Fake.PAGE]);
        for (Path p : new Path[] {child, whole}) {
            try (Fake f = new Fake(PAGES);
                    Restored r = snapshots.restore(p, f.machine, RestoreMode.EAGER)) {
                assertThat(f.all()).isDeepEqualTo(original.all());
            }
        }
    }

    @Test
    void theBaseStaysUntilTheLastCloneIsClosed() throws Exception {
        CloneBase base = base();
        CloneBase again = base();
        CloneBase.Clone a = base.create(machines, "a");
        assertThat(host.shared.get()).isEqualTo(2); // ram and rom, once
        base.close();
        base.close();
        assertThatThrownBy(() -> base.create(machines, "x"))
                .isInstanceOf(SnapshotException.class)
                .hasMessageContaining("not open for clones any more");
        CloneBase.Clone b = again.create(machines, "b");
        again.close();
        assertThat(last().read(9)).isEqualTo(original.peek(9));
        b.machine().close(); // ends the clone too
        b.close();
        assertThat(host.closed.get()).isZero();
        assertThat(machines.made.get(0).read(600)).isEqualTo(original.peek(600));
        a.close();
        assertThat(host.closed.get()).isEqualTo(2);
        assertThatThrownBy(a::complete).hasMessageContaining("closed");
        assertThat(again.sharedBytes()).isZero();
        // A new base starts anew.
        try (CloneBase third = base();
                CloneBase.Clone c = third.create(machines, "c")) {
            assertThat(third.pagesLoaded()).isZero();
            assertThat(last().read(9)).isEqualTo(original.peek(9));
        }
        assertThat(host.closed.get()).isEqualTo(4);
    }

    @Test
    void aMachineWhoseCloneEndedStopsAtWhatIsAbsent() throws Exception {
        try (CloneBase base = base();
                CloneBase.Clone a = base.create(machines, "a")) {
            Fake f = last();
            assertThat(f.read(0)).isEqualTo(original.peek(0));
            snapshots.deactivate();
            assertThat(f.read(1)).isEqualTo(original.peek(1));
            assertThat(f.read(900)).isNull();
            assertThatThrownBy(() -> snapshots.save(a.machine(), scratch.resolve("t"), x -> {}))
                    .hasMessageContaining("before all pages were loaded");
            assertThatThrownBy(base::complete).hasMessageContaining("before all pages");
            assertThatThrownBy(() -> base.create(machines, "b"))
                    .hasMessageContaining("not open for clones any more");
        }
    }

    /** What the clone never loaded is as in the snapshot, whatever it writes during the save. */
    @Test
    void aCloneIsSavedWhileItRuns() throws Exception {
        try (CloneBase base = base();
                CloneBase.Clone a = base.create(machines, "a");
                CloneBase.Clone b = base.create(machines, "b")) {
            Fake f = machines.made.get(0);
            Fake other = machines.made.get(1);
            for (int p = 0; p < PAGES; p += 40) {
                f.store(f.gpaOf(p), p + 1);
            }
            byte[][] want = new byte[original.pages()][];
            f.inPause =
                    () -> {
                        for (int p = 0; p < want.length; p++) {
                            want[p] = p < PAGES && p % 40 == 0 ? f.peek(p) : original.peek(p);
                        }
                    };
            int[] next = {0};
            Path live = scratch.resolve("live");
            snapshots.save(
                    a.machine(),
                    live,
                    new SaveOptions(Compression.LZ4, false, true, false),
                    done -> {
                        for (int i = 0; i < 100; i++, next[0] = (next[0] + 7) % PAGES) {
                            f.store(f.gpaOf(next[0]), 0x5AL << 56 | next[0]);
                            other.store(other.gpaOf(next[0]), -1);
                        }
                    });
            assertThat(next[0]).isPositive();
            try (Fake g = new Fake(PAGES);
                    Restored r = snapshots.restore(live, g.machine, RestoreMode.EAGER)) {
                assertThat(g.all()).isDeepEqualTo(want);
            }
        }
    }

    @Test
    void aBadChunkStopsEveryCloneThatTouchesItAndNoOther() throws Exception {
        Path pack = dir.resolve("pack-0");
        byte[] bytes = Files.readAllBytes(pack);
        byte[] good = bytes.clone();
        bytes[bytes.length - 100] ^= 1;
        Files.write(pack, bytes);
        try (CloneBase base = base();
                CloneBase.Clone a = base.create(machines, "a");
                CloneBase.Clone b = base.create(machines, "b")) {
            int stopped = 0;
            for (int p = 0; p < original.pages(); p++) {
                byte[] sa = machines.made.get(0).read(p);
                byte[] sb = machines.made.get(1).read(p);
                if (sa == null) {
                    stopped++;
                    assertThat(sb).isNull();
                    assertThat(a.failure().kind()).isEqualTo(SnapshotException.Kind.CORRUPT);
                    assertThat(b.failure().kind()).isEqualTo(SnapshotException.Kind.CORRUPT);
                } else {
                    assertThat(sa).as("page %d", p).isEqualTo(original.peek(p));
                    assertThat(sb).as("page %d", p).isEqualTo(original.peek(p));
                }
            }
            assertThat(stopped).isPositive();
            assertThatThrownBy(base::complete).isInstanceOf(SnapshotException.class);
            assertThatThrownBy(() -> snapshots.clones(dir, RestoreMode.EAGER))
                    .isInstanceOf(SnapshotException.class);
            // What was wrong is put right: the same machines go on.
            Files.write(pack, good);
            for (int p = 0; p < original.pages(); p++) {
                assertThat(machines.made.get(1).read(p)).isEqualTo(original.peek(p));
            }
            assertThat(b.failure()).isNull();
        }
    }

    @Test
    void aRecordingIsFetchedOnceForAll() throws Exception {
        assertThatThrownBy(() -> snapshots.clones(dir, RestoreMode.RECORDED))
                .hasMessageContaining("no recorded working set");
        RestoreOptions recording =
                RestoreOptions.of(RestoreMode.LAZY).recording(RestoreOptions.Window.DEFAULT);
        try (Fake f = new Fake(PAGES);
                Restored r = snapshots.restore(dir, f.machine, recording)) {
            for (int p : new int[] {700, 3, 350}) {
                f.read(p);
            }
            r.saveRecording();
        }
        try (CloneBase base = snapshots.clones(dir, RestoreMode.RECORDED)) {
            HangGuard.until(
                    "what was recorded is loaded",
                    () ->
                            base.pagesLoaded() >= 3
                                    && Thread.getAllStackTraces().keySet().stream()
                                            .noneMatch(t ->
                                                    t.getName()
                                                            .equals("snapshot-clones-prefetch")));
            try (CloneBase.Clone a = base.create(machines, "a")) {
                assertThat(last().protection.rightsOf(3)).isEqualTo(Rights.RWX);
                assertThat(last().peek(3)).isEqualTo(original.peek(3));
            }
        }
    }

    @Test
    void whatDoesNotFitIsRefusedAndNothingStays() throws Exception {
        try (CloneBase base = base()) {
            assertThatThrownBy(() -> base.create(machines, " "))
                    .isInstanceOf(MachineException.class)
                    .hasMessage("a machine needs a name");
            machines.ownBlock = "rom";
            assertThatThrownBy(() -> base.create(machines, "a"))
                    .isInstanceOf(SnapshotException.class)
                    .hasMessageContaining("rom of 20480 bytes is not the memory that clones share");
            machines.ownBlock = null;
            assertThat(base.clones()).isZero();
        }
        snapshots.unbindHost(host);
        assertThatThrownBy(this::base)
                .isInstanceOf(SnapshotException.class)
                .hasMessageContaining("no platform offers host memory");
        snapshots.bindHost(new NoSharing());
        assertThatThrownBy(this::base)
                .isInstanceOf(SnapshotException.class)
                .hasMessageContaining("UNSUPPORTED")
                .hasMessageContaining("NoSharing");
    }

    /** A third party's platform of before there were clones. */
    private static final class NoSharing implements HostMemory {
        @Override
        public int pageSize() {
            return 4096;
        }

        @Override
        public HostRegion reserve(long bytes) {
            throw new AssertionError("not needed");
        }
    }
}
