// SPDX-License-Identifier: Apache-2.0
package dev.faultline.source.http.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.faultline.api.snapshot.PageSource;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.file.NoSuchFileException;
import java.time.Duration;
import java.util.Arrays;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class HttpSourceTest {
    private static final byte[] PACK = new byte[100_000];

    static {
        new Random(5).nextBytes(PACK);
    }

    private final Map<String, byte[]> objects = new ConcurrentHashMap<>();
    private final AtomicInteger requests = new AtomicInteger();
    private final HttpSources sources = // a busy host is no failure
            new HttpSources(HttpPolicy.of(300_000, 300_000, new String[0]));
    private HttpServer server;
    private volatile String etag = "\"a\"";
    private volatile String query;

    @BeforeEach
    void start() throws IOException {
        objects.put("/s/pack-0", PACK);
        objects.put("/s/empty", new byte[0]);
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/", this::handle);
        server.start();
    }

    @AfterEach
    void stop() {
        sources.close();
        server.stop(0);
    }

    private void handle(HttpExchange x) throws IOException {
        try (x) {
            requests.incrementAndGet();
            query = x.getRequestURI().getQuery();
            String path = x.getRequestURI().getPath();
            if (path.startsWith("/moved")) {
                x.getResponseHeaders().set("Location", path.substring("/moved".length()));
                x.sendResponseHeaders(302, -1);
                return;
            }
            if (path.startsWith("/abroad")) {
                x.getResponseHeaders()
                        .set("Location", "http://localhost:" + port() + path.substring(7));
                x.sendResponseHeaders(307, -1);
                return;
            }
            byte[] all = objects.get(path);
            if (all == null) {
                x.sendResponseHeaders(404, -1);
                return;
            }
            answer(x, all);
        }
    }

    private void answer(HttpExchange x, byte[] all) throws IOException {
        String ifRange = x.getRequestHeaders().getFirst("If-Range");
        if (etag != null) {
            x.getResponseHeaders().set("ETag", etag);
        }
        if (ifRange != null && !ifRange.equals(etag)) {
            x.sendResponseHeaders(200, all.length);
            x.getResponseBody().write(all);
            return;
        }
        String[] r = x.getRequestHeaders().getFirst("Range").substring(6).split("-");
        int from = Integer.parseInt(r[0]);
        int to = Math.min(all.length - 1, Integer.parseInt(r[1]));
        if (from >= all.length) {
            x.getResponseHeaders().set("Content-Range", "bytes */" + all.length);
            x.sendResponseHeaders(416, -1);
            return;
        }
        x.getResponseHeaders().set("Content-Range", "bytes " + from + "-" + to + "/" + all.length);
        x.sendResponseHeaders(206, to - from + 1);
        x.getResponseBody().write(all, from, to - from + 1);
    }

    private int port() {
        return server.getAddress().getPort();
    }

    private URI uri(String path) {
        return URI.create("http://127.0.0.1:" + port() + path);
    }

    private static byte[] read(PageSource s, long at, int n) throws IOException {
        ByteBuffer b = ByteBuffer.allocate(n);
        s.read("pack-0", at, b);
        assertThat(b.hasRemaining()).isFalse();
        return b.array();
    }

    @Test
    void rangesAreRead() throws Exception {
        try (PageSource s = sources.open(uri("/s/"))) {
            assertThat(s.length("pack-0")).isEqualTo(PACK.length);
            assertThat(read(s, 0, 16)).isEqualTo(Arrays.copyOf(PACK, 16));
            assertThat(requests).hasValue(1); // the head came with the length
            assertThat(read(s, 50_000, 7)).isEqualTo(Arrays.copyOfRange(PACK, 50_000, 50_007));
            assertThat(read(s, 99_999, 1)).isEqualTo(Arrays.copyOfRange(PACK, 99_999, 100_000));
            assertThatThrownBy(() -> read(s, 99_999, 2)).isInstanceOf(IOException.class);
            assertThat(s.length("empty")).isZero();
            assertThatThrownBy(() -> s.length("index-0")).isInstanceOf(NoSuchFileException.class);
        }
    }

    @Test
    void theQueryGoesToEveryObject() throws Exception {
        try (PageSource s = sources.open(uri("/s?key=7"))) {
            s.length("pack-0");
            assertThat(query).isEqualTo("key=7");
        }
    }

    @Test
    void anObjectThatChangesIsNoticed() throws Exception {
        try (PageSource s = sources.open(uri("/s"))) {
            s.length("pack-0");
            read(s, 50_000, 7);
            etag = "\"b\"";
            assertThatThrownBy(() -> read(s, 50_000, 7)).hasMessageContaining("has changed");
            s.length("pack-0"); // asked anew: as it is now
            assertThat(read(s, 50_000, 7)).isEqualTo(Arrays.copyOfRange(PACK, 50_000, 50_007));
            objects.put("/s/pack-0", Arrays.copyOf(PACK, 60_000));
            assertThatThrownBy(() -> read(s, 50_000, 7)).hasMessageContaining("changed its length");
        }
    }

    @Test
    void weAreSentOnToTheSameHostOnlyUnlessAnotherIsAllowed() throws Exception {
        try (PageSource s = sources.open(uri("/moved/s"))) {
            s.length("pack-0");
            assertThat(read(s, 50_000, 7)).isEqualTo(Arrays.copyOfRange(PACK, 50_000, 50_007));
        }
        try (PageSource s = sources.open(uri("/abroad/s"))) {
            assertThatThrownBy(() -> s.length("pack-0"))
                    .hasMessageContaining("sends us to localhost")
                    .hasMessageContaining("redirect.hosts");
        }
        HttpSources allowing =
                new HttpSources(HttpPolicy.of(300_000, 300_000, new String[] {" LocalHost ", ""}));
        try (PageSource s = allowing.open(uri("/abroad/s"))) {
            assertThat(s.length("pack-0")).isEqualTo(PACK.length);
        } finally {
            allowing.close();
        }
    }

    @Test
    void whereAServerMaySendUs() {
        HttpPolicy p =
                new HttpPolicy(Duration.ofSeconds(1), Duration.ofSeconds(1), Set.of("cdn.example"));
        URI from = URI.create("http://a.example/x");
        assertThat(p.mayGo(from, URI.create("http://A.example/y"))).isTrue();
        assertThat(p.mayGo(from, URI.create("https://a.example/y"))).isTrue();
        assertThat(p.mayGo(from, URI.create("http://a.example:81/y"))).isFalse();
        assertThat(p.mayGo(from, URI.create("http://cdn.example/y"))).isTrue();
        assertThat(p.mayGo(from, URI.create("http://u:p@cdn.example/y"))).isFalse();
        assertThat(p.mayGo(from, URI.create("file:///etc/passwd"))).isFalse();
        assertThat(p.mayGo(from, URI.create("ftp://a.example/y"))).isFalse();
        URI safe = URI.create("https://a.example/x");
        assertThat(p.mayGo(safe, URI.create("http://a.example/y"))).isFalse();
        assertThat(p.mayGo(safe, URI.create("https://a.example:443/y"))).isTrue();
    }

    @Test
    void badSettingsAreNamed() {
        assertThatThrownBy(() -> HttpPolicy.of(0, 1, new String[0]))
                .hasMessage("connect.timeout=0: expected 1 to 300000 milliseconds");
    }

    @Test
    void afterTheEndNothingIsOpened() throws Exception {
        PageSource s = sources.open(uri("/s"));
        s.length("pack-0");
        sources.close();
        assertThatThrownBy(() -> sources.open(uri("/s"))).hasMessageContaining("is stopped");
        assertThatThrownBy(() -> read(s, 50_000, 7)).isInstanceOf(IOException.class);
        s.close();
        assertThatThrownBy(() -> s.length("pack-0")).hasMessageContaining("closed");
    }
}
