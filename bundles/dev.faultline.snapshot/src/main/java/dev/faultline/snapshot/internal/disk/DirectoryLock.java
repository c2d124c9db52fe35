// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.disk;

import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.api.snapshot.SnapshotException.Kind;
import dev.faultline.api.vm.PlainText;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Who may do what with a snapshot's directory, among the processes of this host (and of others,
 * where the file system locks for them) and the threads of this one. The kernel holds the locks, on
 * bytes of the file {@code lock} in the directory, and drops them with a process that dies.
 *
 * <p>Locks of a process are dropped by the kernel as soon as <em>any</em> descriptor of the file is
 * closed, and do not exclude the process's own threads. So there is one {@link Held} per file with
 * all descriptors of it; it counts the threads, and closes when nobody has a lock any more.
 */
public final class DirectoryLock implements AutoCloseable {
    /** What somebody wants to do. */
    public enum Use {
        /** Read pages, for as long as they are wanted: nobody may delete them. */
        READ,
        /** Merge a recording into the trace. */
        TRACE,
        /** Write the snapshot's files: save it, compact it. Readers may go on. */
        WRITE,
        /** Take all away. */
        DELETE
    }

    /** Where a lock can be had by nobody, who may go on without? */
    public enum Without {
        /** Who asks: it changes nothing, or has excluded others in another way. */
        GO_ON,
        REFUSE
    }

    public static final String FILE = "lock";

    private static final System.Logger LOG = System.getLogger(DirectoryLock.class.getName());

    /** Behind all that the file may say, because hosts exist that let nobody read locked bytes. */
    private static final long WRITERS = 1L << 40;

    private static final long READERS = WRITERS + 1;
    private static final long TRACERS = WRITERS + 2;

    /** What {@link #saysWhy} writes. */
    private static final Pattern NOTE = Pattern.compile(".+ by process [0-9]+ since \\S+");

    private static final int LONGEST_WORDS = 200;
    private static final long POLL_MILLIS = 20;

    /** By the file's identity. Guarded by itself, as is {@link Held#references}. */
    private static final Map<Object, Held> ALL = new HashMap<>();

    private static final DirectoryLock NONE = new DirectoryLock(null, Use.READ);

    private final @Nullable Held held; // null: goes on without
    private final Use use;
    private boolean closed; // guarded by this

    private DirectoryLock(@Nullable Held held, Use use) {
        this.held = held;
        this.use = use;
    }

    /** The lock file of one directory, and what this process holds of it. */
    private static final class Held {
        final Object key;
        int references;

        // Guarded by this object from here on.
        @Nullable FileChannel readable;
        @Nullable FileChannel writable;
        @Nullable FileLock writing;
        @Nullable FileLock tracing;
        @Nullable FileLock reading;
        @Nullable FileLock deleting;
        int readers;
        boolean said;
        boolean strange;

        Held(Object key) {
            this.key = key;
        }

        /** Opens what the use needs. Never a second descriptor for the same. */
        private FileChannel open(Path file, Use use) throws IOException {
            if (use != Use.READ) {
                if (writable == null) {
                    writable =
                            FileChannel.open(
                                    file, StandardOpenOption.READ, StandardOpenOption.WRITE);
                }
                return writable;
            }
            if (readable == null && writable != null) {
                return writable;
            }
            if (readable == null) {
                readable = FileChannel.open(file, StandardOpenOption.READ);
            }
            return readable;
        }

        /** Null: others have it. */
        private static @Nullable FileLock lock(FileChannel c, long at, boolean shared)
                throws IOException {
            try {
                return c.tryLock(at, 1, shared);
            } catch (OverlappingFileLockException e) {
                return null; // another class loader of this process has it
            }
        }

        /**
         * @return false if others have what excludes it
         */
        synchronized boolean take(Path file, Use use) throws IOException {
            FileChannel c = open(file, use);
            return switch (use) {
                case READ -> takeRead(c);
                case TRACE -> takeTrace(c);
                case WRITE -> takeWrite(c);
                case DELETE -> takeDelete(c);
            };
        }

        private boolean takeRead(FileChannel c) throws IOException {
            if (deleting != null) {
                return false;
            }
            if (readers == 0) {
                reading = lock(c, READERS, true);
                if (reading == null) {
                    return false;
                }
            }
            readers++;
            return true;
        }

        private boolean takeTrace(FileChannel c) throws IOException {
            if (tracing != null) {
                return false;
            }
            tracing = lock(c, TRACERS, false);
            return tracing != null;
        }

        private boolean takeWrite(FileChannel c) throws IOException {
            if (writing != null) {
                return false;
            }
            writing = lock(c, WRITERS, false);
            return writing != null;
        }

        private boolean takeDelete(FileChannel c) throws IOException {
            if (writing != null || tracing != null || readers > 0) {
                return false;
            }
            boolean all = false;
            try {
                writing = lock(c, WRITERS, false);
                tracing = writing == null ? null : lock(c, TRACERS, false);
                deleting = tracing == null ? null : lock(c, READERS, false);
                all = deleting != null;
                return all;
            } finally {
                if (!all) {
                    give(Use.DELETE);
                }
            }
        }

        /** Whatever fails, what was held is not held any more as far as this process knows. */
        synchronized void give(Use use) throws IOException {
            List<@Nullable FileLock> gone = new ArrayList<>();
            switch (use) {
                case READ -> {
                    if (--readers == 0) {
                        gone.add(reading);
                        reading = null;
                    }
                }
                case TRACE -> {
                    gone.add(tracing);
                    tracing = null;
                }
                case WRITE -> {
                    if (said) {
                        say("");
                        said = false;
                    }
                    gone.add(writing);
                    writing = null;
                }
                case DELETE -> {
                    gone.add(writing);
                    gone.add(tracing);
                    gone.add(deleting);
                    writing = null;
                    tracing = null;
                    deleting = null;
                }
            }
            try {
                release(gone);
            } finally {
                notifyAll();
            }
        }

        private static void release(List<@Nullable FileLock> locks) throws IOException {
            IOException failed = null;
            for (FileLock l : locks) {
                try {
                    if (l != null) {
                        l.release();
                    }
                } catch (IOException e) {
                    failed = e;
                }
            }
            if (failed != null) {
                throw failed;
            }
        }

        private interface Io {
            void run() throws IOException;
        }

        /**
         * Reads or writes the file on a thread that nobody interrupts: an interrupted one closes
         * the channel, and with it go all locks that this process has on the file.
         */
        private static void apart(Io io) throws IOException {
            @Nullable IOException[] failed = new IOException[1];
            Thread t =
                    Thread.ofPlatform()
                            .name("faultline-lock-note")
                            .daemon()
                            .start(() -> {
                                try {
                                    io.run();
                                } catch (IOException e) {
                                    failed[0] = e;
                                }
                            });
            boolean interrupted = false;
            for (; ; ) {
                try {
                    t.join();
                    break;
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
            IOException thrown = failed[0];
            if (thrown != null) {
                throw thrown;
            }
        }

        /** For those who are refused meanwhile. */
        private synchronized void say(String who) {
            String now = who();
            FileChannel c = Objects.requireNonNull(writable, "a writer has opened it");
            strange = !now.isEmpty() && !NOTE.matcher(now).matches();
            if (strange) {
                return; // somebody's own file, perhaps
            }
            said = true;
            try {
                apart(() -> {
                    c.truncate(0);
                    c.write(ByteBuffer.wrap(who.getBytes(StandardCharsets.UTF_8)), 0);
                });
            } catch (IOException e) {
                LOG.log(System.Logger.Level.DEBUG, "what the lock is for cannot be noted", e);
            }
        }

        /** Who has the lock, as they say themselves: not to be trusted, but fit to be shown. */
        private synchronized String who() {
            FileChannel c = writable != null ? writable : readable;
            ByteBuffer b = ByteBuffer.allocate(LONGEST_WORDS);
            try {
                if (c != null) {
                    apart(() -> c.read(b, 0));
                }
            } catch (IOException e) {
                return "";
            }
            return PlainText.line(new String(b.array(), 0, b.position(), StandardCharsets.UTF_8));
        }

        /** Waits until something changes in this process, or a moment. */
        synchronized void awaitChange() throws InterruptedException {
            wait(POLL_MILLIS);
        }

        void close() {
            close(readable);
            close(writable);
        }

        private static void close(@Nullable FileChannel c) {
            try {
                if (c != null) {
                    c.close();
                }
            } catch (IOException e) {
                LOG.log(System.Logger.Level.DEBUG, "closing a lock file", e);
            }
        }
    }

    // ---- taking

    /**
     * Takes a lock on the directory, or waits for it.
     *
     * @param why in a word, for those who are refused: "compact"
     * @param millis to wait at most for others
     * @throws SnapshotException of kind IN_USE if others have it still; of kind IO if nobody can
     *     lock there; of kind MISSING if the directory is gone
     */
    public static DirectoryLock take(Path dir, Use use, String why, long millis, Without without)
            throws SnapshotException {
        long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millis);
        Path file = dir.resolve(FILE);
        for (; ; ) {
            Held h = null;
            try {
                Object key = key(file, use);
                if (key == null) {
                    return NONE; // who reads leaves no traces; no writer has been there either
                }
                h = refer(key);
                if (h.take(file, use)) {
                    Held mine = h;
                    DirectoryLock taken = new DirectoryLock(mine, use);
                    h = null;
                    if (isOf(mine, file)) {
                        saysWhy(mine, use, why);
                        return taken;
                    }
                    taken.close(); // it went, with its directory, before we had it
                } else if (System.nanoTime() - end >= 0) {
                    throw inUse(dir, use, why, h);
                } else {
                    h.awaitChange();
                }
            } catch (NoSuchFileException e) {
                if (!Files.isDirectory(dir)) {
                    throw new SnapshotException(
                            Kind.MISSING, "snapshot " + dir + " does not exist", e);
                }
                // it is being replaced: again
                if (System.nanoTime() - end >= 0) {
                    return unlockable(dir, use, why, without, e);
                }
            } catch (IOException e) {
                return unlockable(dir, use, why, without, e);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new SnapshotException(
                        Kind.IO, "waiting for the lock of snapshot " + dir + " was interrupted", e);
            } finally {
                if (h != null) {
                    forget(h);
                }
            }
        }
    }

    private static DirectoryLock unlockable(
            Path dir, Use use, String why, Without without, IOException e)
            throws SnapshotException {
        String what =
                "snapshot %s cannot be locked (%s: %s)"
                        .formatted(dir, dir.resolve(FILE), reason(e));
        if (use == Use.READ || without == Without.GO_ON) {
            // Where others cannot lock either they are told so when they want to write.
            LOG.log(
                    use == Use.READ ? System.Logger.Level.DEBUG : System.Logger.Level.WARNING,
                    "{0}; {1} goes on without: let nobody else change it meanwhile",
                    what,
                    why);
            return NONE;
        }
        throw new SnapshotException(
                Kind.IO,
                what
                        + "; nothing was changed. To "
                        + why
                        + " it the directory must be writable and its file system must offer locks:"
                        + " use a copy on a local disk",
                e);
    }

    static String reason(IOException e) {
        String m = e.getMessage();
        return e instanceof java.nio.file.FileSystemException f && f.getReason() != null
                ? f.getReason()
                : e instanceof java.nio.file.AccessDeniedException
                        ? "permission denied"
                        : m == null ? e.getClass().getSimpleName() : m;
    }

    /**
     * What tells this file from others, whatever its name; made if there is none and somebody is to
     * write. Null: there is none, or none that can be used, for a reader.
     */
    private static @Nullable Object key(Path file, Use use) throws IOException {
        for (int i = 0; ; i++) {
            try {
                BasicFileAttributes a =
                        Files.readAttributes(
                                file, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
                if (!a.isRegularFile()) {
                    if (use == Use.READ) {
                        return null;
                    }
                    throw new IOException("it is not a file");
                }
                return a.fileKey() != null ? a.fileKey() : file.toRealPath();
            } catch (NoSuchFileException | NotDirectoryException e) {
                if (use == Use.READ) {
                    return null;
                }
                if (i == 3) {
                    throw e;
                }
            }
            try {
                Files.createFile(file);
            } catch (java.nio.file.FileAlreadyExistsException e) {
                // somebody else was faster
            }
        }
    }

    private static Held refer(Object key) {
        synchronized (ALL) {
            Held h = ALL.computeIfAbsent(key, Held::new);
            h.references++;
            return h;
        }
    }

    private static void forget(Held h) {
        synchronized (ALL) {
            if (--h.references == 0) {
                ALL.remove(h.key);
                h.close(); // before anybody opens the file anew: closing drops locks
            }
        }
    }

    private static boolean isOf(Held held, Path file) {
        try {
            return held.key.equals(key(file, Use.READ));
        } catch (IOException e) {
            return false;
        }
    }

    private static void saysWhy(Held held, Use use, String why) {
        if (use == Use.WRITE) {
            held.say(
                    "%s by process %d since %s"
                            .formatted(
                                    why,
                                    ProcessHandle.current().pid(),
                                    Instant.now().truncatedTo(ChronoUnit.SECONDS)));
        }
    }

    private static SnapshotException inUse(Path dir, Use use, String why, Held h) {
        String who = h.who();
        String others =
                switch (use) {
                    case READ -> "it is being deleted";
                    case TRACE -> "another recording is being written, or it is being deleted";
                    case WRITE, DELETE ->
                            who.isEmpty()
                                    ? "somebody reads it: it is restored, cloned, verified or shown"
                                    : "it is locked (" + who + ")";
                };
        return new SnapshotException(
                Kind.IN_USE,
                "cannot %s snapshot %s now: %s; nothing was changed, try again later"
                        .formatted(why, dir, others));
    }

    // ---- looking

    /**
     * Whether somebody writes there now; creates and changes nothing.
     *
     * @return who, "" if nobody does, as far as that can be known
     */
    public static String writer(Path dir) {
        Path file = dir.resolve(FILE);
        try {
            Object key = key(file, Use.READ);
            if (key == null) {
                return "";
            }
            Held h = refer(key);
            try {
                if (!h.take(file, Use.WRITE)) {
                    String who = h.who();
                    return who.isEmpty() ? "another process" : who;
                }
                h.give(Use.WRITE);
                return "";
            } finally {
                forget(h);
            }
        } catch (IOException e) {
            return "";
        }
    }

    /** Whether the file has a text that no lock of ours left there: it was not written to. */
    public boolean isInStrangeFile() {
        if (held == null) {
            return false;
        }
        synchronized (held) {
            return held.strange;
        }
    }

    /** Whether a directory's entry is a lock file, which is no part of the snapshot. */
    public static boolean isLock(Path p) {
        return p.getFileName().toString().equals(FILE);
    }

    /** Idempotent. */
    @Override
    public void close() {
        synchronized (this) {
            if (closed || held == null) {
                return;
            }
            closed = true;
        }
        try {
            held.give(use);
        } catch (IOException e) {
            LOG.log(System.Logger.Level.WARNING, "a lock was not released: {0}", e.getMessage());
        } finally {
            forget(held);
        }
    }
}
