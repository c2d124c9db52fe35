// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A web server on the loopback interface that serves a directory, well or badly. */
final class WebServer implements AutoCloseable {
    /** How it answers for packs and the index; for the manifest it behaves. */
    enum Manner {
        GOOD,
        ERROR_500,
        NOT_FOUND,
        FORBIDDEN,
        /** Promises more than it sends, and hangs up. */
        SHORT,
        /** Sends a smaller range than it was asked for. */
        SMALLER_RANGE,
        ANOTHER_RANGE,
        WRONG,
        TOO_LONG,
        IGNORES_RANGE,
        ENCODED,
        HANGS,
        /** Sends the head and half of the body, and no more. */
        HANGS_IN_THE_MIDDLE,
        DIES_IN_THE_MIDDLE,
        /** Another ETag, as if the object had been replaced. */
        CHANGED,
        SENDS_ELSEWHERE,
    }

    static {
        // Head and body of an answer are two writes: without this the second waits 40 ms for the
        // acknowledgement of the first.
        System.setProperty("sun.net.httpserver.nodelay", "true");
    }

    private static final Pattern RANGE = Pattern.compile("bytes=(\\d+)-(\\d+)");

    final List<String> requests = new CopyOnWriteArrayList<>();
    final CountDownLatch release = new CountDownLatch(1);
    volatile Manner manner = Manner.GOOD;
    volatile String elsewhere;

    /** Answers for objects of this name instead; false: as otherwise. */
    interface Instead {
        boolean answer(HttpExchange x) throws IOException, InterruptedException;
    }

    final Map<String, Instead> instead = new ConcurrentHashMap<>();

    private final HttpServer server;
    private final ExecutorService threads = Executors.newCachedThreadPool();
    private final Path root;

    WebServer(Path root) throws IOException {
        this.root = root;
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.setExecutor(threads);
        server.createContext("/", this::handle);
        server.start();
    }

    URI uri(String name) {
        return URI.create("http://127.0.0.1:" + server.getAddress().getPort() + "/" + name);
    }

    private void handle(HttpExchange x) throws IOException {
        try (x) {
            String path = x.getRequestURI().getPath();
            requests.add(path + " " + x.getRequestHeaders().getFirst("Range"));
            Path file = root.resolve(path.substring(1));
            Instead other = instead.get(path.substring(path.lastIndexOf('/') + 1));
            if (other != null && other.answer(x)) {
                return;
            }
            Manner m = path.endsWith("manifest") ? Manner.GOOD : manner;
            if (!Files.isRegularFile(file) || m == Manner.NOT_FOUND) {
                x.sendResponseHeaders(404, -1);
                return;
            }
            answer(x, Files.readAllBytes(file), m);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void answer(HttpExchange x, byte[] all, Manner m)
            throws IOException, InterruptedException {
        switch (m) {
            case ERROR_500 -> x.sendResponseHeaders(500, -1);
            case FORBIDDEN -> x.sendResponseHeaders(403, -1);
            case IGNORES_RANGE -> {
                x.sendResponseHeaders(200, all.length);
                x.getResponseBody().write(all);
            }
            case HANGS -> release.await();
            case SENDS_ELSEWHERE -> {
                x.getResponseHeaders().set("Location", elsewhere);
                x.sendResponseHeaders(302, -1);
            }
            default -> range(x, all, m);
        }
    }

    private void range(HttpExchange x, byte[] all, Manner m)
            throws IOException, InterruptedException {
        Matcher r = RANGE.matcher(x.getRequestHeaders().getFirst("Range"));
        if (!r.matches()) {
            throw new IOException("no range");
        }
        int from = Integer.parseInt(r.group(1));
        int to = Math.min(all.length - 1, Integer.parseInt(r.group(2)));
        if (m == Manner.SMALLER_RANGE) {
            to = from + (to - from) / 2;
        } else if (m == Manner.ANOTHER_RANGE) {
            int by = from > 0 ? -1 : 1;
            from += by;
            to += by;
        }
        byte[] b = Arrays.copyOfRange(all, from, to + 1);
        if (m == Manner.WRONG) {
            for (int i = 0; i < b.length; i++) {
                b[i] ^= 1;
            }
        }
        x.getResponseHeaders()
                .set("Content-Range", "bytes %d-%d/%d".formatted(from, to, all.length));
        x.getResponseHeaders().set("ETag", m == Manner.CHANGED ? "\"two\"" : "\"one\"");
        if (m == Manner.ENCODED) {
            x.getResponseHeaders().set("Content-Encoding", "gzip");
        }
        boolean half =
                m == Manner.SHORT
                        || m == Manner.HANGS_IN_THE_MIDDLE
                        || m == Manner.DIES_IN_THE_MIDDLE;
        x.sendResponseHeaders(206, b.length + (m == Manner.TOO_LONG ? 3 : 0));
        OutputStream out = x.getResponseBody();
        out.write(b, 0, half ? b.length / 2 : b.length);
        if (m == Manner.TOO_LONG) {
            out.write(new byte[3]);
        }
        if (half) {
            out.flush();
        }
        if (m == Manner.HANGS_IN_THE_MIDDLE) {
            release.await();
        } else if (m == Manner.DIES_IN_THE_MIDDLE) {
            server.stop(0);
        }
    }

    /** As a process that is killed: every connection ends. */
    @Override
    public void close() {
        release.countDown();
        server.stop(0);
        threads.shutdownNow();
    }
}
