// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.save;

import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.api.snapshot.SnapshotException.Kind;
import dev.faultline.snapshot.internal.disk.DirectoryLock;
import dev.faultline.snapshot.internal.disk.RealPath;
import dev.faultline.snapshot.internal.format.Layout;
import dev.faultline.snapshot.internal.format.Manifest;
import dev.faultline.snapshot.internal.source.LocalOrigin;
import java.io.IOException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Deletes a snapshot that nobody uses, or what an unfinished save left. */
public final class Remover {
    private static final long PATIENCE_MILLIS = 2_000;

    private final Path dir;

    public Remover(Path dir) {
        this.dir = dir;
    }

    /**
     * Deletes what unfinished saves left in {@code dir}, unless somebody still writes there.
     *
     * @return the directories that are gone
     */
    public static List<Path> clean(Path dir) throws SnapshotException {
        if (!Files.isDirectory(dir)) {
            throw new SnapshotException(Kind.MISSING, dir + " is not a directory");
        }
        List<Path> gone = new ArrayList<>();
        try (Stream<Path> s = Files.list(dir)) {
            for (Path p : s.sorted().toList()) {
                if (Files.isReadable(p)
                        && TargetDirectory.isUnfinished(p)
                        && DirectoryLock.writer(p).isEmpty()) {
                    new Remover(p).delete();
                    gone.add(p);
                }
            }
        } catch (IOException e) {
            throw new SnapshotException(Kind.IO, dir + ": " + e.getMessage(), e);
        }
        return gone;
    }

    public void delete() throws SnapshotException {
        try {
            Path real = RealPath.of(dir);
            boolean whole = Files.exists(real.resolve(Layout.MANIFEST));
            if (!Files.isDirectory(real) || !whole && !TargetDirectory.isUnfinished(real)) {
                throw new SnapshotException(
                        Kind.NOT_A_SNAPSHOT,
                        dir
                                + " is not a snapshot (no "
                                + Layout.MANIFEST
                                + " in it); nothing was deleted");
            }
            try (DirectoryLock lock =
                    DirectoryLock.take(
                            real,
                            DirectoryLock.Use.DELETE,
                            "delete",
                            PATIENCE_MILLIS,
                            DirectoryLock.Without.REFUSE)) {
                checkNoChild(real);
                remove(real);
            }
        } catch (NoSuchFileException e) {
            throw new SnapshotException(Kind.MISSING, "snapshot " + dir + " does not exist", e);
        } catch (IOException e) {
            throw new SnapshotException(Kind.IO, "deleting " + dir + ": " + e.getMessage(), e);
        }
    }

    private void remove(Path real) throws IOException {
        // The manifest goes first: what is left of an interrupted deletion is no snapshot.
        Files.deleteIfExists(real.resolve(Layout.MANIFEST));
        // The trace next: by the parts that are left one knows it for ours.
        Files.deleteIfExists(real.resolve(Layout.TRACE));
        List<Path> files = TargetDirectory.content(real);
        for (Path p : files) {
            if (TargetDirectory.isOurs(p) && !DirectoryLock.isLock(p)) {
                Files.delete(p);
            }
        }
        // Who waits for the lock finds it gone, and looks anew.
        Files.deleteIfExists(real.resolve(DirectoryLock.FILE));
        try {
            Files.delete(real);
        } catch (DirectoryNotEmptyException e) {
            if (!TargetDirectory.content(real).isEmpty()) {
                throw e; // somebody keeps files of his own there
            }
        } catch (IOException e) {
            if (!TargetDirectory.content(real).isEmpty()) {
                throw e;
            }
            return; // a mount point, or in a place where nothing may be removed: it is empty
        }
        if (Files.isSymbolicLink(dir)) {
            Files.delete(dir);
        }
    }

    private static void checkNoChild(Path dir) throws SnapshotException {
        Manifest mine;
        try {
            mine = LocalOrigin.manifest(dir);
        } catch (SnapshotException e) {
            return; // what cannot be read cannot be a parent any more
        }
        Path child = child(dir, mine);
        if (child != null) {
            throw new SnapshotException(
                    Kind.MISMATCH,
                    "snapshot %s refers to pages of %s; compact or delete it first"
                            .formatted(child, dir));
        }
    }

    /**
     * A snapshot beside {@code dir} that refers to the pages there, by the id that it has or says
     * that it had: whether it can prove that does not matter to who would lose them.
     *
     * @param dir no symbolic link
     * @return null if there is none
     */
    static @Nullable Path child(Path dir, Manifest mine) throws SnapshotException {
        Path home = dir.getParent();
        if (home == null) {
            return null; // nothing is beside the root of a file system
        }
        try (Stream<Path> s = Files.list(home)) {
            for (Path p : s.filter(q -> Files.exists(q.resolve(Layout.MANIFEST))).toList()) {
                if (refersTo(p, mine)) {
                    return p;
                }
            }
            return null;
        } catch (IOException e) {
            throw new SnapshotException(Kind.IO, dir + ": " + e.getMessage(), e);
        }
    }

    private static boolean refersTo(Path p, Manifest parent) {
        try {
            Manifest m = LocalOrigin.manifest(p);
            return m.parent() != null && parent.claims(m.parent().id());
        } catch (SnapshotException e) {
            return false; // unreadable neighbours do not matter
        }
    }
}
