// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.api.snapshot.RestoreMode;
import dev.faultline.api.snapshot.Restored;
import dev.faultline.api.snapshot.SaveOptions;
import dev.faultline.api.snapshot.SaveOptions.Compression;
import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.api.snapshot.SnapshotException.Kind;
import dev.faultline.api.snapshot.SnapshotService.Listed;
import dev.faultline.snapshot.internal.disk.DirectoryLock;
import dev.faultline.snapshot.internal.format.Origin;
import dev.faultline.snapshot.internal.format.Trace;
import dev.faultline.snapshot.internal.source.LocalOrigin;
import dev.faultline.testkit.HangGuard;
import java.io.BufferedReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicBoolean;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Two at once on one snapshot, in one process and in two: each waits or is refused, and nothing is
 * lost. The first is held in the middle of what it does, the second is let loose, the first ends.
 */
class LocksTest {
    private static final int PAGES = 700;

    @TempDir Path home;
    private final Snapshots snapshots = new Snapshots(Fake.HOST);
    private byte[][] memory;
    private Path base;
    private Path child;

    /** Something a thread does until it is let go on. */
    enum Doing {
        COMPACT,
        SAVE,
        LIVE_SAVE,
        VERIFY,
        RESTORE
    }

    @BeforeEach
    void saveBoth() throws Exception {
        base = home.resolve("base");
        child = home.resolve("child");
        try (Fake f = new Fake(PAGES).fill(5)) {
            snapshots.save(f.machine, base, x -> {});
            memory = f.all();
        }
        try (Fake g = new Fake(PAGES);
                Restored r = snapshots.restore(base, g.machine, RestoreMode.LAZY)) {
            snapshots.save(g.machine, child, new SaveOptions(Compression.LZ4, true), x -> {});
        }
    }

    /** Does it, and stands in its middle. */
    private static final class Standing implements AutoCloseable {
        private final CountDownLatch inside = new CountDownLatch(1);
        private final CountDownLatch goOn = new CountDownLatch(1);
        private final AtomicBoolean first = new AtomicBoolean(true);
        private final FutureTask<Object> task;
        private final Thread thread;

        interface Work {
            Object with(java.util.function.DoubleConsumer progress) throws Exception;
        }

        Standing(Work work) throws Exception {
            task = new FutureTask<>((Callable<Object>) () -> work.with(this::stand));
            thread = Thread.ofPlatform().daemon().start(task);
            HangGuard.await(inside, "it comes to its middle");
        }

        private void stand(double done) {
            if (first.getAndSet(false)) {
                inside.countDown();
                try {
                    goOn.await();
                } catch (InterruptedException e) {
                    throw new IllegalStateException(e);
                }
            }
        }

        Object end() throws Exception {
            goOn.countDown();
            return HangGuard.get(task);
        }

        @Override
        public void close() throws Exception {
            goOn.countDown();
            thread.join();
        }
    }

    private Standing standing(Doing what) throws Exception {
        return switch (what) {
            case COMPACT -> new Standing(p -> snapshots.compact(child, p));
            case VERIFY -> new Standing(p -> snapshots.verify(child, p));
            case SAVE, LIVE_SAVE ->
                    new Standing(p -> {
                        SaveOptions o = what == Doing.SAVE ? SaveOptions.DEFAULT : SaveOptions.LIVE;
                        try (Fake f = new Fake(PAGES).fill(9)) {
                            return snapshots.save(f.machine, home.resolve("new"), o, p);
                        }
                    });
            case RESTORE ->
                    new Standing(p -> {
                        try (Fake g = new Fake(PAGES);
                                Restored r =
                                        snapshots.restore(child, g.machine, RestoreMode.LAZY)) {
                            p.accept(0);
                            for (int i = 0; i < g.pages(); i++) {
                                assertThat(g.read(i)).isEqualTo(memory[i]);
                            }
                            return r;
                        }
                    });
        };
    }

    private static void inUse(ThrowingCallable what) {
        assertThatThrownBy(what)
                .isInstanceOfSatisfying(
                        SnapshotException.class,
                        e -> assertThat(e.kind()).as(e.getMessage()).isEqualTo(Kind.IN_USE));
    }

    private void allIsThere() throws Exception {
        assertThat(LiveSaveTest.memory(base)).isDeepEqualTo(memory);
        assertThat(LiveSaveTest.memory(child)).isDeepEqualTo(memory);
        snapshots.verify(base, x -> {});
        snapshots.verify(child, x -> {});
    }

    @Test
    void aSecondCompactionIsRefusedWhileTheFirstGoesOn() throws Exception {
        try (Standing s = standing(Doing.COMPACT)) {
            assertThatThrownBy(() -> snapshots.compact(child, x -> {}))
                    .hasMessageContaining(child.toString())
                    .hasMessageContaining("compact by process " + ProcessHandle.current().pid());
            s.end();
        }
        allIsThere();
        snapshots.compact(child, x -> {});
        allIsThere();
    }

    @ParameterizedTest
    @EnumSource(
            value = Doing.class,
            names = {"COMPACT", "VERIFY", "RESTORE"})
    void nothingThatIsUsedIsDeletedNorItsParent(Doing what) throws Exception {
        try (Standing s = standing(what)) {
            inUse(() -> snapshots.delete(child));
            // Its parent has a child beside it, and may be read besides.
            assertThatThrownBy(() -> snapshots.delete(base)).isInstanceOf(SnapshotException.class);
            s.end();
        }
        allIsThere();
        snapshots.delete(child);
        snapshots.delete(base);
        assertThat(home).isEmptyDirectory();
    }

    @ParameterizedTest
    @EnumSource(
            value = Doing.class,
            names = {"VERIFY", "RESTORE"})
    void aCompactionDisturbsNobodyWhoReads(Doing what) throws Exception {
        try (Standing s = standing(what)) {
            snapshots.compact(child, x -> {});
            snapshots.compact(child, x -> {});
            s.end();
        }
        allIsThere();
    }

    @ParameterizedTest
    @EnumSource(
            value = Doing.class,
            names = {"SAVE", "LIVE_SAVE"})
    void oneSavesToAPlaceAtATime(Doing what) throws Exception {
        Path there = home.resolve("new");
        try (Standing s = standing(what);
                Fake g = new Fake(PAGES).fill(11)) {
            inUse(() -> snapshots.save(g.machine, there, x -> {}));
            assertThat(snapshots.clean(home)).isEmpty();
            assertThat(snapshots.list(home))
                    .filteredOn(Listed::unfinished)
                    .singleElement()
                    .satisfies(l -> assertThat(l.error()).contains("save by process"));
            inUse(() -> snapshots.delete(home.resolve(".new.saving")));
            s.end();
            assertThat(snapshots.list(home)).noneMatch(Listed::unfinished);
            assertThatThrownBy(() -> snapshots.save(g.machine, there, x -> {}))
                    .hasMessageContaining("not empty");
        }
        snapshots.verify(there, x -> {});
    }

    @Test
    void twoRecordingsAreBothInTheTrace() throws Exception {
        var how =
                dev.faultline.api.snapshot.RestoreOptions.of(RestoreMode.LAZY)
                        .recording(dev.faultline.api.snapshot.RestoreOptions.Window.DEFAULT);
        try (Fake f = new Fake(PAGES);
                Fake g = new Fake(PAGES);
                Restored a = snapshots.restore(base, f.machine, how);
                Restored b = snapshots.restore(base, g.machine, how)) {
            f.read(3);
            g.read(600);
            Thread other = Thread.ofPlatform().start(() -> save(a));
            save(b);
            other.join();
        }
        try (Origin o = new LocalOrigin(base)) {
            assertThat(Trace.read(o).recordings()).isEqualTo(2);
            assertThat(Trace.read(o).likely(PAGES)).containsExactlyInAnyOrder(3, 600);
        }
    }

    private static void save(Restored r) {
        try {
            r.saveRecording();
        } catch (SnapshotException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Kept only as long as somebody needs it: a machine that has all its pages does not. */
    @Test
    void whatAMachineDoesNotNeedAnyMoreMayBeDeletedButNotReferredTo() throws Exception {
        try (Fake g = new Fake(PAGES);
                Restored r = snapshots.restore(child, g.machine, RestoreMode.EAGER)) {
            snapshots.delete(child);
            SaveOptions o = new SaveOptions(Compression.LZ4, true);
            assertThatThrownBy(() -> snapshots.save(g.machine, home.resolve("c"), o, x -> {}))
                    .hasMessageContaining("any more");
            snapshots.save(g.machine, home.resolve("c"), x -> {});
        }
        assertThat(LiveSaveTest.memory(home.resolve("c"))).isDeepEqualTo(memory);
    }

    /** The parent goes between the restore and the incremental save that would refer to it. */
    @Test
    void anIncrementalSaveRefersToNothingThatIsGone() throws Exception {
        Path away = home.resolve("away");
        try (Fake g = new Fake(PAGES);
                Restored r = snapshots.restore(base, g.machine, RestoreMode.LAZY)) {
            Files.move(base, away); // as an operator may
            SaveOptions o = new SaveOptions(Compression.LZ4, true);
            assertThatThrownBy(() -> snapshots.save(g.machine, home.resolve("c"), o, x -> {}))
                    .hasMessageContaining(base.toString());
            assertThat(home.resolve("c")).doesNotExist();
        }
    }

    // ---- two processes

    /** A process that holds a lock until it is killed or its input ends. */
    static final class Holder {
        public static void main(String[] args) throws Exception {
            DirectoryLock.Use use = DirectoryLock.Use.valueOf(args[1]);
            Path dir = Path.of(args[0]);
            try (DirectoryLock l =
                    DirectoryLock.take(dir, use, "hold", 0, DirectoryLock.Without.REFUSE)) {
                System.out.println("held");
                System.in.read();
            }
        }
    }

    private static Process holder(Path dir, DirectoryLock.Use use) throws Exception {
        Process p =
                new ProcessBuilder(
                                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                                "-Xmx64m",
                                "-XX:TieredStopAtLevel=1",
                                "-cp",
                                System.getProperty("java.class.path"),
                                Holder.class.getName(),
                                dir.toString(),
                                use.name())
                        .redirectErrorStream(true)
                        .start();
        BufferedReader out = p.inputReader();
        String line = out.readLine();
        if (!"held".equals(line)) {
            p.destroyForcibly();
            throw new AssertionError("the process said: " + line);
        }
        return p;
    }

    private static void kill(Process p) throws Exception {
        p.destroyForcibly();
        HangGuard.join(p);
    }

    @Test
    void aProcessThatWritesKeepsOthersFromWritingAndFromDeletingUntilItDies() throws Exception {
        Process p = holder(child, DirectoryLock.Use.WRITE);
        try {
            assertThatThrownBy(() -> snapshots.compact(child, x -> {}))
                    .hasMessageContaining("hold by process " + p.pid());
            inUse(() -> snapshots.delete(child));
            allIsThere(); // who reads is not kept
        } finally {
            kill(p);
        }
        snapshots.compact(child, x -> {});
        allIsThere();
    }

    @Test
    void aProcessThatReadsKeepsOthersFromDeletingUntilItDies() throws Exception {
        Process p = holder(child, DirectoryLock.Use.READ);
        try {
            inUse(() -> snapshots.delete(child));
            snapshots.compact(child, x -> {});
        } finally {
            kill(p);
        }
        allIsThere();
        snapshots.delete(child);
    }

    /** Closing one descriptor of a file drops a process's locks on it; there must be no other. */
    @Test
    void locksOfThisProcessOutliveLooksAtTheSameSnapshot() throws Exception {
        try (Standing s = standing(Doing.RESTORE)) {
            snapshots.list(home);
            snapshots.info(child);
            snapshots.verify(child, x -> {});
            snapshots.compact(child, x -> {});
            assertThat(deletedByAnother(child)).isFalse();
            s.end();
        }
        assertThat(deletedByAnother(child)).isTrue();
    }

    /** An interrupted thread closes a channel that it reads or writes, and all locks go. */
    @Test
    void anInterruptedThreadLosesNobodysLock() throws Exception {
        DirectoryLock reader = taken(DirectoryLock.Use.READ);
        try {
            DirectoryLock writer = taken(DirectoryLock.Use.WRITE);
            Thread.currentThread().interrupt();
            writer.close();
            assertThat(Thread.interrupted()).as("still interrupted").isTrue();
            assertThat(deletedByAnother(child)).isFalse();
            inUse(() -> snapshots.delete(child));

            Thread.currentThread().interrupt();
            writer = taken(DirectoryLock.Use.WRITE);
            inUse(() -> taken(DirectoryLock.Use.WRITE)); // reads who it is
            assertThat(Thread.interrupted()).as("still interrupted").isTrue();
            assertThat(deletedByAnother(child)).isFalse();
            writer.close();
            kill(holder(child, DirectoryLock.Use.WRITE)); // it got the lock
            snapshots.compact(child, x -> {});
            assertThat(deletedByAnother(child)).isFalse();
        } finally {
            reader.close();
        }
        assertThat(deletedByAnother(child)).isTrue();
    }

    private DirectoryLock taken(DirectoryLock.Use use) throws SnapshotException {
        return DirectoryLock.take(child, use, "test", 0, DirectoryLock.Without.REFUSE);
    }

    /** A process that tries to get the lock of a deletion. */
    private static boolean deletedByAnother(Path dir) throws Exception {
        try {
            Process p = holder(dir, DirectoryLock.Use.DELETE);
            kill(p);
            return true;
        } catch (AssertionError e) {
            assertThat(e).hasMessageContaining("cannot hold snapshot");
            return false;
        }
    }

    // ---- what killed processes leave

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void leftOversAreListedAndCleanedAndInNobodysWay(boolean locked) throws Exception {
        Path left = Files.createDirectory(home.resolve(".new.saving"));
        Files.writeString(left.resolve("pack-0"), "half");
        if (locked) { // by a process that was killed
            kill(holder(left, DirectoryLock.Use.WRITE));
        }
        assertThat(snapshots.list(home))
                .filteredOn(Listed::unfinished)
                .singleElement()
                .satisfies(l -> assertThat(l.dir()).isEqualTo(left))
                .satisfies(l -> assertThat(l.error()).contains("did not end"));
        try (Fake f = new Fake(PAGES).fill(9)) {
            snapshots.save(f.machine, home.resolve("new"), x -> {});
        }
        assertThat(left).doesNotExist();
        Files.createDirectory(left);
        Files.writeString(left.resolve("index-0"), "half");
        assertThat(snapshots.clean(home)).containsExactly(left);
        assertThat(left).doesNotExist();
        snapshots.verify(home.resolve("new"), x -> {});
    }

    @Test
    void filesOfOthersAreNeverTaken() throws Exception {
        Path left = Files.createDirectory(home.resolve(".new.saving"));
        Files.writeString(left.resolve("thesis.txt"), "years of work");
        try (Fake f = new Fake(PAGES).fill(9)) {
            assertThatThrownBy(() -> snapshots.save(f.machine, home.resolve("new"), x -> {}))
                    .hasMessageContaining("thesis.txt");
        }
        assertThat(snapshots.clean(home)).isEmpty();
        assertThatThrownBy(() -> snapshots.delete(left))
                .hasMessageContaining("nothing was deleted");
        assertThat(left.resolve("thesis.txt")).exists();
    }

    /** Programs of all kinds have files of these names, in directories of all names. */
    @ParameterizedTest
    @CsvSource({
        ".app, lock",
        "app, trace",
        "app, trace.new",
        ".saving, lock",
        ".app.saving.old, lock",
        ".app.saving.old, trace",
        "app, index-",
        "app, pack-1234567890"
    })
    void directoriesOfOthersAreNeitherListedNorCleanedNorDeleted(String dir, String file)
            throws Exception {
        Path theirs = Files.createDirectory(home.resolve(dir));
        Files.writeString(theirs.resolve(file), "theirs");
        assertThat(snapshots.list(home)).noneMatch(Listed::unfinished);
        assertThat(snapshots.clean(home)).isEmpty();
        assertThatThrownBy(() -> snapshots.delete(theirs))
                .hasMessageContaining("nothing was deleted");
        assertThat(theirs.resolve(file)).hasContent("theirs");
    }

    @Test
    void aLockOfAKilledSaveIsInNobodysWay() throws Exception {
        Path dir = Files.createDirectory(home.resolve("killed"));
        kill(holder(dir, DirectoryLock.Use.WRITE));
        assertThat(dir.resolve(DirectoryLock.FILE)).isNotEmptyFile();
        try (Fake f = new Fake(PAGES).fill(9)) {
            snapshots.save(f.machine, dir, x -> {});
        }
        snapshots.verify(dir, x -> {});
    }

    /** No save makes directories, or links, of its files' names. */
    @Test
    void whatHasTheNameOfAPartAndIsNoFileIsOfOthers() throws Exception {
        Path theirs = Files.createDirectories(home.resolve("app/index-1")).getParent();
        Path linked = Files.createDirectory(home.resolve("linked"));
        Files.createSymbolicLink(linked.resolve("pack-1"), base);
        assertThat(snapshots.clean(home)).isEmpty();
        assertThat(theirs.resolve("index-1")).isDirectory();
        assertThat(linked.resolve("pack-1")).isSymbolicLink();
    }

    @Test
    void whatOnlySavesMakeIsCleanedWhereverItIs() throws Exception {
        for (String file : List.of("index-1", "pack-0", "hashes-123456789", "manifest.new")) {
            Path left = Files.createDirectory(home.resolve("left"));
            Files.writeString(left.resolve(file), "half");
            Files.createFile(left.resolve(DirectoryLock.FILE));
            assertThat(snapshots.clean(home)).as(file).containsExactly(left);
            assertThat(left).doesNotExist();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"trace", "trace.new", "lock"})
    void aSaveTakesNoFileOfOthersInTheDirectoryItIsGiven(String file) throws Exception {
        Path theirs = Files.createDirectory(home.resolve("theirs"));
        Files.writeString(theirs.resolve(file), "theirs");
        try (Fake f = new Fake(PAGES).fill(9)) {
            assertThatThrownBy(() -> snapshots.save(f.machine, theirs, x -> {}))
                    .hasMessageContaining("is not empty");
        }
        assertThat(theirs.resolve(file)).hasContent("theirs");
        assertThat(theirs.toFile().list()).containsExactly(file);
    }

    // ---- places

    /** A copy without the lock file, as other tools may make it, is read and left as it is. */
    @Test
    void whoReadsLeavesNoTraces() throws Exception {
        Files.delete(base.resolve(DirectoryLock.FILE));
        List<String> before = List.of(base.toFile().list());
        try (Fake g = new Fake(PAGES);
                Restored r = snapshots.restore(base, g.machine, RestoreMode.LAZY)) {
            assertThat(g.read(7)).isEqualTo(memory[7]);
        }
        snapshots.verify(base, x -> {});
        assertThat(base.toFile().list()).containsExactlyInAnyOrderElementsOf(before);
    }

    @Test
    void aHostileLockFileHangsNobody() throws Exception {
        Path lock = base.resolve(DirectoryLock.FILE);
        Files.delete(lock);
        assertThat(new ProcessBuilder("mkfifo", lock.toString()).start().waitFor()).isZero();
        snapshots.verify(base, x -> {});
        assertThatThrownBy(() -> snapshots.compact(base, x -> {}))
                .hasMessageContaining("cannot be locked")
                .hasMessageContaining(lock.toString());
        Files.delete(lock);
        Files.createSymbolicLink(lock, home.resolve("elsewhere"));
        snapshots.verify(base, x -> {});
        assertThatThrownBy(() -> snapshots.compact(base, x -> {}))
                .hasMessageContaining("cannot be locked");
        assertThat(home.resolve("elsewhere")).doesNotExist();
    }

    /** What it says is of whoever wrote it. */
    @Test
    void whatALockFileSaysIsNotObeyedByATerminal() throws Exception {
        Path left = Files.createDirectory(home.resolve(".new.saving"));
        String escapes = "\u001b[2J\u001b]0;owned\u0007\r\nall is well\u202e\u009b1m";
        try (DirectoryLock a = held(left, escapes);
                DirectoryLock b = held(child, escapes)) {
            for (Path dir : List.of(left, child)) {
                assertThatThrownBy(() -> snapshots.delete(dir))
                        .satisfies(e -> isPlain(e.getMessage()));
            }
            assertThatThrownBy(() -> snapshots.compact(child, x -> {}))
                    .satisfies(e -> isPlain(e.getMessage()));
            assertThat(snapshots.list(home))
                    .filteredOn(Listed::unfinished)
                    .singleElement()
                    .satisfies(l -> isPlain(l.error()));
        }
    }

    private static DirectoryLock held(Path dir, String why) throws SnapshotException {
        return DirectoryLock.take(
                dir, DirectoryLock.Use.WRITE, why, 0, DirectoryLock.Without.REFUSE);
    }

    private static void isPlain(String s) {
        assertThat(s).contains("all is well");
        assertThat(s.chars()).noneMatch(c -> Character.isISOControl(c) || c == 0x202E);
    }

    @Test
    void savesFollowLinksAndKeepADirectoryThatIsThere() throws Exception {
        Path disk = Files.createDirectory(home.resolve("disk"));
        Files.setPosixFilePermissions(disk, PosixFilePermissions.fromString("rwxr-x---"));
        Files.createDirectory(disk.resolve("lost+found")); // the root of a file system
        Path link = Files.createSymbolicLink(home.resolve("link"), disk);
        Object key = Files.readAttributes(disk, "unix:ino").get("ino");
        try (Fake f = new Fake(PAGES).fill(9)) {
            snapshots.save(f.machine, link, x -> {});
            assertThat(Files.isSymbolicLink(link)).isTrue();
            assertThat(Files.readAttributes(disk, "unix:ino").get("ino")).isEqualTo(key);
            assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(disk)))
                    .isEqualTo("rwxr-x---");
            snapshots.verify(link, x -> {});
            snapshots.verify(disk, x -> {});

            Path dangling = home.resolve("later");
            Files.createSymbolicLink(dangling, Path.of("made", "..", "made", "deep", "snap"));
            snapshots.save(f.machine, dangling, x -> {});
            assertThat(Files.isSymbolicLink(dangling)).isTrue();
            snapshots.verify(home.resolve("made/deep/snap"), x -> {});
        }
        snapshots.delete(link);
        assertThat(link).doesNotExist();
        assertThat(disk.toFile().list()).containsExactly("lost+found");
    }

    @Test
    void aSaveThatFailsLeavesADirectoryAsItWasAndNoneThatItMade() throws Exception {
        Path empty = Files.createDirectory(home.resolve("empty"));
        try (Fake f = new Fake(PAGES).fill(9)) {
            for (Path p : List.of(empty, home.resolve("a/b/c"))) {
                assertThatThrownBy(() ->
                                snapshots.save(
                                        f.machine,
                                        p,
                                        x -> {
                                            throw new IllegalStateException("the caller's");
                                        }))
                        .hasMessageContaining("the caller's");
            }
        }
        assertThat(empty).isEmptyDirectory();
        assertThat(home.resolve("a")).doesNotExist();
        assertThat(home.toFile().list()).containsExactlyInAnyOrder("base", "child", "empty");
    }

    /** Each new directory is on the medium before what is made in it. */
    @Test
    void newParentsAreForced() throws Exception {
        CrashDisk disk = new CrashDisk();
        try (Fake f = new Fake(PAGES).fill(9)) {
            new Snapshots(disk, Fake.HOST).save(f.machine, home.resolve("a/b/c"), x -> {});
        }
        Path real = home.toRealPath();
        assertThat(disk.forced()).containsSubsequence(real, real.resolve("a"), real.resolve("a/b"));
    }
}
