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
import dev.faultline.snapshot.internal.disk.DirectoryLock;
import dev.faultline.testkit.HangGuard;
import java.io.BufferedReader;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicBoolean;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/**
 * A snapshot, its child and their memory, before each test; and somebody who uses them: a thread
 * that stands in the middle of what it does, or another process that holds a lock.
 */
abstract class TwoSnapshots {
    static final int PAGES = 700;

    @TempDir Path home;
    final Snapshots snapshots = new Snapshots(Fake.HOST);
    byte[][] memory;
    Path base;
    Path child;

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
    static final class Standing implements AutoCloseable {
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

    /** A thread that stands in the middle of it, until it is let go on. */
    Standing standing(Doing what) throws Exception {
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

    /** That it is refused as something that is in use. */
    static void inUse(ThrowingCallable what) {
        assertThatThrownBy(what)
                .isInstanceOfSatisfying(
                        SnapshotException.class,
                        e -> assertThat(e.kind()).as(e.getMessage()).isEqualTo(Kind.IN_USE));
    }

    /** Both are whole, as they were saved. */
    void allIsThere() throws Exception {
        assertThat(LiveSaveTest.memory(base)).isDeepEqualTo(memory);
        assertThat(LiveSaveTest.memory(child)).isDeepEqualTo(memory);
        snapshots.verify(base, x -> {});
        snapshots.verify(child, x -> {});
    }

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

    /** A process that has a lock of that kind on a snapshot. */
    static Process holder(Path dir, DirectoryLock.Use use) throws Exception {
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

    static void kill(Process p) throws Exception {
        p.destroyForcibly();
        HangGuard.join(p);
    }
}
