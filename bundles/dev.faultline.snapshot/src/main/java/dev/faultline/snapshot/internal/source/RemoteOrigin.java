// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.source;

import dev.faultline.api.snapshot.PageSource;
import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.api.snapshot.SnapshotException.Kind;
import dev.faultline.api.snapshot.SourceException;
import dev.faultline.api.snapshot.SourceStatistics;
import dev.faultline.snapshot.internal.format.Layout;
import dev.faultline.snapshot.internal.format.Manifest;
import dev.faultline.snapshot.internal.format.Origin;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A snapshot behind a page source. The source may fail in any way: it throws, it hangs, it gives
 * too little, it keeps the buffer that it was given. Calls go to other threads, have a deadline and
 * are repeated; buffers are handed over once and copied from.
 */
final class RemoteOrigin implements Origin {
    private static final long CLOSING_NANOS = TimeUnit.SECONDS.toNanos(1);
    private static final int LONGEST_WORDS = 200;
    private static final long MOST_ASKED_MILLIS = TimeUnit.DAYS.toMillis(1);

    /** Advice is asked for once, and not for long: nothing depends on it. */
    private static final long ADVICE_NANOS = TimeUnit.SECONDS.toNanos(2);

    /** Gets hold of the source when it is first needed, and again after it was dropped. */
    public interface Opener {
        PageSource open() throws IOException;

        /** Where a parent is, or null if that cannot be said. */
        @Nullable Origin parent(String path) throws SnapshotException;
    }

    private interface Ask<T> {
        T of(PageSource s) throws IOException;
    }

    private final String name;
    private final Opener opener;
    private final Supplier<SourcePolicy> policy;
    private final Runnable forget;
    private final SourceCalls calls;
    private final SourceCounters counters = new SourceCounters();
    private final CountDownLatch closed = new CountDownLatch(1);
    private @Nullable PageSource source; // guarded by this
    private int drops; // guarded by this

    /**
     * @param name in messages
     * @param forget called when this is closed
     */
    RemoteOrigin(String name, Opener opener, Supplier<SourcePolicy> policy, Runnable forget) {
        this.name = name;
        this.opener = opener;
        this.policy = policy;
        this.forget = forget;
        this.calls = new SourceCalls(name);
    }

    // ---- deadlines

    @Override
    public void begin() {
        Deadline.begin(policy.get().deadlineMillis());
    }

    @Override
    public void end() {
        Deadline.end();
    }

    private static long nanos(long millis) {
        return TimeUnit.MILLISECONDS.toNanos(millis);
    }

    /** Nanoseconds that are left to the calling thread. */
    private static long left(SourcePolicy p) {
        return Deadline.left(nanos(p.deadlineMillis()));
    }

    @Override
    public long patienceMillis() {
        return policy.get().deadlineMillis() + 1000;
    }

    @Override
    public long leftMillis() {
        return Deadline.leftMillis();
    }

    @Override
    public SnapshotException late() {
        return failed("others wait for the same page");
    }

    // ---- calls

    private PageSource source() throws IOException {
        int before;
        synchronized (this) {
            if (source != null) {
                return source;
            }
            before = drops;
        }
        PageSource opened = opener.open(); // others' code: no lock held
        if (opened == null) {
            throw new IOException("its factory gave no source");
        }
        synchronized (this) {
            if (source == null && before == drops && closed.getCount() > 0) {
                source = opened;
                return opened;
            }
        }
        opened.close();
        throw new IOException("the source was exchanged meanwhile");
    }

    /** Whoever made the source goes away: it is not called any more, but asked for again. */
    void drop() {
        PageSource s;
        synchronized (this) {
            s = source;
            source = null;
            drops++;
        }
        closeQuietly(s);
    }

    private <T> T ask(String what, int bytes, Ask<T> ask) throws SnapshotException {
        SourcePolicy p = policy.get();
        long end = System.nanoTime() + Math.min(left(p), nanos(p.deadlineMillis()));
        long pause = nanos(p.backoffMillis());
        boolean advice = what.equals(Layout.TRACE);
        long longest = advice ? ADVICE_NANOS : nanos(p.attemptMillis());
        for (int attempt = 0; ; attempt++) {
            long begin = System.nanoTime();
            Throwable failure;
            try {
                counters.requests.increment();
                long limit = Math.max(1, Math.min(end - begin, longest));
                T result = calls.call(() -> ask.of(source()), limit);
                counters.took(System.nanoTime() - begin, bytes);
                return result;
            } catch (TimeoutException e) {
                counters.timeouts.increment();
                failure = e;
            } catch (ExecutionException e) {
                counters.failures.increment();
                failure = SourceCalls.thrown(e);
                if (failure instanceof NoSuchFileException) {
                    throw new SnapshotException(
                            Kind.MISSING,
                            what.equals(Layout.MANIFEST)
                                    ? "there is no snapshot at %s: it has no manifest"
                                            .formatted(name)
                                    : "snapshot %s lacks its object %s".formatted(name, what),
                            failure);
                }
            } catch (CancellationException e) {
                throw new SnapshotException(Kind.IO, "snapshot " + name + " is closed", e);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw failed(what + ": interrupted", e);
            }
            long wait = Math.max(pause, asked(failure));
            if (advice
                    || attempt == p.retries()
                    || isPermanent(failure)
                    || end - System.nanoTime() <= wait
                    || !pause(wait)) {
                throw failed(
                        "%s: %s (tried %d times)".formatted(what, words(failure), attempt + 1),
                        failure);
            }
            counters.retries.increment();
            pause *= 2;
        }
    }

    private static boolean isPermanent(Throwable failure) {
        return failure instanceof SourceException s && s.isPermanent();
    }

    /** How long the source asks to be left alone, in nanoseconds. */
    private static long asked(Throwable failure) {
        Duration d = failure instanceof SourceException s ? s.retryAfter() : null;
        return d == null ? 0 : nanos(Math.min(d.toMillis(), MOST_ASKED_MILLIS));
    }

    /** False if this was closed meanwhile. */
    private boolean pause(long nanos) {
        try {
            return !closed.await(nanos, TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }

    private SnapshotException failed(String why) {
        return new SnapshotException(Kind.SOURCE, unreadable(why));
    }

    private SnapshotException failed(String why, Throwable cause) {
        return new SnapshotException(Kind.SOURCE, unreadable(why), cause);
    }

    private String unreadable(String why) {
        return "snapshot %s cannot be read now: %s; try again, or attach another source of it"
                .formatted(name, why);
    }

    /** What others' code says, as one line that is not too long. */
    private static String words(Throwable t) {
        String own = t.getMessage();
        String s =
                t instanceof IOException || t instanceof TimeoutException
                        ? own == null || own.isBlank() ? t.getClass().getSimpleName() : own
                        : "its source failed: " + t + from(t);
        s = s.replaceAll("\\p{Cntrl}+", " ");
        return s.length() > LONGEST_WORDS ? s.substring(0, LONGEST_WORDS) + "..." : s;
    }

    /** Whose code threw: the class and bundle at the top of the trace. */
    private static String from(Throwable t) {
        StackTraceElement[] at = t.getStackTrace();
        return at.length == 0 ? "" : " (in " + at[0].getClassName() + ")";
    }

    // ---- what an image asks for

    @Override
    public long length(String object) throws SnapshotException {
        long n = ask(object, 0, s -> s.length(object));
        if (n < 0) {
            throw failed("%s: its source says that it has %d bytes".formatted(object, n));
        }
        return n;
    }

    @Override
    public boolean has(String object) throws SnapshotException {
        try {
            length(object);
            return true;
        } catch (SnapshotException e) {
            if (e.kind() == Kind.MISSING) {
                return false;
            }
            throw e;
        }
    }

    @Override
    public void read(String object, long at, byte[] to, int off, int n) throws SnapshotException {
        byte[] got =
                ask(
                        object,
                        n,
                        s -> {
                            byte[] b =
                                    new byte[n]; // each attempt its own: a late one may still write
                            ByteBuffer buffer = ByteBuffer.wrap(b);
                            s.read(object, at, buffer);
                            if (buffer.hasRemaining()) {
                                throw new IOException(
                                        "its source gave %d bytes at 0x%x, expected %d"
                                                .formatted(n - buffer.remaining(), at, n));
                            }
                            return b;
                        });
        System.arraycopy(got, 0, to, off, n);
    }

    @Override
    public List<Origin> parents(Manifest.Parent wanted) throws SnapshotException {
        Origin p = opener.parent(wanted.path());
        return p == null ? List.of() : List.of(p);
    }

    @Override
    public @Nullable Path dir() {
        return null;
    }

    @Override
    public int worthwhileGap() {
        return policy.get().gapBytes();
    }

    @Override
    public SourceStatistics statistics() {
        return counters.of(name);
    }

    @Override
    public String toString() {
        return name;
    }

    @Override
    public void close() {
        PageSource s;
        synchronized (this) {
            if (closed.getCount() == 0) {
                return;
            }
            closed.countDown();
            s = source;
            source = null;
        }
        forget.run();
        calls.cancel();
        closeQuietly(s);
        calls.close();
    }

    private void closeQuietly(@Nullable PageSource s) {
        if (s == null) {
            return;
        }
        try {
            calls.last(
                    () -> {
                        s.close();
                        return null;
                    },
                    CLOSING_NANOS);
        } catch (ExecutionException | TimeoutException e) {
            System.getLogger(RemoteOrigin.class.getName())
                    .log(
                            System.Logger.Level.WARNING,
                            "the source of {0} did not close: {1}",
                            name,
                            words(e instanceof ExecutionException x ? SourceCalls.thrown(x) : e));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
