// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.faultline.api.snapshot.CloneBase;
import dev.faultline.api.snapshot.RestoreMode;
import dev.faultline.api.snapshot.RestoreOptions;
import dev.faultline.api.snapshot.Restored;
import dev.faultline.api.snapshot.SaveOptions;
import dev.faultline.api.snapshot.SaveOptions.Compression;
import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.api.snapshot.SnapshotException.Kind;
import dev.faultline.snapshot.internal.UntrustedSource.Manner;
import dev.faultline.snapshot.internal.disk.Disk;
import dev.faultline.snapshot.internal.format.Layout;
import dev.faultline.snapshot.internal.image.Image;
import dev.faultline.snapshot.internal.source.SiblingLocation;
import dev.faultline.snapshot.internal.source.SourcePolicy;
import dev.faultline.snapshot.internal.source.Sources;
import dev.faultline.testkit.HangGuard;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Whatever a stranger's page source does, the guest sees right bytes or stands with a reason. */
class SourceTest {
    private static final int PAGES = 1200;
    private static final URI PLACE = URI.create("test://host/s");

    @TempDir Path scratch;

    /** No busy host is so slow. */
    private static final SourcePolicy PATIENT =
            new SourcePolicy(300_000, 300_000, 2, 1, 300_000, 64 << 10);

    private final Sources sources = new Sources(PATIENT);
    private final Snapshots snapshots = new Snapshots(Disk.REAL, null, sources);
    private UntrustedSource stranger;

    /**
     * What hangs is waited for shortly, all else for as long as a host that does much else needs.
     */
    private void is(Manner manner) {
        stranger.manner = manner;
        sources.use(
                manner == Manner.HANGS
                        ? new SourcePolicy(400, 150, 2, 1, 300_000, 64 << 10)
                        : PATIENT);
    }

    private Fake saved;
    private Fake lazy;

    @BeforeEach
    void save() throws Exception {
        stranger = new UntrustedSource(scratch);
        sources.bind(stranger, Map.of());
        saved = new Fake(PAGES).fill(21);
        lazy = new Fake(PAGES);
        snapshots.save(saved.machine, scratch.resolve("s"), SaveOptions.DEFAULT, x -> {});
    }

    @AfterEach
    void close() {
        stranger.release.countDown();
        saved.close();
        lazy.close();
    }

    private void assertSame() {
        for (int p = 0; p < saved.pages(); p++) {
            assertThat(lazy.read(p)).as("page %d", p).isEqualTo(saved.peek(p));
        }
    }

    @Test
    void aRestoreThroughASourceIsLikeOneFromTheDirectory() throws Exception {
        try (Fake eager = new Fake(PAGES)) {
            assertThat(snapshots.info(PLACE).pages()).isEqualTo(saved.pages());
            assertThat(snapshots.info(PLACE).dir()).isNull();
            assertThat(snapshots.verify(PLACE, x -> {})).isEqualTo(saved.pages());
            assertThat(snapshots.pageMap(PLACE).pages()).isEqualTo(saved.pages());
            try (Restored e = snapshots.restore(PLACE, eager.machine, RestoreMode.EAGER);
                    Restored l = snapshots.restore(PLACE, lazy.machine, RestoreMode.LAZY)) {
                assertThat(eager.all()).isDeepEqualTo(saved.all());
                assertThat(l.pagesLoaded()).isZero();
                assertSame();
                assertThat(lazy.state).isEqualTo(saved.state);
                assertThat(l.source().bytes()).isPositive();
                assertThat(l.source().latency().stream().mapToLong(Long::longValue).sum())
                        .isEqualTo(l.source().requests());
                assertThat(l.source().failures() + l.source().timeouts()).isZero();
            }
        }
        assertThat(stranger.closed.get()).isEqualTo(stranger.opened.get());
    }

    /** In every manner: paused with the kind and reason, then healed, then attached elsewhere. */
    @ParameterizedTest
    @EnumSource(
            value = Manner.class,
            names = {"THROWS", "FAILS_TO_LINK", "IO_ERROR", "HANGS", "SHORT", "GARBAGE", "GONE"})
    void aGuestStandsWithTheReasonAndGoesOn(Manner manner) throws Exception {
        Kind kind =
                switch (manner) {
                    case GARBAGE -> Kind.CORRUPT;
                    case GONE -> Kind.MISSING;
                    default -> Kind.SOURCE;
                };
        try (Restored r = snapshots.restore(PLACE, lazy.machine, RestoreMode.LAZY)) {
            assertThat(lazy.read(0)).isEqualTo(saved.peek(0));
            is(manner);
            stranger.only = "pack";
            int stored = stored(600);
            byte[] before = lazy.peek(stored);
            assertThat(lazy.read(stored)).isNull();
            assertThat(lazy.peek(stored)).as("nothing was filled in").isEqualTo(before);
            assertThat(r.failure().kind()).isEqualTo(kind);
            assertThat(r.failure().getMessage())
                    .startsWith("snapshot test://host/s ")
                    .doesNotContain("\n");
            assertThat(lazy.lastReason).isEqualTo(r.failure().getMessage());
            assertThat(lazy.read(stored)).as("still").isNull();

            is(Manner.GOOD);
            assertThat(lazy.read(stored)).isEqualTo(saved.peek(stored));
            assertThat(r.failure()).isNull();

            is(manner);
            int another = stored(900);
            assertThat(lazy.read(another)).isNull();
            sources.use(PATIENT);
            r.reattach(scratch.resolve("s").toUri());
            assertThat(lazy.read(another)).isEqualTo(saved.peek(another));
            assertThat(r.failure()).isNull();
            assertSame();
        }
    }

    /** All clones stand with the reason, and one call gives all of them another source. */
    @Test
    void clonesOfASourceThatDiesGoOnElsewhere() throws Exception {
        snapshots.bindHost(Fake.HOST);
        FakeFactory machines = new FakeFactory();
        try (CloneBase base = snapshots.clones(PLACE, RestoreMode.LAZY);
                CloneBase.Clone a = base.create(machines, "a");
                CloneBase.Clone b = base.create(machines, "b")) {
            assertThat(base.info().dir()).isNull();
            int page = stored(600);
            is(Manner.IO_ERROR);
            stranger.only = "pack";
            for (Fake f : machines.made) {
                assertThat(f.read(page)).isNull();
            }
            assertThat(a.failure().kind()).isEqualTo(Kind.SOURCE);
            assertThat(b.failure().kind()).isEqualTo(Kind.SOURCE);
            assertThat(machines.made.getLast().lastReason).isEqualTo(b.failure().getMessage());
            assertThatThrownBy(() -> base.reattach(URI.create("test://host/nowhere")))
                    .isInstanceOf(SnapshotException.class);
            base.reattach(scratch.resolve("s").toUri());
            for (int p = 0; p < saved.pages(); p++) {
                assertThat(machines.made.get(0).read(p)).isEqualTo(saved.peek(p));
                assertThat(machines.made.get(1).read(p)).isEqualTo(saved.peek(p));
            }
            assertThat(a.failure()).isNull();
            base.close();
            assertThatThrownBy(() -> base.reattach(scratch.resolve("s").toUri()))
                    .hasMessageContaining("not open for clones any more");
        }
        assertThat(stranger.closed.get()).isEqualTo(stranger.opened.get());
    }

    /** A page in a chunk, at or after {@code from}. */
    private int stored(int from) throws SnapshotException {
        try (Image x = Image.open(scratch.resolve("s"))) {
            int p = from;
            while (x.kind(p) != Layout.CHUNK) {
                p++;
            }
            return p;
        }
    }

    @Test
    void retriesAndTimeoutsAreCounted() throws Exception {
        try (Restored r = snapshots.restore(PLACE, lazy.machine, RestoreMode.LAZY)) {
            is(Manner.IO_ERROR);
            lazy.read(stored(0));
            assertThat(r.source().failures()).isEqualTo(3);
            assertThat(r.source().retries()).isEqualTo(2);
            is(Manner.HANGS);
            lazy.read(stored(0));
            assertThat(r.source().timeouts()).isBetween(1L, 3L);
        }
    }

    /** More calls hang than there may be: the guest is told all the same, and comes back. */
    @Test
    void aSourceThatHangsForGoodCostsAFewThreads() throws Exception {
        try (Restored r = snapshots.restore(PLACE, lazy.machine, RestoreMode.LAZY)) {
            is(Manner.HANGS);
            for (int i = 0; i < 7; i++) {
                assertThat(lazy.read(stored(600))).isNull();
                assertThat(r.failure().kind()).isEqualTo(Kind.SOURCE);
            }
            long threads =
                    Thread.getAllStackTraces().keySet().stream()
                            .filter(t -> t.getName().equals("source " + PLACE))
                            .count();
            assertThat(threads).isBetween(1L, 16L);
            sources.use(PATIENT);
            r.reattach(scratch.resolve("s").toUri());
            assertSame();
        }
    }

    @Test
    void manyThatWaitForTheSamePageAllComeBack() throws Exception {
        try (Restored r = snapshots.restore(PLACE, lazy.machine, RestoreMode.LAZY)) {
            is(Manner.HANGS);
            int page = stored(600);
            Thread[] vcpus = new Thread[8];
            AtomicReference<byte[]> seen = new AtomicReference<>();
            CountDownLatch stood = new CountDownLatch(vcpus.length);
            for (int i = 0; i < vcpus.length; i++) {
                vcpus[i] =
                        Thread.ofPlatform()
                                .start(() -> {
                                    byte[] b = lazy.read(page);
                                    if (b != null) {
                                        seen.set(b);
                                    }
                                    stood.countDown();
                                });
            }
            stood.await();
            assertThat(seen.get()).isNull();
            assertThat(r.failure().kind()).isEqualTo(Kind.SOURCE);
            is(Manner.GOOD);
            stranger.release.countDown();
            assertSame();
        }
    }

    /** A call that was given up returns later: what it writes then must not matter. */
    @Test
    void aLateAnswerAndAKeptBufferChangeNothing() throws Exception {
        Path dir = scratch.resolve("raw");
        snapshots.save(saved.machine, dir, new SaveOptions(Compression.NONE, false), x -> {});
        is(Manner.KEEPS_THE_BUFFER);
        stranger.only = "pack";
        URI raw = URI.create("test://host/raw");
        try (Restored r = snapshots.restore(raw, lazy.machine, RestoreMode.LAZY)) {
            for (int p = 0; p < saved.pages(); p++) {
                byte[] b = lazy.read(p);
                if (b == null) {
                    assertThat(r.failure().kind()).isEqualTo(Kind.CORRUPT);
                } else {
                    assertThat(b).as("page %d", p).isEqualTo(saved.peek(p));
                }
            }
            is(Manner.GOOD);
            assertSame();
        } catch (SnapshotException e) {
            assertThat(e.kind()).isEqualTo(Kind.CORRUPT); // it spoilt the head of the pack
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = Manner.class,
            names = {"GOOD", "KEEPS_THE_BUFFER"},
            mode = EnumSource.Mode.EXCLUDE)
    void openingNeverTrusts(Manner manner) {
        is(manner);
        SnapshotException e =
                catchThrowableOfType(SnapshotException.class, () -> snapshots.info(PLACE));
        Kind kind =
                switch (manner) {
                    case GONE -> Kind.MISSING;
                    case GARBAGE, SAYS_HUGE -> Kind.FOREIGN;
                    default -> Kind.SOURCE;
                };
        assertThat(e.kind()).as(e.getMessage()).isEqualTo(kind);
        assertThat(e.getMessage()).contains("test://host/s").doesNotContain("\n");
    }

    @Test
    void sizesThatAreWrongAreNoticedBeforeAnythingIsRead() {
        for (Manner m : new Manner[] {Manner.SAYS_HUGE, Manner.SAYS_NEGATIVE}) {
            is(m);
            stranger.only = "pack";
            stranger.reads.clear();
            assertThatThrownBy(() -> snapshots.restore(PLACE, lazy.machine, RestoreMode.LAZY))
                    .isInstanceOf(SnapshotException.class);
            assertThat(stranger.reads).noneMatch(r -> r.name().startsWith("pack"));
        }
    }

    @Test
    void onlyTheSameSnapshotIsAttached() throws Exception {
        try (Fake other = new Fake(PAGES).fill(99)) {
            snapshots.save(other.machine, scratch.resolve("other"), SaveOptions.DEFAULT, x -> {});
        }
        try (Restored r = snapshots.restore(PLACE, lazy.machine, RestoreMode.LAZY)) {
            assertThatThrownBy(() -> r.reattach(URI.create("test://host/other")))
                    .hasMessageContaining("another snapshot")
                    .isInstanceOfSatisfying(
                            SnapshotException.class,
                            e -> assertThat(e.kind()).isEqualTo(Kind.MISMATCH));
            assertThatThrownBy(() -> r.reattach(URI.create("test://host/nowhere")))
                    .hasMessageContaining("no manifest");
            assertThatThrownBy(() -> r.reattach(URI.create("ftp://host/s")))
                    .hasMessageContaining("no page source for 'ftp:'")
                    .hasMessageContaining("file, test");
            assertSame(); // still from where it was
        }
    }

    @Test
    void aSourceThatSomebodyBringsIsAttachedAndClosed() throws Exception {
        try (Restored r = snapshots.restore(PLACE, lazy.machine, RestoreMode.LAZY)) {
            is(Manner.IO_ERROR);
            assertThat(lazy.read(stored(0))).isNull();
            UntrustedSource mine = new UntrustedSource(scratch);
            r.reattach(mine.source(scratch.resolve("s")));
            assertThat(stranger.closed.get()).isEqualTo(stranger.opened.get());
            assertSame();
            r.close();
            assertThat(mine.closed.get()).isEqualTo(1);
        }
    }

    /** A fault that waits for a source that hangs is answered by the one that is attached. */
    @Test
    void readsInProgressGoOnAtTheNewPlace() throws Exception {
        Sources patient = new Sources(new SourcePolicy(300_000, 300_000, 0, 1, 300_000, 0));
        patient.bind(stranger, Map.of());
        try (Restored r =
                new Snapshots(Disk.REAL, null, patient)
                        .restore(PLACE, lazy.machine, RestoreMode.LAZY)) {
            int page = stored(600);
            stranger.reads.clear();
            stranger.manner = Manner.HANGS;
            AtomicReference<byte[]> seen = new AtomicReference<>();
            Thread vcpu = Thread.ofPlatform().start(() -> seen.set(lazy.read(page)));
            HangGuard.until("it reads", () -> !stranger.reads.isEmpty());
            r.reattach(scratch.resolve("s").toUri());
            vcpu.join();
            assertThat(seen.get()).isEqualTo(saved.peek(page));
            assertThat(r.failure()).isNull();
        }
    }

    @Test
    void aFactoryThatGoesAndComesBackIsAskedAgain() throws Exception {
        try (Restored r = snapshots.restore(PLACE, lazy.machine, RestoreMode.LAZY)) {
            assertThat(lazy.read(0)).isNotNull();
            sources.unbind(stranger);
            assertThat(stranger.closed.get()).isEqualTo(stranger.opened.get());
            assertThat(lazy.read(stored(600))).isNull();
            assertThat(r.failure()).hasMessageContaining("no page source for 'test:'");
            sources.bind(stranger, Map.of());
            assertSame();
        }
    }

    @Test
    void theHighestRankingFactoryIsAsked() throws Exception {
        UntrustedSource better = new UntrustedSource(scratch);
        sources.bind(better, Map.of("service.ranking", 5, "service.id", 9L));
        snapshots.info(PLACE);
        assertThat(better.opened.get()).isEqualTo(1);
        assertThat(stranger.opened.get()).isZero();
    }

    @Test
    void parentsAreFoundBesideAndTheirLossIsNoticed() throws Exception {
        try (Fake g = new Fake(PAGES);
                Restored r = snapshots.restore(scratch.resolve("s"), g.machine, RestoreMode.LAZY)) {
            g.write(700, Fake.page(5, 0));
            saved.poke(700, Fake.page(5, 0));
            SaveOptions incremental = new SaveOptions(Compression.LZ4, true);
            snapshots.save(g.machine, scratch.resolve("child"), incremental, x -> {});
        }
        URI child = URI.create("test://host/child");
        try (Restored r = snapshots.restore(child, lazy.machine, RestoreMode.LAZY)) {
            is(Manner.IO_ERROR);
            assertThat(lazy.read(stored(300))).isNull();
            assertThat(r.failure()).hasMessageContaining("test://host/");
            r.reattach(scratch.resolve("child").toUri());
            assertSame();
        }
        is(Manner.GOOD);
        Files.move(scratch.resolve("s"), scratch.resolve("elsewhere"));
        try (Fake g = new Fake(PAGES)) {
            assertThatThrownBy(() -> snapshots.restore(child, g.machine, RestoreMode.LAZY))
                    .hasMessageContaining("needs its parent s");
        }
    }

    /** The parent is elsewhere: nobody goes there because a snapshot says so. */
    @Test
    void anIncrementalSaveOfWhatCameFromElsewhereNamesIt() throws Exception {
        Path child = scratch.resolve("sub/child");
        try (Fake g = new Fake(PAGES);
                Restored r = snapshots.restore(PLACE, g.machine, RestoreMode.LAZY)) {
            g.write(700, Fake.page(5, 0));
            saved.poke(700, Fake.page(5, 0));
            SaveOptions incremental = new SaveOptions(Compression.LZ4, true);
            snapshots.save(g.machine, child, incremental, x -> {});
        }
        int opened = stranger.opened.get();
        assertThatThrownBy(() -> snapshots.restore(child, lazy.machine, RestoreMode.LAZY))
                .hasMessageContaining("needs its parent test://host/s")
                .hasMessageContaining("put a copy beside it");
        assertThat(stranger.opened).hasValue(opened);
        Files.move(scratch.resolve("s"), scratch.resolve("sub/any"));
        try (Restored r = snapshots.restore(child, lazy.machine, RestoreMode.LAZY)) {
            assertSame();
        }
    }

    @Test
    void aRecordingNeedsADirectoryAndIsRefusedAtOnce() {
        RestoreOptions recording =
                RestoreOptions.of(RestoreMode.LAZY).recording(RestoreOptions.Window.DEFAULT);
        assertThatThrownBy(() -> snapshots.restore(PLACE, lazy.machine, recording))
                .hasMessageContaining("recording is written beside the snapshot");
        assertThat(stranger.opened).hasValue(0);
    }

    @Test
    void whatASnapshotSaysNeverLeadsElsewhere() {
        URI at = URI.create("http://h:1/a/snap?key=1");
        assertThat(SiblingLocation.of(at, "base")).hasToString("http://h:1/a/base?key=1");
        assertThat(SiblingLocation.of(URI.create("http://h/a/snap/"), "../b x/base"))
                .hasToString("http://h/b%20x/base");
        assertThat(SiblingLocation.of(at, "x:y")).hasToString("http://h:1/a/x:y?key=1");
        assertThat(SiblingLocation.of(at, "?q#f")).hasToString("http://h:1/a/%3Fq%23f?key=1");
        for (String bad : new String[] {"/etc", "//evil/x", "../../x", "", "\0", "..", "../.."}) {
            URI u = SiblingLocation.of(at, bad);
            assertThat(u == null || u.toString().startsWith("http://h:1/a/")).as(bad).isTrue();
        }
        assertThat(SiblingLocation.of(URI.create("mem:opaque"), "base")).isNull();
        assertThat(SiblingLocation.of(URI.create("http://h/"), "base")).isNull();
        assertThat(SiblingLocation.of(at, "http://evil/x"))
                .hasToString("http://h:1/a/http:/evil/x?key=1");
    }

    /** What is wanted together comes by few requests. */
    @Test
    void aCompletionAsksForRanges() throws Exception {
        try (Restored r = snapshots.restore(PLACE, lazy.machine, RestoreMode.LAZY)) {
            long before = r.source().requests();
            r.complete();
            long chunks;
            try (Image x = Image.open(scratch.resolve("s"))) {
                chunks = 0;
                for (int s = 0; s < x.sections(); s++) {
                    for (int p = 0, last = -1; p < x.section(s).pages(); p++) {
                        if (x.section(s).kind(p) == Layout.CHUNK && x.section(s).chunk(p) != last) {
                            last = x.section(s).chunk(p);
                            chunks++;
                        }
                    }
                }
            }
            assertThat(chunks).isGreaterThan(50);
            assertThat(r.source().requests() - before).isLessThan(chunks / 5);
            assertThat(lazy.all()).isDeepEqualTo(saved.all());
        }
    }
}
