// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.api.snapshot.RestoreMode;
import dev.faultline.api.snapshot.RestoreOptions;
import dev.faultline.api.snapshot.RestoreOptions.Window;
import dev.faultline.api.snapshot.Restored;
import dev.faultline.api.snapshot.SaveOptions;
import dev.faultline.api.snapshot.SaveOptions.Compression;
import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.api.snapshot.SnapshotException.Kind;
import dev.faultline.snapshot.internal.WebServer.Manner;
import dev.faultline.snapshot.internal.disk.Disk;
import dev.faultline.snapshot.internal.format.Layout;
import dev.faultline.snapshot.internal.image.Image;
import dev.faultline.snapshot.internal.source.SourcePolicy;
import dev.faultline.snapshot.internal.source.Sources;
import dev.faultline.source.http.internal.HttpSources;
import dev.faultline.testkit.HangGuard;
import java.lang.annotation.Annotation;
import java.net.URI;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Restores over HTTP, from a server that misbehaves, dies and comes back elsewhere. */
class HttpRestoreTest {
    private static final int PAGES = 1200;

    @TempDir Path scratch;

    /** Long enough for a host that does much else. */
    private static final SourcePolicy PATIENT =
            new SourcePolicy(300_000, 300_000, 2, 1, 300_000, 64 << 10);

    private static final SourcePolicy SHORT = new SourcePolicy(500, 200, 2, 1, 300_000, 64 << 10);

    private final Sources sources = new Sources(PATIENT);
    private final Snapshots snapshots = new Snapshots(Disk.REAL, null, sources);
    private Fake saved;
    private Fake lazy;
    private WebServer server;
    private URI place;

    /** As patient as may be: a busy host is no failure. */
    private static final class Defaults implements HttpSources.Config {
        @Override
        public long connect_timeout() {
            return 300_000;
        }

        @Override
        public long answer_timeout() {
            return 300_000;
        }

        @Override
        public String[] redirect_hosts() {
            return new String[0];
        }

        @Override
        public Class<? extends Annotation> annotationType() {
            return HttpSources.Config.class;
        }
    }

    @BeforeEach
    void save() throws Exception {
        sources.bind(new HttpSources(new Defaults()), Map.of());
        saved = new Fake(PAGES).fill(31);
        lazy = new Fake(PAGES);
        snapshots.save(saved.machine, scratch.resolve("s"), SaveOptions.DEFAULT, x -> {});
        server = new WebServer(scratch);
        place = server.uri("s");
    }

    @AfterEach
    void close() {
        server.close();
        saved.close();
        lazy.close();
    }

    private void assertSame() {
        for (int p = 0; p < saved.pages(); p++) {
            assertThat(lazy.read(p)).as("page %d", p).isEqualTo(saved.peek(p));
        }
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

    @ParameterizedTest
    @EnumSource(RestoreMode.class)
    void everyModeGivesTheSameMemory(RestoreMode mode) throws Exception {
        if (mode == RestoreMode.RECORDED) {
            record();
        }
        try (Restored r = snapshots.restore(place, lazy.machine, mode)) {
            assertThat(r.awaitPrefetched(HangGuard.limit())).isTrue();
            assertSame();
            assertThat(r.source().bytes()).isPositive();
        }
    }

    private void record() throws Exception {
        try (Fake f = new Fake(PAGES);
                Restored r =
                        snapshots.restore(
                                scratch.resolve("s"),
                                f.machine,
                                RestoreOptions.of(RestoreMode.LAZY).recording(Window.DEFAULT))) {
            for (int p = 0; p < PAGES; p += 7) {
                f.read(p);
            }
            r.saveRecording();
        }
    }

    /** The trace is advice: whatever is answered about it, the guest gets its memory. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "401", "403", "404", "410", "418", "429", "500", "503", "garbage", "hangs", "moved",
                "huge"
            })
    void noAnswerAboutTheTraceStopsARestore(String how) throws Exception {
        record();
        server.instead.put(
                "trace",
                x -> {
                    switch (how) {
                        case "garbage" -> {
                            x.getResponseHeaders().set("Content-Range", "bytes 0-99/100");
                            x.sendResponseHeaders(206, 100);
                            x.getResponseBody().write(new byte[100]);
                        }
                        case "huge" -> {
                            x.getResponseHeaders()
                                    .set("Content-Range", "bytes 0-4095/999999999999");
                            x.sendResponseHeaders(206, 4096);
                            x.getResponseBody().write(new byte[4096]);
                        }
                        case "hangs" -> server.release.await();
                        case "moved" -> {
                            x.getResponseHeaders().set("Location", "ftp://elsewhere/trace");
                            x.sendResponseHeaders(302, -1);
                        }
                        default -> {
                            x.getResponseHeaders().set("Retry-After", "100000");
                            x.sendResponseHeaders(Integer.parseInt(how), -1);
                        }
                    }
                    return true;
                });
        for (RestoreMode mode : RestoreMode.values()) {
            try (Fake g = new Fake(PAGES);
                    Restored r = snapshots.restore(place, g.machine, mode)) {
                for (int p = 0; p < saved.pages(); p++) {
                    assertThat(g.read(p)).as("page %d", p).isEqualTo(saved.peek(p));
                }
                assertThat(r.failure()).isNull();
            }
        }
        assertThat(snapshots.info(place).pages()).isEqualTo(saved.pages());
        assertThat(snapshots.workingSet(place)).isEmpty();
        snapshots.verify(place, x -> {});
        snapshots.pageMap(place);
    }

    @ParameterizedTest
    @ValueSource(ints = {400, 401, 403, 405, 407, 416, 451, 501})
    void aPermanentErrorIsNotAskedForAgain(int status) throws Exception {
        AtomicInteger asked = new AtomicInteger();
        server.instead.put(
                "pack-0",
                x -> {
                    asked.incrementAndGet();
                    x.sendResponseHeaders(status, -1);
                    return true;
                });
        assertThatThrownBy(() -> snapshots.restore(place, lazy.machine, RestoreMode.LAZY))
                .isInstanceOfSatisfying(
                        SnapshotException.class, e -> assertThat(e.kind()).isEqualTo(Kind.SOURCE))
                .hasMessageContaining(status == 416 ? "range" : String.valueOf(status))
                .hasMessageContaining("tried 1 times");
        assertThat(asked).hasValue(1);
    }

    /** As long as the server asks for, and no longer than the deadline. */
    @Test
    void aServerThatAsksToWaitIsLeftAloneSoLong() throws Exception {
        AtomicInteger asked = new AtomicInteger();
        AtomicLong first = new AtomicLong();
        AtomicLong second = new AtomicLong();
        server.instead.put(
                "pack-0",
                x -> {
                    if (asked.incrementAndGet() == 1) {
                        // clock: at least so long, whatever the load
                        first.set(System.nanoTime());
                        x.getResponseHeaders().set("Retry-After", "1");
                        x.sendResponseHeaders(503, -1);
                        return true;
                    }
                    // clock: at least so long, whatever the load
                    second.compareAndSet(0, System.nanoTime());
                    return false;
                });
        try (Restored r = snapshots.restore(place, lazy.machine, RestoreMode.LAZY)) {
            assertSame();
        }
        assertThat(second.get() - first.get()).isGreaterThanOrEqualTo(1_000_000_000L);
        server.instead.put(
                "pack-0",
                x -> {
                    x.getResponseHeaders().set("Retry-After", "90000");
                    x.sendResponseHeaders(503, -1);
                    return true;
                });
        try (Fake g = new Fake(PAGES)) {
            assertThatThrownBy(() -> snapshots.restore(place, g.machine, RestoreMode.LAZY))
                    .hasMessageContaining("86400 s")
                    .hasMessageContaining("tried 1 times");
        }
    }

    /** What loads ahead ends when the server dies, and goes on with the next one. */
    @Test
    void whatLoadsAheadGoesOnElsewhereToo() throws Exception {
        record();
        RestoreOptions all = RestoreOptions.of(RestoreMode.RECORDED).completing();
        try (Restored r = snapshots.restore(place, lazy.machine, all)) {
            server.close();
            try (WebServer next = new WebServer(scratch)) {
                r.reattach(next.uri("s"));
                HangGuard.until("all is resident", () -> r.statistics().resident());
                assertThat(lazy.all()).isDeepEqualTo(saved.all());
            }
        }
    }

    @Test
    void openingTakesFewRequests() throws Exception {
        snapshots.info(place);
        assertThat(server.requests).hasSizeLessThanOrEqualTo(3); // manifest, its length, the trace
        server.requests.clear();
        try (Restored r = snapshots.restore(place, lazy.machine, RestoreMode.LAZY)) {
            assertThat(server.requests).hasSizeLessThanOrEqualTo(3); // manifest, index, pack
            r.complete();
            assertThat(lazy.all()).isDeepEqualTo(saved.all());
        }
        assertThat(server.requests).hasSizeLessThan(20);
    }

    @ParameterizedTest
    @EnumSource(value = Manner.class, names = "GOOD", mode = EnumSource.Mode.EXCLUDE)
    void whateverTheServerDoesTheGuestGoesOnElsewhere(Manner manner) throws Exception {
        Kind kind =
                switch (manner) {
                    case WRONG -> Kind.CORRUPT;
                    case NOT_FOUND -> Kind.MISSING;
                    default -> Kind.SOURCE;
                };
        try (Restored r = snapshots.restore(place, lazy.machine, RestoreMode.LAZY)) {
            assertThat(lazy.read(stored(0))).isNotNull();
            int page = stored(600);
            byte[] before = lazy.peek(page);
            server.elsewhere = "http://not-named.invalid/s/pack-0";
            server.manner = manner;
            boolean hangs = manner.name().startsWith("HANGS");
            sources.use(hangs ? SHORT : PATIENT);
            assertThat(lazy.read(page)).isNull();
            sources.use(PATIENT);
            assertThat(lazy.peek(page)).isEqualTo(before);
            assertThat(r.failure().kind()).as(r.failure().getMessage()).isEqualTo(kind);
            assertThat(lazy.lastReason).isEqualTo(r.failure().getMessage()).doesNotContain("\n");
            assertThat(r.source().timeouts() > 0).isEqualTo(hangs);
            try (WebServer next = new WebServer(scratch)) {
                r.reattach(next.uri("s"));
                assertSame();
                assertThat(r.failure()).isNull();
            }
        }
    }

    /** The server was only overloaded: the same place answers again, nobody attaches anything. */
    @Test
    void startingAgainIsEnoughWhenTheServerIsBack() throws Exception {
        try (Restored r = snapshots.restore(place, lazy.machine, RestoreMode.LAZY)) {
            server.manner = Manner.ERROR_500;
            assertThat(lazy.read(stored(600))).isNull();
            assertThat(r.failure()).hasMessageContaining("500");
            assertThat(r.source().retries()).isEqualTo(2);
            server.manner = Manner.GOOD;
            assertSame();
        }
    }

    @Test
    void aServerThatSendsUsInCirclesIsLeft() throws Exception {
        SaveOptions raw = new SaveOptions(Compression.NONE, false);
        snapshots.save(saved.machine, scratch.resolve("raw"), raw, x -> {});
        try (Restored r = snapshots.restore(server.uri("raw"), lazy.machine, RestoreMode.LAZY)) {
            server.elsewhere = "/raw/pack-0";
            server.manner = Manner.SENDS_ELSEWHERE;
            assertThat(lazy.read(stored(600))).isNull(); // round and round
            assertThat(r.failure()).hasMessageContaining("more than 5 times");
        }
    }

    @Test
    void aPlaceWithoutASnapshotAndAServerThatIsNotThere() throws Exception {
        assertThatThrownBy(() -> snapshots.info(server.uri("nothing")))
                .hasMessageContaining("there is no snapshot at http://127.0.0.1:");
        server.close();
        assertThatThrownBy(() -> snapshots.info(place))
                .hasMessageContaining("no connection to 127.0.0.1:")
                .isInstanceOfSatisfying(
                        SnapshotException.class, e -> assertThat(e.kind()).isEqualTo(Kind.SOURCE));
        assertThatThrownBy(() -> snapshots.info(URI.create("http://me:secret@127.0.0.1/s")))
                .hasMessageContaining("without user and password")
                .message()
                .doesNotContain("secret");
    }
}
