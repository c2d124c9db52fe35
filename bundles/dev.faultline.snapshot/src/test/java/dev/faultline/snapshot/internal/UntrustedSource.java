// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal;

import dev.faultline.api.snapshot.PageSource;
import dev.faultline.api.snapshot.PageSourceFactory;
import java.io.IOException;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;

/** A stranger's page source for {@code test:} URIs, which misbehaves on demand. */
final class UntrustedSource implements PageSourceFactory {
    /** What a call does. */
    enum Manner {
        GOOD,
        THROWS,
        FAILS_TO_LINK,
        IO_ERROR,
        /** Does not return, whatever interrupts it, until {@link #release}. */
        HANGS,
        SHORT,
        GARBAGE,
        SAYS_NEGATIVE,
        SAYS_HUGE,
        GONE,
        /** Returns well, but goes on to write into the buffer that it kept. */
        KEEPS_THE_BUFFER,
    }

    record Read(String name, long at, int n) {}

    final List<Read> reads = new CopyOnWriteArrayList<>();
    final AtomicInteger opened = new AtomicInteger();
    final AtomicInteger closed = new AtomicInteger();
    final CountDownLatch release = new CountDownLatch(1);
    volatile Manner manner = Manner.GOOD;
    volatile String only = "";

    /** Where there is a {@code file:} directory for a {@code test:} place. */
    private final Path root;

    UntrustedSource(Path root) {
        this.root = root;
    }

    @Override
    public Set<String> schemes() {
        return Set.of("test");
    }

    /** {@code test://any/NAME} is directory NAME. */
    @Override
    public PageSource open(URI location) {
        opened.incrementAndGet();
        return source(root.resolve(location.getPath().substring(1)));
    }

    PageSource source(Path dir) {
        return new PageSource() {
            @Override
            public long length(String name) throws IOException {
                misbehave(name);
                if (matches(name, Manner.SAYS_NEGATIVE)) {
                    return -1;
                }
                if (matches(name, Manner.SAYS_HUGE)) {
                    return Long.MAX_VALUE;
                }
                return Files.size(dir.resolve(name));
            }

            @Override
            public void read(String name, long at, ByteBuffer to) throws IOException {
                reads.add(new Read(name, at, to.remaining()));
                misbehave(name);
                byte[] all = Files.readAllBytes(dir.resolve(name));
                int n = to.remaining() - (matches(name, Manner.SHORT) ? 1 : 0);
                ByteBuffer kept = to.duplicate();
                for (int i = 0; i < n; i++) {
                    byte b = all[(int) at + i];
                    to.put(matches(name, Manner.GARBAGE) ? (byte) ~b : b);
                }
                if (matches(name, Manner.KEEPS_THE_BUFFER)) {
                    Thread.ofVirtual()
                            .start(() -> {
                                while (release.getCount() > 0) {
                                    kept.put(kept.position(), (byte) 0x5A);
                                    // clock: not all of a processor
                                    LockSupport.parkNanos(10_000); // others have work too
                                }
                            });
                }
            }

            @Override
            public void close() {
                closed.incrementAndGet();
            }
        };
    }

    private boolean matches(String name, Manner m) {
        return manner == m && name.startsWith(only);
    }

    private void misbehave(String name) throws IOException {
        if (!name.startsWith(only)) {
            return;
        }
        switch (manner) {
            case THROWS -> throw new IllegalStateException("a bug\nof a stranger");
            case FAILS_TO_LINK -> throw new NoClassDefFoundError("gone/With/Its/Bundle");
            case IO_ERROR -> throw new IOException("connection reset");
            case GONE -> throw new NoSuchFileException(name);
            case HANGS -> {
                for (; ; ) {
                    try {
                        release.await();
                        return;
                    } catch (InterruptedException e) {
                        // that is what makes it hang
                    }
                }
            }
            default -> {}
        }
    }
}
