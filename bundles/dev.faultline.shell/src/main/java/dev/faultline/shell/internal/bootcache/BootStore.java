// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.bootcache;

import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.api.snapshot.SnapshotService;
import dev.faultline.shell.internal.disk.FileTree;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The entries in one directory, each a directory named by its key. An entry is there as a whole or
 * not at all: it is made under another name and renamed when all of it is on the medium. Any thread
 * and any process may do anything at any time.
 */
public final class BootStore {
    /** Bytes of console output that an entry may hold. */
    public static final int MOST_CONSOLE = 16 << 20;

    private final Path root;
    private final long limit;
    private final SnapshotService snapshots;

    /**
     * @param root absolute; made when the first entry is
     * @param limit bytes that all entries may have together, positive
     */
    public BootStore(Path root, long limit, SnapshotService snapshots) {
        this.root = root;
        this.limit = limit;
        this.snapshots = snapshots;
    }

    public Path root() {
        return root;
    }

    public long limit() {
        return limit;
    }

    // ---- reading

    /**
     * The entry of a key, all of whose files have been compared with what was stored.
     *
     * @return null if there is none
     * @throws DamagedEntryException if it was damaged; it is removed then, unless a guest runs from
     *     it, and the message says which
     */
    public @Nullable BootEntry find(BootKey key) throws IOException {
        Path dir = root.resolve(key.hex());
        try {
            return EntryFile.read(dir, true);
        } catch (NoSuchFileException e) {
            return null;
        } catch (DamagedEntryException e) {
            return findAgain(dir);
        }
    }

    /** What looked damaged may just be removed by somebody. */
    private @Nullable BootEntry findAgain(Path dir) throws IOException {
        try (StoreLock _ = StoreLock.take(root)) {
            try {
                return EntryFile.read(dir, true);
            } catch (NoSuchFileException e) {
                return null;
            } catch (DamagedEntryException e) {
                throw new DamagedEntryException(
                        e.getMessage()
                                + (removeEntry(dir)
                                        ? "; it was removed"
                                        : "; it stays for now, as a guest runs from it"));
            }
        }
    }

    /**
     * What the guest sent before it was stored, and maybe some more.
     *
     * @throws IOException also if the entry was removed meanwhile
     */
    public byte[] console(BootEntry entry) throws IOException {
        if (Files.size(entry.console()) > MOST_CONSOLE) {
            throw new DamagedEntryException("it holds more console output than any entry");
        }
        return Files.readAllBytes(entry.console());
    }

    /** It is not the one that was not used for longest any more. */
    public void used(BootEntry entry) throws IOException {
        Files.setLastModifiedTime(
                entry.dir().resolve(EntryFile.NAME), FileTime.from(Instant.now()));
    }

    /**
     * What is there, the last used first; what is damaged without its times comes last.
     *
     * @param entry null if it is damaged
     * @param error null if it is not, as far as lengths tell
     */
    public record Listed(Path dir, @Nullable BootEntry entry, @Nullable String error) {
        /** For people and scripts: the key that it has, or should have. */
        public String key() {
            return dir.getFileName().toString();
        }
    }

    public List<Listed> list() throws IOException {
        List<Listed> all = new ArrayList<>();
        for (Path dir : entries()) {
            try {
                all.add(new Listed(dir, EntryFile.read(dir, false), null));
            } catch (NoSuchFileException e) {
                // Somebody has just removed it.
                continue;
            } catch (DamagedEntryException e) {
                all.add(new Listed(dir, null, e.getMessage()));
            }
        }
        all.sort(Comparator.comparing(BootStore::lastUse).reversed());
        return all;
    }

    private static Instant lastUse(Listed l) {
        BootEntry e = l.entry();
        return e == null ? Instant.MIN : e.used();
    }

    private List<Path> entries() throws IOException {
        if (!Files.isDirectory(root)) {
            return List.of();
        }
        try (Stream<Path> s = Files.list(root)) {
            return s.filter(p -> BootKey.isHex(p.getFileName().toString())).sorted().toList();
        }
    }

    // ---- storing

    /** What became of an entry that was to be stored. */
    public enum Outcome {
        STORED,
        /** Somebody else has stored the same meanwhile; that one stays. */
        THERE_ALREADY,
        /** It alone is larger than all entries may be together. */
        TOO_LARGE
    }

    /**
     * Begins an entry.
     *
     * @return close it in any case; what was not published then is gone
     */
    public BootDraft begin(BootKey key) throws IOException {
        createRoot();
        try (StoreLock _ = StoreLock.take(root)) {
            BootDraft.sweep(root);
            return BootDraft.create(this, root, key);
        }
    }

    /** A guest's memory is in there: for the owner alone. */
    private void createRoot() throws IOException {
        if (Files.isDirectory(root)) {
            return;
        }
        Path up = root.getParent();
        if (up != null) {
            Files.createDirectories(up);
        }
        if (root.getFileSystem().supportedFileAttributeViews().contains("posix")) {
            Files.createDirectories(
                    root,
                    PosixFilePermissions.asFileAttribute(
                            PosixFilePermissions.fromString("rwx------")));
        } else {
            Files.createDirectories(root);
        }
    }

    /** Makes what is in {@code dir}, complete and on the medium, the entry of {@code key}. */
    Outcome publish(BootDraft draft, BootKey key, long bytes) throws IOException {
        if (bytes > limit) {
            return Outcome.TOO_LARGE;
        }
        Path to = root.resolve(key.hex());
        try (StoreLock _ = StoreLock.take(root)) {
            if (Files.exists(to, LinkOption.NOFOLLOW_LINKS)) {
                return Outcome.THERE_ALREADY;
            }
            draft.release();
            Files.move(draft.dir(), to, StandardCopyOption.ATOMIC_MOVE);
            BootDraft.force(root);
            evict(to);
        }
        return Outcome.STORED;
    }

    /** Removes what was not used for longest until the rest is within the limit. */
    private void evict(Path keep) throws IOException {
        List<Listed> all = list();
        long total = 0;
        for (Listed l : all) {
            total += size(l);
        }
        for (Listed l : all.reversed()) {
            if (total <= limit) {
                return;
            }
            if (!l.dir().equals(keep) && removeEntry(l.dir())) {
                total -= size(l);
            }
        }
    }

    /** What is damaged counts as nothing, and goes first. */
    private static long size(Listed l) {
        BootEntry e = l.entry();
        return e == null ? 0 : e.bytes();
    }

    // ---- removing

    /**
     * What {@link #clear} did.
     *
     * @param bytes of the entries that are gone, as far as they are known
     * @param inUse entries from which guests run, which stay
     */
    public record Cleared(int removed, long bytes, List<String> inUse) {
        public Cleared {
            inUse = List.copyOf(inUse);
        }
    }

    /** Removes all entries, and what stores that were killed have left. */
    public Cleared clear() throws IOException {
        if (!Files.isDirectory(root)) {
            return new Cleared(0, 0, List.of());
        }
        int removed = 0;
        long bytes = 0;
        List<String> inUse = new ArrayList<>();
        try (StoreLock _ = StoreLock.take(root)) {
            BootDraft.sweep(root);
            for (Listed l : list()) {
                if (removeEntry(l.dir())) {
                    removed++;
                    bytes += size(l);
                } else {
                    inUse.add(l.key());
                }
            }
        }
        return new Cleared(removed, bytes, inUse);
    }

    /**
     * Removes an entry whose snapshot turned out to be bad.
     *
     * @return false if a guest runs from it
     */
    public boolean remove(BootEntry entry) throws IOException {
        try (StoreLock _ = StoreLock.take(root)) {
            return removeEntry(entry.dir());
        }
    }

    /** With the lock held. The snapshot goes first: only its own lock knows whether it is used. */
    private boolean removeEntry(Path dir) throws IOException {
        Path snapshot = dir.resolve(BootEntry.SNAPSHOT);
        if (!Files.isSymbolicLink(dir) && Files.isDirectory(snapshot, LinkOption.NOFOLLOW_LINKS)) {
            try {
                snapshots.delete(snapshot);
            } catch (SnapshotException e) {
                if (e.kind() == SnapshotException.Kind.IN_USE) {
                    return false;
                }
                // It is so damaged that it is none: what is left of it goes with the rest.
            }
        }
        if (Files.exists(dir, LinkOption.NOFOLLOW_LINKS)) {
            FileTree.remove(dir);
        }
        return true;
    }
}
