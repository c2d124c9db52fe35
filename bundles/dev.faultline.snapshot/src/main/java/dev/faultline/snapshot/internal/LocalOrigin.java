// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal;

import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.api.snapshot.SnapshotException.Kind;
import dev.faultline.api.snapshot.SourceStatistics;
import dev.faultline.api.vm.PlainText;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.Set;

/** A directory of this host, read on the caller's thread: the file system is trusted to answer. */
final class LocalOrigin implements Origin {
    private static final int GAP = 16 << 10;
    private static final long PATIENCE_MILLIS = 10_000;

    private final Path dir;
    private final DirectorySource source;
    private final SourceCounters counters = new SourceCounters();
    private DirectoryLock lock; // guarded by this
    private boolean closed; // guarded by this

    LocalOrigin(Path dir) {
        this.dir = dir;
        this.source = new DirectorySource(dir);
    }

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
            source.read(name, at, ByteBuffer.wrap(to, off, n));
        } catch (IOException e) {
            throw failed(name, at, e);
        }
        counters.took(System.nanoTime() - begin, n);
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
            homes.add(TargetDirectory.real(dir).getParent());
            homes.add(dir.toAbsolutePath().normalize().getParent());
            homes.remove(null); // of the root directory
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
        return places.stream().<Origin>map(LocalOrigin::new).toList();
    }

    @Override
    public SnapshotException late() {
        return new SnapshotException(Kind.IO, "reading of snapshot " + dir + " was interrupted");
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
        try (held) {
            source.close();
        } catch (IOException e) {
            throw new SnapshotException(Kind.IO, dir + ": " + e.getMessage(), e);
        }
    }
}
