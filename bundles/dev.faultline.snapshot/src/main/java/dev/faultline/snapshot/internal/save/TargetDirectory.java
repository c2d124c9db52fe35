// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.save;

import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.api.snapshot.SnapshotException.Kind;
import dev.faultline.snapshot.internal.disk.DirectoryLock;
import dev.faultline.snapshot.internal.disk.Disk;
import dev.faultline.snapshot.internal.disk.RealPath;
import dev.faultline.snapshot.internal.format.Layout;
import dev.faultline.snapshot.internal.format.Manifest;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The directory that a save will make into a snapshot, locked until this is closed. If it is there
 * already, empty, the files go into it and the manifest is renamed last: so its owner, mode and ACL
 * stay, and it may be a mount point or what a symbolic link leads to. Else they go into a directory
 * beside, {@code .NAME.saving}, which is renamed as a whole.
 *
 * <p>Whoever has the lock may clean: what it finds was left by a save whose process is gone.
 */
public final class TargetDirectory implements AutoCloseable {
    /** In the names of directories that are not complete, after a dot and the target's name. */
    static final String SAVING = ".saving";

    private static final Pattern PART = Pattern.compile("(index|pack|hashes)-[0-9]{1,9}");
    private static final Pattern SAVING_NAME =
            Pattern.compile("\\..+" + Pattern.quote(SAVING), Pattern.DOTALL);
    private static final long PATIENCE_MILLIS = 2_000;

    private final Disk disk;
    private final Path dir;
    private final Path home;
    private final Path work;
    private final DirectoryLock lock;
    private final List<Path> made;
    private boolean published;

    private TargetDirectory(
            Disk disk, Path dir, Path home, Path work, DirectoryLock lock, List<Path> made) {
        this.disk = disk;
        this.dir = dir;
        this.home = home;
        this.work = work;
        this.lock = lock;
        this.made = made;
    }

    // ---- names

    /** Whether a file is one that saves, compactions and recordings make. */
    static boolean isOurs(Path p) {
        String s = p.getFileName().toString();
        return PART.matcher(s).matches()
                || s.equals(Layout.MANIFEST + ".new")
                || s.equals(Layout.TRACE)
                || s.equals(Layout.TRACE + ".new")
                || DirectoryLock.isLock(p);
    }

    /**
     * Whether it is a file that only a save makes, by its name and kind. {@code lock} and {@code
     * trace} are not: other programs have files of these names.
     */
    private static boolean isPart(Path p) {
        String s = p.getFileName().toString();
        return (PART.matcher(s).matches() || s.equals(Layout.MANIFEST + ".new"))
                && Files.isRegularFile(p, LinkOption.NOFOLLOW_LINKS);
    }

    /** Whether it is the place of a save that has not ended, by its name. */
    static boolean isSaving(Path p) {
        Path name = p.getFileName();
        return name != null && SAVING_NAME.matcher(name.toString()).matches();
    }

    /**
     * Of a save, or a deletion, that is going on or was cut short: nothing but files of ours, no
     * manifest, and its name or a file in it that nobody else makes.
     */
    public static boolean isUnfinished(Path p) throws IOException {
        if (!Files.isDirectory(p) || Files.exists(p.resolve(Layout.MANIFEST))) {
            return false;
        }
        List<Path> files = content(p);
        return files.stream().allMatch(TargetDirectory::isOurs)
                && (isSaving(p) || files.stream().anyMatch(TargetDirectory::isPart));
    }

    /** What is in a directory, but for what a file system itself puts into its root. */
    static List<Path> content(Path p) throws IOException {
        try (Stream<Path> s = Files.list(p)) {
            return s.filter(f -> !f.getFileName().toString().equals("lost+found")).toList();
        }
    }

    // ---- beginning

    /**
     * Checks the place, locks it and makes what is needed.
     *
     * @throws SnapshotException of kind IN_USE if somebody else saves there
     */
    static TargetDirectory open(Disk disk, Path wanted) throws IOException, SnapshotException {
        Path dir = RealPath.of(wanted);
        Path home = dir.getParent();
        if (home == null) {
            throw new FileAlreadyExistsException(dir + " is the root of the file system");
        }
        if (Files.exists(dir)) {
            checkEmpty(dir);
            DirectoryLock lock = lock(dir, dir, false);
            return checked(new TargetDirectory(disk, dir, home, dir, lock, List.of()));
        }
        List<Path> made = new ArrayList<>();
        Path work = dir.resolveSibling("." + dir.getFileName() + SAVING);
        try {
            makeParents(disk, home, made);
            boolean fresh = makeWork(disk, work);
            DirectoryLock lock = lock(work, dir, fresh);
            return checked(new TargetDirectory(disk, dir, home, work, lock, made));
        } catch (IOException | SnapshotException e) {
            removeEmpty(disk, made);
            throw e;
        }
    }

    private static void checkEmpty(Path dir) throws IOException {
        if (!Files.isDirectory(dir)) {
            throw new FileAlreadyExistsException(dir + " exists and is not a directory");
        }
        // A lock alone is left by a save that was killed at its begin.
        boolean empty = content(dir).stream().allMatch(DirectoryLock::isLock);
        if (!empty && !isUnfinished(dir)) {
            throw new FileAlreadyExistsException(
                    dir + " exists and is not empty; delete it or choose another directory");
        }
    }

    /** Each is on the medium before the next one is made in it. */
    private static void makeParents(Disk disk, Path dir, List<Path> made) throws IOException {
        Deque<Path> missing = new ArrayDeque<>();
        for (Path p = dir; p != null && !Files.exists(p); p = p.getParent()) {
            missing.push(p);
        }
        for (Path p : missing) {
            try {
                disk.directory(p, false);
                made.add(p);
            } catch (FileAlreadyExistsException e) {
                continue; // others need it too
            }
            Path above = p.getParent();
            if (above != null) {
                disk.force(above);
            }
        }
    }

    /**
     * @return whether it was not there before: then nobody else can be writing there
     */
    private static boolean makeWork(Disk disk, Path work) throws IOException {
        try {
            disk.directory(work, true);
            return true;
        } catch (FileAlreadyExistsException e) {
            return false;
        }
    }

    private static DirectoryLock lock(Path where, Path dir, boolean fresh)
            throws SnapshotException {
        try {
            return DirectoryLock.take(
                    where,
                    DirectoryLock.Use.WRITE,
                    "save",
                    PATIENCE_MILLIS,
                    fresh ? DirectoryLock.Without.GO_ON : DirectoryLock.Without.REFUSE);
        } catch (SnapshotException e) {
            if (e.kind() == Kind.MISSING) { // another save has just ended, well or not
                throw new SnapshotException(
                        Kind.IN_USE, "another save to " + dir + " was faster", e);
            }
            throw e;
        }
    }

    /** Now that nobody else can change it. */
    private static TargetDirectory checked(TargetDirectory t)
            throws IOException, SnapshotException {
        boolean good = false;
        try {
            if (t.isInPlace()) {
                checkEmpty(t.dir);
                if (t.lock.isInStrangeFile()) {
                    throw new FileAlreadyExistsException(
                            "%s exists and is not empty: its file %s is not of a snapshot; move it away or choose another directory"
                                    .formatted(t.dir, DirectoryLock.FILE));
                }
            } else if (Files.exists(t.dir)) {
                throw new FileAlreadyExistsException(
                        t.dir + " was made meanwhile; delete it or choose another directory");
            }
            for (Path p : content(t.work)) {
                if (!isOurs(p)) {
                    throw new FileAlreadyExistsException(
                            "%s, where the snapshot would be written, has the file %s: is it yours?"
                                    .formatted(t.work, p.getFileName()));
                }
                if (!DirectoryLock.isLock(p)) {
                    t.disk.delete(p); // of a save whose process is gone
                }
            }
            good = true;
            return t;
        } finally {
            if (!good) {
                t.published = true; // nothing here is ours to remove
                t.close();
                removeEmpty(t.disk, t.made);
            }
        }
    }

    private boolean isInPlace() {
        return work.equals(dir);
    }

    /** Where the snapshot will be: no symbolic link. */
    Path dir() {
        return dir;
    }

    /** What holds {@link #dir}. */
    Path home() {
        return home;
    }

    /** Where the files are to be written. */
    Path work() {
        return work;
    }

    // ---- ending

    /** Makes what is in {@link #work} the snapshot. All files but the manifest are forced. */
    void publish(Manifest m) throws IOException {
        Path name = work.resolve(Layout.MANIFEST);
        if (isInPlace()) {
            Path fresh = work.resolve(Layout.MANIFEST + ".new");
            write(disk, fresh, m);
            disk.force(work);
            disk.move(fresh, name);
            published = true;
            disk.force(work);
        } else {
            write(disk, name, m);
            disk.force(work);
            disk.move(work, dir);
            published = true;
            disk.force(home);
        }
    }

    static void write(Disk disk, Path file, Manifest m) throws IOException {
        try (Disk.Out c = disk.create(file)) {
            c.write(java.nio.ByteBuffer.wrap(m.encode()));
            c.force();
        }
    }

    /** Removes what was not published, and lets others in. */
    @Override
    public void close() throws IOException {
        try {
            if (!published) {
                published = true;
                remove();
            }
        } finally {
            lock.close();
        }
    }

    private void remove() throws IOException {
        for (Path p : content(work)) {
            if (isOurs(p) || p.getFileName().toString().equals(Layout.MANIFEST)) {
                disk.delete(p);
            }
        }
        if (!isInPlace()) {
            disk.delete(work);
            removeEmpty(disk, made);
        }
    }

    private static void removeEmpty(Disk disk, List<Path> made) {
        for (Path p : made.reversed()) {
            try {
                disk.delete(p);
            } catch (IOException e) {
                return; // others have put something there
            }
        }
    }
}
