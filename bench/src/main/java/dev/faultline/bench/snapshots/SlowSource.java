// SPDX-License-Identifier: Apache-2.0
package dev.faultline.bench.snapshots;

import dev.faultline.api.snapshot.PageSource;
import dev.faultline.api.snapshot.PageSourceFactory;
import java.io.EOFException;
import java.io.IOException;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Collectors;

/** Snapshots in local directories, every request to which takes a millisecond longer. */
final class SlowSource implements PageSourceFactory {
    static final long LATENCY_NANOS = 1_000_000;
    private static final String SCHEME = "slow";

    private final Map<String, AtomicLong> bytes = new ConcurrentSkipListMap<>();

    /** Forgets what was read. */
    void reset() {
        bytes.clear();
    }

    /** What was read since then, by kind of file. */
    String read() {
        return bytes.entrySet().stream()
                .map(e -> e.getKey() + " " + (e.getValue().get() >> 10) + " KiB")
                .collect(Collectors.joining(", "));
    }

    static URI uri(Path dir) {
        return URI.create(SCHEME + "://" + dir.toUri().getRawPath());
    }

    @Override
    public Set<String> schemes() {
        return Set.of(SCHEME);
    }

    @Override
    public PageSource open(URI location) {
        return new Source(Path.of(location.getPath()), new ConcurrentHashMap<>());
    }

    private static void delay(long nanos) {
        long end = System.nanoTime() + nanos;
        for (long left = nanos; left > 0; left = end - System.nanoTime()) {
            LockSupport.parkNanos(left);
        }
    }

    private final class Source implements PageSource {
        private final Path dir;
        private final Map<String, FileChannel> open;

        Source(Path dir, Map<String, FileChannel> open) {
            this.dir = dir;
            this.open = open;
        }

        @Override
        public long length(String name) throws IOException {
            SlowSource.delay(LATENCY_NANOS);
            return Files.size(dir.resolve(name));
        }

        @Override
        public void read(String name, long at, ByteBuffer to) throws IOException {
            bytes.computeIfAbsent(name.replaceAll("-.*", ""), n -> new AtomicLong())
                    .addAndGet(to.remaining());
            SlowSource.delay(LATENCY_NANOS);
            FileChannel c = open.get(name);
            if (c == null) {
                FileChannel mine = FileChannel.open(dir.resolve(name), StandardOpenOption.READ);
                FileChannel theirs = open.putIfAbsent(name, mine);
                if (theirs != null) {
                    mine.close();
                }
                c = theirs == null ? mine : theirs;
            }
            for (long from = at; to.hasRemaining(); ) {
                int n = c.read(to, from);
                if (n < 0) {
                    throw new EOFException(name + " ends at " + from);
                }
                from += n;
            }
        }

        @Override
        public void close() throws IOException {
            for (FileChannel c : open.values()) {
                c.close();
            }
        }
    }
}
