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
import java.util.concurrent.locks.LockSupport;

/** Snapshots in local directories, every request to which takes a millisecond longer. */
final class SlowSource implements PageSourceFactory {
    static final long LATENCY_NANOS = 1_000_000;
    private static final String SCHEME = "slow";

    static URI uri(Path dir) {
        return URI.create(SCHEME + "://" + dir.toUri().getRawPath());
    }

    @Override
    public Set<String> schemes() {
        return Set.of(SCHEME);
    }

    @Override
    public PageSource open(URI location) {
        return new Source(Path.of(location.getPath()));
    }

    private static void delay(long nanos) {
        long end = System.nanoTime() + nanos;
        for (long left = nanos; left > 0; left = end - System.nanoTime()) {
            LockSupport.parkNanos(left);
        }
    }

    private record Source(Path dir, Map<String, FileChannel> open) implements PageSource {
        Source(Path dir) {
            this(dir, new ConcurrentHashMap<>());
        }

        @Override
        public long length(String name) throws IOException {
            SlowSource.delay(LATENCY_NANOS);
            return Files.size(dir.resolve(name));
        }

        @Override
        public void read(String name, long at, ByteBuffer to) throws IOException {
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
