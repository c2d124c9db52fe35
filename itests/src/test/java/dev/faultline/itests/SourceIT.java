// SPDX-License-Identifier: Apache-2.0
package dev.faultline.itests;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.faultline.api.snapshot.PageSource;
import dev.faultline.api.snapshot.PageSourceFactory;
import dev.faultline.api.snapshot.RestoreMode;
import dev.faultline.api.snapshot.Restored;
import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.api.snapshot.SnapshotService;
import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineException;
import dev.faultline.api.vm.MachineFactory;
import dev.faultline.api.vm.VcpuExit;
import dev.faultline.testkit.HangGuard;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Guests whose pages come from elsewhere, under the shipped distribution. */
class SourceIT {
    private static final List<String> QUESTIONS =
            List.of("get 0", "get 9999", "scan 1000 42", "sum 0 9", "get 5000", "float 1000");

    private static final String SOURCES = "dev.faultline.snapshot.source";

    /** No busy host is so slow, in milliseconds. */
    private static final Map<String, String> PATIENT =
            Map.of("deadline", "300000", "attempt", "300000");

    @TempDir Path scratch;
    private Typed typed;
    private Path snapshot;
    private final List<String> undisturbed = new ArrayList<>();

    @BeforeEach
    void save() throws Exception {
        typed = new Typed();
        typed.configureAndAwait(SOURCES, PATIENT);
        typed.configureAndAwait(
                "dev.faultline.source.http",
                Map.of("connect.timeout", "300000", "answer.timeout", "300000"));
        snapshot = scratch.resolve("snap");
        try (Machine m = typed.keyed("original", "interpreter", "coded");
                GuestTalk talk = new GuestTalk(m)) {
            m.start();
            talk.await("checksum=");
            talk.await("\n");
            m.pause("saving");
            typed.service(SnapshotService.class).save(m, snapshot, x -> {});
            m.start();
            for (String q : QUESTIONS) {
                undisturbed.add(talk.ask(q, "\n"));
            }
        }
    }

    @AfterEach
    void stop() {
        typed.close();
    }

    private Machine restorable(URI place) throws MachineException {
        return typed.service(MachineFactory.class)
                .create(typed.service(SnapshotService.class).info(place).config());
    }

    /** Serves a directory by ranges. Closing it is as killing it. */
    private static final class Server implements AutoCloseable {
        static {
            // Or the body of each answer waits 40 ms for the acknowledgement of its head.
            System.setProperty("sun.net.httpserver.nodelay", "true");
        }

        private final Path root;
        private final HttpServer server;
        private final ExecutorService threads = Executors.newCachedThreadPool();

        Server(Path root) throws IOException {
            this.root = root;
            server =
                    HttpServer.create(
                            new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
            server.setExecutor(threads);
            server.createContext("/", this::serve);
            server.start();
        }

        URI uri(String name) {
            return URI.create("http://127.0.0.1:" + server.getAddress().getPort() + "/" + name);
        }

        private void serve(HttpExchange x) throws IOException {
            try (x) {
                Path file = root.resolve(x.getRequestURI().getPath().substring(1));
                if (!Files.isRegularFile(file)) {
                    x.sendResponseHeaders(404, -1);
                    return;
                }
                byte[] all = Files.readAllBytes(file);
                String[] r = x.getRequestHeaders().getFirst("Range").substring(6).split("-");
                int from = Integer.parseInt(r[0]);
                int to = Math.min(all.length, Integer.parseInt(r[1]) + 1);
                x.getResponseHeaders()
                        .set("Content-Range", "bytes %d-%d/%d".formatted(from, to - 1, all.length));
                x.sendResponseHeaders(206, to - from);
                x.getResponseBody().write(Arrays.copyOfRange(all, from, to));
            }
        }

        @Override
        public void close() {
            server.stop(0);
            threads.shutdownNow();
        }
    }

    @Test
    void aGuestOutlivesItsServer() throws Exception {
        try (Server first = new Server(scratch);
                Machine m = restorable(first.uri("snap"));
                GuestTalk talk = new GuestTalk(m);
                Restored r =
                        typed.service(SnapshotService.class)
                                .restore(first.uri("snap"), m, RestoreMode.LAZY)) {
            m.start();
            assertThat(talk.ask(QUESTIONS.get(0), "\n")).isEqualTo(undisturbed.get(0));
            assertThat(talk.ask(QUESTIONS.get(1), "\n")).isEqualTo(undisturbed.get(1));

            first.close();
            m.serial().send((QUESTIONS.get(2) + "\n").getBytes());
            VcpuExit exit = HangGuard.await(m);
            assertThat(exit).isInstanceOf(VcpuExit.Fault.class);
            assertThat(((VcpuExit.Fault) exit).reason())
                    .isEqualTo(r.failure().getMessage())
                    .contains("cannot be read now");
            assertThat(r.failure().kind()).isEqualTo(SnapshotException.Kind.SOURCE);
            assertThat(m.running()).isFalse();

            try (Server next = new Server(scratch)) {
                assertThat(next.uri("")).isNotEqualTo(first.uri(""));
                r.reattach(next.uri("snap"));
                m.start();
                assertThat(talk.await("\n")).isEqualTo(undisturbed.get(2));
                for (int i = 3; i < QUESTIONS.size(); i++) {
                    assertThat(talk.ask(QUESTIONS.get(i), "\n")).isEqualTo(undisturbed.get(i));
                }
                assertThat(r.failure()).isNull();
                assertThat(r.source().source()).isEqualTo(next.uri("snap").toString());
                m.serial().send("exit 5\n".getBytes());
                assertThat(HangGuard.await(m)).isEqualTo(new VcpuExit.Exited(11));
            }
        }
    }

    /** The bundle is stopped under the guest, which stands with the reason, and goes on. */
    @Test
    void aGuestOutlivesTheBundleThatReadsItsPages() throws Exception {
        try (Server server = new Server(scratch);
                Machine m = restorable(server.uri("snap"));
                GuestTalk talk = new GuestTalk(m);
                Restored r =
                        typed.service(SnapshotService.class)
                                .restore(server.uri("snap"), m, RestoreMode.LAZY)) {
            m.start();
            assertThat(talk.ask(QUESTIONS.get(0), "\n")).isEqualTo(undisturbed.get(0));
            typed.bundle("dev.faultline.source.http").stop();
            m.serial().send((QUESTIONS.get(2) + "\n").getBytes());
            assertThat(HangGuard.await(m)).isInstanceOf(VcpuExit.Fault.class);
            assertThat(r.failure()).hasMessageContaining("no page source for 'http:' is installed");

            typed.bundle("dev.faultline.source.http").start();
            m.start();
            assertThat(talk.await("\n")).isEqualTo(undisturbed.get(2));
        }
    }

    /** A stranger's source does not come back: the guest does, within the operator's deadline. */
    @Test
    void aSourceThatHangsDoesNotHangTheGuest() throws Exception {
        Slow hanging = new Slow(snapshot);
        try (Typed.Registered r0 = typed.register(PageSourceFactory.class, hanging)) {
            URI place = URI.create("slow:///snap");
            try (Machine m = restorable(place);
                    GuestTalk talk = new GuestTalk(m);
                    Restored r =
                            typed.service(SnapshotService.class)
                                    .restore(place, m, RestoreMode.LAZY)) {
                m.start();
                assertThat(talk.ask(QUESTIONS.get(0), "\n")).isEqualTo(undisturbed.get(0));
                hanging.hangs.set(true);
                typed.configureAndAwait(
                        SOURCES, Map.of("deadline", "500", "attempt", "200", "retries", "5"));
                m.serial().send((QUESTIONS.get(2) + "\n").getBytes());
                assertThat(((VcpuExit.Fault) HangGuard.await(m)).reason())
                        .contains("slow:/snap cannot be read now", "no answer in time");
                assertThat(r.source().timeouts()).isBetween(1L, 6L);

                m.start(); // tries again, and fails again
                assertThat(HangGuard.await(m)).isInstanceOf(VcpuExit.Fault.class);

                typed.configureAndAwait(SOURCES, PATIENT);
                r.reattach(snapshot.toUri());
                m.start();
                assertThat(talk.await("\n")).isEqualTo(undisturbed.get(2));
                assertThat(m.statistics().handlersLeftOut()).isEmpty();
            } finally {
                hanging.hangs.set(false);
            }
        }
    }

    /** A stranger's source that is slower than fault handlers may be: patience, not a stop. */
    @Test
    void aSlowSourceIsWaitedForLongerThanOtherHandlers() throws Exception {
        typed.configureAndAwait("dev.faultline.machine.pc", Map.of("handler.deadline", "10"));
        try (Typed.Registered slow = typed.register(PageSourceFactory.class, new Slow(snapshot))) {
            URI place = URI.create("slow:///snap");
            try (Machine m = restorable(place);
                    GuestTalk talk = new GuestTalk(m);
                    Restored r =
                            typed.service(SnapshotService.class)
                                    .restore(place, m, RestoreMode.LAZY)) {
                m.start();
                assertThat(talk.ask(QUESTIONS.get(0), "\n")).isEqualTo(undisturbed.get(0));
                assertThat(m.statistics().handlersLeftOut()).isEmpty();
                assertThat(r.failure()).isNull();
            }
        }
    }

    private record Slow(Path dir, AtomicBoolean hangs) implements PageSourceFactory {
        Slow(Path dir) {
            this(dir, new AtomicBoolean());
        }

        @Override
        public Set<String> schemes() {
            return Set.of("slow");
        }

        @Override
        public PageSource open(URI location) {
            return new PageSource() {
                @Override
                public long length(String name) throws IOException {
                    return Files.size(dir.resolve(name));
                }

                @Override
                public void read(String name, long at, ByteBuffer to) throws IOException {
                    try (FileChannel c = FileChannel.open(dir.resolve(name))) {
                        // clock: more than the deadline of 10 ms
                        Thread.sleep(20);
                        while (hangs.get()) {
                            Thread.onSpinWait(); // and heeds no interrupt
                            Thread.yield();
                        }
                        c.position(at);
                        while (to.hasRemaining() && c.read(to) >= 0) {
                            // as much as there is
                        }
                    } catch (InterruptedException e) {
                        throw new IOException("interrupted", e);
                    }
                }

                @Override
                public void close() {}
            };
        }
    }
}
