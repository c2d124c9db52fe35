// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.bootcache;

import dev.faultline.shell.internal.disk.FileTree;
import java.io.File;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * An entry that is being made. Its directory has another name than an entry's, and a file {@code
 * owner} that the process locks until it is published or gone: what nobody locks was left by a
 * process that died. One thread.
 */
public final class BootDraft implements AutoCloseable {
    private static final Pattern NAME = Pattern.compile("\\.[0-9a-f]{64}\\..*");
    private static final String OWNER = "owner";

    /**
     * Those of this process. Nobody may open their owner's file: when that is closed the host drops
     * all locks that the process has on it.
     */
    private static final Set<Path> OURS = ConcurrentHashMap.newKeySet();

    private final BootStore store;
    private final BootKey key;
    private final Path dir;
    private final Path root;
    private @Nullable FileChannel owner;
    private boolean published;

    private BootDraft(BootStore store, Path root, BootKey key, Path dir, FileChannel owner) {
        this.store = store;
        this.root = root;
        this.key = key;
        this.dir = dir;
        this.owner = owner;
    }

    /** With the store's lock held. */
    static BootDraft create(BootStore store, Path root, BootKey key) throws IOException {
        Path dir = Files.createTempDirectory(root, "." + key.hex() + ".").toAbsolutePath();
        OURS.add(dir);
        try {
            FileChannel c =
                    FileChannel.open(
                            dir.resolve(OWNER),
                            StandardOpenOption.CREATE_NEW,
                            StandardOpenOption.WRITE);
            BootDraft draft = new BootDraft(store, root, key, dir, c);
            c.lock();
            return draft;
        } catch (IOException e) {
            OURS.remove(dir);
            FileTree.remove(dir);
            throw e;
        }
    }

    /** Removes what processes that died have left. With the store's lock held. */
    static void sweep(Path root) throws IOException {
        List<Path> drafts;
        try (Stream<Path> s = Files.list(root)) {
            drafts = s.filter(p -> NAME.matcher(p.getFileName().toString()).matches()).toList();
        }
        for (Path p : drafts) {
            if (!OURS.contains(p.toAbsolutePath()) && isLeft(p.resolve(OWNER))) {
                FileTree.remove(p);
            }
        }
    }

    private static boolean isLeft(Path owner) throws IOException {
        if (!Files.isRegularFile(owner, LinkOption.NOFOLLOW_LINKS)) {
            return true; // who makes one has the store's lock until its owner's file is there
        }
        try (FileChannel c = FileChannel.open(owner, StandardOpenOption.WRITE);
                FileLock l = c.tryLock()) {
            return l != null;
        } catch (OverlappingFileLockException e) {
            return false;
        }
    }

    Path dir() {
        return dir;
    }

    /** Where the snapshot is to be saved; it is not there yet. */
    public Path snapshot() {
        return dir.resolve(BootEntry.SNAPSHOT);
    }

    /**
     * Makes it the entry of its key; the snapshot has been saved.
     *
     * @param console all that the guest had sent when it was saved, or more
     */
    public BootStore.Outcome publish(String snapshotId, byte[] console) throws IOException {
        write(BootEntry.CONSOLE, console);
        write(EntryFile.NAME, EntryFile.encode(dir, key, snapshotId, Instant.now()));
        force(dir);
        BootStore.Outcome outcome =
                store.publish(this, key, EntryFile.read(dir, key.hex(), false).bytes());
        published = outcome == BootStore.Outcome.STORED;
        return outcome;
    }

    private void write(String name, byte[] bytes) throws IOException {
        try (FileChannel c =
                FileChannel.open(
                        dir.resolve(name),
                        StandardOpenOption.CREATE_NEW,
                        StandardOpenOption.WRITE)) {
            ByteBuffer b = ByteBuffer.wrap(bytes);
            while (b.hasRemaining()) {
                c.write(b);
            }
            c.force(true);
        }
    }

    /** Forces a directory's entries to the medium, where the host lets a directory be opened. */
    static void force(Path directory) throws IOException {
        if (File.separatorChar == '/') {
            try (FileChannel c = FileChannel.open(directory, StandardOpenOption.READ)) {
                c.force(true);
            }
        }
    }

    /** It is about to be renamed, or removed. With the store's lock held. */
    void release() throws IOException {
        FileChannel c = owner;
        owner = null;
        if (c != null) {
            c.close();
            Files.deleteIfExists(dir.resolve(OWNER));
        }
    }

    /** Removes it, unless it was published. */
    @Override
    public void close() throws IOException {
        try {
            if (!published) {
                try (StoreLock _ = StoreLock.take(root)) { // or it is swept at the same time
                    release();
                    FileTree.remove(dir);
                }
            }
        } finally {
            OURS.remove(dir);
        }
    }
}
