// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.source;

import dev.faultline.api.snapshot.PageSource;
import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.api.snapshot.SnapshotException.Kind;
import dev.faultline.api.snapshot.SourceStatistics;
import dev.faultline.api.vm.PlainText;
import dev.faultline.snapshot.internal.disk.DirectoryLock;
import dev.faultline.snapshot.internal.disk.RealPath;
import dev.faultline.snapshot.internal.format.Layout;
import dev.faultline.snapshot.internal.format.Manifest;
import dev.faultline.snapshot.internal.format.Origin;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A directory of this host. Its disk may be slow, or its file system that of another host: what a
 * guest waits for is read on other threads, with a deadline, and again after an error. Other reads
 * are made on the caller's thread and take as long as they take.
 */
public final class LocalOrigin implements Origin {
    private static final int GAP = 16 << 10;
    private static final long PATIENCE_MILLIS = 10_000;
    private static final long CLOSING_NANOS = TimeUnit.SECONDS.toNanos(1);

    private final Path dir;
    private final Function<Path, PageSource> opener;
    private final PageSource source;
    private final Supplier<SourcePolicy> policy;
    private final SourceCalls calls;
    private final SourceCounters counters = new SourceCounters();
    private final CountDownLatch end = new CountDownLatch(1);
    private @Nullable DirectoryLock lock; // guarded by this
    private boolean closed; // guarded by this

    /** The manifest of the snapshot in a directory. */
    public static Manifest manifest(Path dir) throws SnapshotException {
        try (Origin s = new LocalOrigin(dir)) {
            return Manifest.read(s);
        }
    }

    public LocalOrigin(Path dir) {
        this(dir, DirectorySource::new, () -> SourcePolicy.DEFAULT);
    }

    /**
     * @param opener makes what reads the directory's files, and those of parents'
     */
    public LocalOrigin(Path dir, Function<Path, PageSource> opener, Supplier<SourcePolicy> policy) {
        this.dir = dir;
        this.opener = opener;
        this.source = opener.apply(dir);
        this.policy = policy;
        this.calls = new SourceCalls(toString(), false);
    }

    // ---- deadlines

    @Override
    public void begin() {
        Deadline.begin(policy.get().localDeadlineMillis());
    }

    @Override
    public void end() {
        Deadline.end();
    }

    @Override
    public long patienceMillis() {
        return policy.get().localDeadlineMillis() + 1000;
    }

    @Override
    public long leftMillis() {
        return Deadline.leftMillis();
    }

    @Override
    public SnapshotException late() {
        return tooSlow("another thread still reads the same page");
    }

    private SnapshotException tooSlow(String what) {
        return new SnapshotException(Kind.SOURCE, unreadable(what));
    }

    private SnapshotException tooSlow(String what, Throwable cause) {
        return new SnapshotException(Kind.SOURCE, unreadable(what), cause);
    }

    private String unreadable(String what) {
        return "snapshot %s cannot be read now: %s; start the machine again when its disk answers, or attach another copy"
                .formatted(this, what);
    }

    // ---- files

    /** Says what is wrong with a place that has no manifest. */
    private SnapshotException missing(String name, NoSuchFileException e) {
        if (!Files.exists(dir)) {
            return new SnapshotException(Kind.MISSING, "snapshot " + dir + " does not exist", e);
        }
        if (name.equals(Layout.MANIFEST)) {
            return new SnapshotException(
                    Kind.NOT_A_SNAPSHOT, dir + " is not a snapshot: it has no file " + name, e);
        }
        return new SnapshotException(
                Kind.MISSING, "snapshot " + dir + " lacks its file " + dir.resolve(name), e);
    }

    private SnapshotException failed(String name, long at, IOException e) {
        if (!Files.isDirectory(dir) && Files.exists(dir)) {
            return new SnapshotException(
                    Kind.NOT_A_SNAPSHOT, dir + " is a file; a snapshot is a directory", e);
        }
        counters.failures.increment();
        return switch (e) {
            case NoSuchFileException x -> missing(name, x);
            case EOFException x ->
                    new SnapshotException(
                            Kind.TRUNCATED, dir.resolve(name) + " " + x.getMessage(), x);
            case ClosedChannelException x ->
                    new SnapshotException(Kind.IO, "snapshot " + dir + " is closed", x);
            default ->
                    new SnapshotException(
                            Kind.IO,
                            "%s at 0x%x: %s".formatted(dir.resolve(name), at, e.getMessage()),
                            e);
        };
    }

    @Override
    public long length(String name) throws SnapshotException {
        try {
            return source.length(name);
        } catch (IOException e) {
            throw failed(name, 0, e);
        }
    }

    @Override
    public boolean has(String name) {
        return Files.isRegularFile(dir.resolve(name));
    }

    @Override
    public void read(String name, long at, byte[] to, int off, int n) throws SnapshotException {
        long begin = System.nanoTime();
        counters.requests.increment();
        try {
            if (Deadline.isSet()) {
                readInTime(name, at, to, off, n);
            } else {
                source.read(name, at, ByteBuffer.wrap(to, off, n));
            }
        } catch (IOException e) {
            throw failed(name, at, e);
        }
        counters.took(System.nanoTime() - begin, n);
    }

    /** For a guest that stands. */
    private void readInTime(String name, long at, byte[] to, int off, int n)
            throws IOException, SnapshotException {
        SourcePolicy p = policy.get();
        long pause = TimeUnit.MILLISECONDS.toNanos(p.backoffMillis());
        for (int attempt = 0; ; attempt++) {
            IOException failure;
            byte[] b = new byte[n]; // each attempt its own: a late one may still write
            try {
                long left = Math.max(1, Deadline.left(Long.MAX_VALUE));
                byte[] got =
                        calls.call(
                                () -> {
                                    source.read(name, at, ByteBuffer.wrap(b));
                                    return b;
                                },
                                left);
                System.arraycopy(got, 0, to, off, n);
                return;
            } catch (TimeoutException e) {
                counters.timeouts.increment();
                throw tooSlow(
                        "%s at 0x%x: %s, %,d ms"
                                .formatted(
                                        PlainText.line(dir.resolve(name).toString()),
                                        at,
                                        e.getMessage(),
                                        p.localDeadlineMillis()),
                        e);
            } catch (CancellationException e) {
                throw new SnapshotException(Kind.IO, "snapshot " + this + " is closed", e);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw tooSlow(name + ": interrupted", e);
            } catch (ExecutionException e) {
                Throwable t = SourceCalls.thrown(e);
                failure = t instanceof IOException io ? io : new IOException(t.toString(), t);
            }
            boolean passing =
                    !(failure instanceof NoSuchFileException
                            || failure instanceof EOFException
                            || failure instanceof ClosedChannelException);
            if (!passing
                    || attempt >= p.retries()
                    || Deadline.left(Long.MAX_VALUE) <= pause
                    || !pause(pause)) {
                throw failure;
            }
            counters.retries.increment();
            pause *= 2;
        }
    }

    /** False if this was closed meanwhile, or the thread is to end. */
    private boolean pause(long nanos) {
        try {
            return !end.await(nanos, TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }

    @Override
    public void hold() throws SnapshotException {
        DirectoryLock taken =
                DirectoryLock.take(
                        dir,
                        DirectoryLock.Use.READ,
                        "read",
                        PATIENCE_MILLIS,
                        DirectoryLock.Without.GO_ON);
        synchronized (this) {
            if (!closed && lock == null) {
                lock = taken;
                return;
            }
        }
        taken.close();
    }

    /** A compaction may delete the file before it is wanted. */
    @Override
    public void keep(String name) {
        try {
            source.length(name);
        } catch (IOException e) {
            // Who wants it will be told.
        }
    }

    @Override
    public void letGo() {
        DirectoryLock held;
        synchronized (this) {
            held = lock;
            lock = null;
        }
        if (held != null) {
            held.close();
        }
    }

    /**
     * Where it was when the snapshot was saved, then every directory beside: beside what a symbolic
     * link leads to, then beside the link.
     */
    @Override
    public Iterable<Origin> parents(Manifest.Parent wanted) throws SnapshotException {
        Set<Path> places = new LinkedHashSet<>();
        Set<Path> homes = new LinkedHashSet<>();
        try {
            for (Path p : List.of(RealPath.of(dir), dir.toAbsolutePath().normalize())) {
                Path home = p.getParent();
                if (home != null) { // it is not the root directory
                    homes.add(home);
                }
            }
            for (Path home : homes) {
                try {
                    places.add(home.resolve(wanted.path()).normalize());
                } catch (InvalidPathException e) {
                    // A place elsewhere, or of a host with other names: it may lie beside.
                }
                try (var beside = Files.newDirectoryStream(home)) {
                    for (Path p : beside) {
                        if (Files.exists(p.resolve(Layout.MANIFEST))) {
                            places.add(p);
                        }
                    }
                }
            }
        } catch (IOException e) {
            throw new SnapshotException(Kind.IO, "beside " + dir + ": " + e.getMessage(), e);
        }
        return places.stream().<Origin>map(p -> new LocalOrigin(p, opener, policy)).toList();
    }

    @Override
    public Path dir() {
        return dir;
    }

    @Override
    public int worthwhileGap() {
        return GAP;
    }

    @Override
    public SourceStatistics statistics() {
        return counters.of(toString());
    }

    @Override
    public String toString() {
        return PlainText.line(dir.toString()); // a parent's is what a manifest says
    }

    @Override
    public void close() throws SnapshotException {
        DirectoryLock held;
        synchronized (this) {
            closed = true;
            held = lock;
            lock = null;
        }
        end.countDown();
        try (held;
                calls) {
            calls.cancel();
            if (counters.timeouts.sum() == 0) {
                source.close();
            } else {
                closeInTime();
            }
        } catch (IOException e) {
            throw new SnapshotException(Kind.IO, dir + ": " + e.getMessage(), e);
        }
    }

    /** A file that is still being read cannot be closed until that ends. */
    private void closeInTime() {
        try {
            calls.last(
                    () -> {
                        source.close();
                        return null;
                    },
                    CLOSING_NANOS);
        } catch (ExecutionException | TimeoutException e) {
            System.getLogger(LocalOrigin.class.getName())
                    .log(
                            System.Logger.Level.WARNING,
                            "files of snapshot {0} are still being read; they are closed when that ends",
                            this);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
