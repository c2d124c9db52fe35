// SPDX-License-Identifier: Apache-2.0
package dev.faultline.source.http.internal;

import dev.faultline.api.snapshot.PageSource;
import dev.faultline.api.snapshot.SourceException;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.ByteBuffer;
import java.nio.file.NoSuchFileException;
import java.time.Duration;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A snapshot behind a web server: an object is what its name appended to the path gives. Only range
 * requests (RFC 9110, section 14) are made, and only to the server that was named. An object that
 * changes meanwhile is noticed by its validators. Thread-safe.
 */
final class HttpSource implements PageSource {
    private static final Pattern CONTENT_RANGE =
            Pattern.compile("bytes (\\d{1,18})-(\\d{1,18})/(\\d{1,18})");
    private static final Pattern UNSATISFIED = Pattern.compile("bytes \\*/0+");
    private static final int MOST_REDIRECTS = 5;

    /**
     * Bytes asked for together with an object's length, as what is asked for next: all of a usual
     * manifest, the head of anything else.
     */
    private static final int MANIFEST_HEAD = 64 << 10;

    private static final int HEAD = 4 << 10;

    /**
     * What is known of an object.
     *
     * @param etag strong, or null
     * @param modified as the server wrote it, or null
     * @param head its first bytes
     */
    private record Known(
            long length, @Nullable String etag, @Nullable String modified, byte[] head) {}

    private final HttpClient client;
    private final HttpPolicy policy;
    private final URI location;
    private final Map<String, Known> known = new ConcurrentHashMap<>();
    private volatile boolean closed;

    HttpSource(HttpClient client, HttpPolicy policy, URI location) {
        this.client = client;
        this.policy = policy;
        this.location = location;
    }

    private URI uri(String name) {
        String query = location.getRawQuery();
        return URI.create(
                location.getScheme()
                        + "://"
                        + location.getRawAuthority()
                        + location.getRawPath().replaceAll("/+$", "")
                        + "/"
                        + name
                        + (query == null ? "" : "?" + query));
    }

    @Override
    public long length(String name) throws IOException {
        int n = name.equals("manifest") ? MANIFEST_HEAD : HEAD;
        try (Answer a = ask(name, 0, n, null)) {
            Known k;
            if (a.status() == 416 && UNSATISFIED.matcher(a.header("Content-Range")).matches()) {
                k = new Known(0, a.etag(), a.modified(), new byte[0]);
            } else {
                Matcher range = a.range();
                long length = Long.parseLong(range.group(3));
                int head = (int) Math.min(n, length);
                a.check(range, 0, head);
                byte[] b = new byte[head];
                a.body(ByteBuffer.wrap(b));
                k = new Known(length, a.etag(), a.modified(), b);
            }
            known.put(name, k);
            return k.length;
        }
    }

    @Override
    public void read(String name, long at, ByteBuffer to) throws IOException {
        Known k = known.get(name);
        if (k == null) {
            length(name);
            k = known.get(name);
            if (k == null) {
                throw new IOException("the source is closed");
            }
        }
        int n = to.remaining();
        if (at < 0 || at > k.length - n) {
            throw new IOException("%d bytes at 0x%x of an object of %d".formatted(n, at, k.length));
        }
        if (at + n <= k.head.length) {
            to.put(k.head, (int) at, n);
            return;
        }
        try (Answer a = ask(name, at, n, k.etag)) {
            if (k.etag != null && a.etag() != null && !k.etag.equals(a.etag())
                    || k.modified != null
                            && a.modified() != null
                            && !k.modified.equals(a.modified())) {
                throw SourceException.permanent("it has changed on the server since it was opened");
            }
            Matcher range = a.range();
            a.check(range, at, n);
            if (Long.parseLong(range.group(3)) != k.length) {
                throw SourceException.permanent("it has changed its length on the server");
            }
            a.body(to);
        }
    }

    private Answer ask(String name, long at, int n, @Nullable String ifRange) throws IOException {
        URI u = uri(name);
        for (int hops = 0; ; hops++) {
            if (closed) {
                throw new IOException("the source is closed");
            }
            HttpRequest.Builder b =
                    HttpRequest.newBuilder(u)
                            .timeout(policy.answer())
                            .header("Accept-Encoding", "identity")
                            .header("Range", "bytes=%d-%d".formatted(at, at + n - 1));
            if (ifRange != null) {
                b.header("If-Range", ifRange);
            }
            Answer a = new Answer(name, send(b.build()));
            String to = a.redirect();
            if (to == null) {
                return a;
            }
            a.close();
            u = next(u, to, hops);
        }
    }

    private URI next(URI from, String to, int hops) throws IOException {
        URI u;
        try {
            u = from.resolve(URI.create(to));
        } catch (IllegalArgumentException e) {
            throw SourceException.permanent("the server sends us to what is no URI");
        }
        if (!policy.mayGo(from, u)) {
            throw SourceException.permanent(
                    "the server sends us to %s, which may be allowed by redirect.hosts in configuration %s"
                            .formatted(
                                    u.getHost() == null ? "another scheme" : u.getHost(),
                                    HttpSources.PID));
        }
        if (hops == MOST_REDIRECTS) {
            throw SourceException.permanent(
                    "the server sent us on more than " + MOST_REDIRECTS + " times");
        }
        return u;
    }

    private HttpResponse<InputStream> send(HttpRequest r) throws IOException {
        try {
            return client.send(r, BodyHandlers.ofInputStream());
        } catch (ConnectException e) { // has no message of its own
            throw new IOException("no connection to " + r.uri().getRawAuthority(), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("interrupted");
        }
    }

    @Override
    public void close() {
        closed = true;
        known.clear();
    }

    /** An answer whose body is still to be read. */
    private record Answer(String name, HttpResponse<InputStream> response)
            implements AutoCloseable {
        int status() {
            return response.statusCode();
        }

        String header(String key) {
            return response.headers().firstValue(key).orElse("");
        }

        /** Strong, or null: a weak one does not promise the same bytes. */
        @Nullable String etag() {
            String s = header("ETag");
            return s.isEmpty() || s.startsWith("W/") ? null : s;
        }

        /** Null if it does not say. */
        @Nullable String modified() {
            String s = header("Last-Modified");
            return s.isEmpty() ? null : s;
        }

        private String retryAfter() {
            return header("Retry-After");
        }

        private String answered() {
            Duration wait = RetryAfter.of(retryAfter());
            return "the server answered %d%s%s"
                    .formatted(
                            status(),
                            switch (status()) {
                                case 401, 407 -> " (it wants to know who asks)";
                                case 403 -> " (it does not give this object to us)";
                                case 429 -> " (it is asked too often)";
                                case 503 -> " (it cannot answer now)";
                                default -> "";
                            },
                            wait == null ? "" : ", and asks to wait " + wait.toSeconds() + " s");
        }

        /** Where it sends us, or null. */
        @Nullable String redirect() throws IOException {
            return switch (status()) {
                case 301, 302, 303, 307, 308 -> {
                    String to = header("Location");
                    if (to.isEmpty()) {
                        close();
                        throw SourceException.permanent(
                                "the server answered " + status() + " without a Location");
                    }
                    yield to;
                }
                default -> null;
            };
        }

        /** Of an answer that has a range: its first and last byte and the object's length. */
        Matcher range() throws IOException {
            switch (status()) {
                case 206 -> {}
                case 404, 410 -> throw new NoSuchFileException(name);
                case 200 ->
                        throw SourceException.permanent(
                                response.request().headers().firstValue("If-Range").isPresent()
                                        ? "it has changed on the server since it was opened, or the server ignores Range"
                                        : "the server ignores Range: pages cannot be read from there");
                case 416 ->
                        throw SourceException.permanent(
                                "the server has no such range: has it changed?");
                case 408, 425, 429, 500, 502, 503, 504 ->
                        throw SourceException.passing(answered(), RetryAfter.of(retryAfter()));
                default ->
                        throw status() >= 400 && status() < 500
                                        || status() == 501
                                        || status() == 505
                                ? SourceException.permanent(answered())
                                : SourceException.passing(answered(), RetryAfter.of(retryAfter()));
            }
            String encoding = header("Content-Encoding");
            if (!encoding.isEmpty() && !encoding.toLowerCase(Locale.ROOT).equals("identity")) {
                throw new IOException("the server answered encoded, though it was asked not to");
            }
            Matcher m = CONTENT_RANGE.matcher(header("Content-Range"));
            if (!m.matches()) {
                throw new IOException("the server answered 206 without a usable Content-Range");
            }
            return m;
        }

        void check(Matcher range, long at, int n) throws IOException {
            if (Long.parseLong(range.group(1)) != at
                    || Long.parseLong(range.group(2)) != at + n - 1) {
                throw new IOException(
                        "the server gave bytes %s-%s, asked for %d-%d"
                                .formatted(range.group(1), range.group(2), at, at + n - 1));
            }
        }

        /** Reads what fills {@code to}, and that no more comes. */
        void body(ByteBuffer to) throws IOException {
            int n = to.remaining();
            byte[] b = new byte[Math.min(n, 64 << 10)];
            InputStream in = response.body();
            while (to.hasRemaining()) {
                int k = in.read(b, 0, Math.min(b.length, to.remaining()));
                if (k < 0) {
                    throw new IOException(
                            "the server's answer ends after %d bytes of %d"
                                    .formatted(n - to.remaining(), n));
                }
                to.put(b, 0, k);
            }
            if (in.read() >= 0) {
                throw new IOException("the server's answer is longer than %d bytes".formatted(n));
            }
        }

        /** Reuses the connection if all was read, else ends it. */
        @Override
        public void close() throws IOException {
            response.body().close();
        }
    }
}
