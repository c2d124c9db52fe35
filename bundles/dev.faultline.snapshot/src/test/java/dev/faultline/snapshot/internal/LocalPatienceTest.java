// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.api.snapshot.PageSource;
import dev.faultline.api.snapshot.RestoreMode;
import dev.faultline.api.snapshot.Restored;
import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.api.snapshot.SnapshotException.Kind;
import dev.faultline.snapshot.internal.disk.Disk;
import dev.faultline.snapshot.internal.format.Layout;
import dev.faultline.snapshot.internal.image.Image;
import dev.faultline.snapshot.internal.source.DirectorySource;
import dev.faultline.snapshot.internal.source.SourcePolicy;
import dev.faultline.snapshot.internal.source.Sources;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A disk that is slow, hangs or fails, under a guest that waits for its pages. */
class LocalPatienceTest {
    private static final int PAGES = 1200;
    private static final SourcePolicy PATIENT =
            new SourcePolicy(300_000, 300_000, 3, 1, 300_000, 0);
    private static final SourcePolicy SHORT = new SourcePolicy(300_000, 300_000, 3, 1, 300, 0);

    /** A directory whose packs are read as the test says. */
    private static final class Disturbed implements PageSource {
        private final PageSource real;
        private final Path dir;
        private final LocalPatienceTest test;

        Disturbed(Path dir, LocalPatienceTest test) {
            this.real = new DirectorySource(dir);
            this.dir = dir;
            this.test = test;
        }

        @Override
        public long length(String name) throws IOException {
            return real.length(name);
        }

        @Override
        public void read(String name, long at, ByteBuffer to) throws IOException {
            if (name.startsWith("pack") && at >= Layout.HEAD && dir.equals(test.disturbed)) {
                test.reads.incrementAndGet();
                Runnable hang = test.hang;
                if (hang != null) {
                    hang.run();
                }
                if (test.failures.getAndDecrement() > 0) {
                    throw new IOException("Input/output error");
                }
            }
            real.read(name, at, to);
        }

        @Override
        public void close() throws IOException {
            real.close();
        }
    }

    @TempDir Path home;
    private final Sources sources = new Sources(PATIENT);
    private final Snapshots snapshots = new Snapshots(Disk.REAL, Fake.HOST, sources);
    private final CountDownLatch release = new CountDownLatch(1);
    private final AtomicInteger failures = new AtomicInteger();
    private final AtomicInteger reads = new AtomicInteger();
    private volatile Runnable hang;
    private volatile Path disturbed;
    private Fake saved;
    private Fake lazy;
    private Path dir;

    @BeforeEach
    void save() throws Exception {
        dir = home.resolve("s");
        disturbed = dir;
        saved = new Fake(PAGES).fill(31);
        lazy = new Fake(PAGES);
        snapshots.save(saved.machine, dir, x -> {});
        sources.directories = d -> new Disturbed(d, this);
    }

    @AfterEach
    void close() {
        release.countDown();
        saved.close();
        lazy.close();
    }

    private void assertSame() {
        for (int p = 0; p < saved.pages(); p++) {
            assertThat(lazy.read(p)).as("page %d", p).isEqualTo(saved.peek(p));
        }
    }

    /** A page in a chunk. */
    private int stored() throws SnapshotException {
        try (Image x = Image.open(dir)) {
            int p = 0;
            while (x.kind(p) != Layout.CHUNK) {
                p++;
            }
            return p;
        }
    }

    private void await() {
        boolean waits = true;
        while (waits) {
            try {
                release.await();
                waits = false;
            } catch (InterruptedException e) {
                // As a read of a disk: it does not end before the disk answers.
            }
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = RestoreMode.class,
            names = {"EAGER", "LAZY"})
    void aSlowReadIsWaitedFor(RestoreMode mode) throws Exception {
        CountDownLatch inside = new CountDownLatch(1);
        hang =
                () -> {
                    inside.countDown();
                    await();
                };
        Thread disk =
                Thread.ofPlatform()
                        .start(() -> {
                            try {
                                inside.await();
                                hang = null;
                                release.countDown();
                            } catch (InterruptedException e) {
                                throw new IllegalStateException(e);
                            }
                        });
        try (Restored r = snapshots.restore(dir, lazy.machine, mode)) {
            assertSame();
            assertThat(r.failure()).isNull();
        }
        disk.join();
    }

    @Test
    void aReadThatHangsEndsInTimeNamesItsFileAndTheMachineGoesOnWhenTheDiskAnswers()
            throws Exception {
        int page = stored();
        try (Restored r = snapshots.restore(dir, lazy.machine, RestoreMode.LAZY)) {
            sources.use(SHORT);
            hang = this::await;
            assertThat(lazy.read(page)).isNull();
            assertThat(r.failure().kind()).isEqualTo(Kind.SOURCE);
            assertThat(r.failure())
                    .hasMessageContaining(dir.resolve("pack-0").toString())
                    .hasMessageContaining("0x10")
                    .hasMessageContaining("300 ms");
            assertThat(lazy.read(page)).isNull(); // and again
            hang = null;
            sources.use(PATIENT);
            assertThat(lazy.read(page)).isEqualTo(saved.peek(page)); // the first reads hang still
            release.countDown();
            assertSame();
            assertThat(r.failure()).isNull();
        }
    }

    @Test
    void anotherCopyCanBeAttachedMeanwhile() throws Exception {
        int page = stored();
        Path copy = Files.createDirectory(home.resolve("copy"));
        for (String f : dir.toFile().list()) {
            Files.copy(dir.resolve(f), copy.resolve(f));
        }
        try (Restored r = snapshots.restore(dir, lazy.machine, RestoreMode.LAZY)) {
            sources.use(SHORT);
            hang = this::await;
            assertThat(lazy.read(page)).isNull();
            sources.use(PATIENT);
            r.reattach(copy.toUri());
            assertSame();
            assertThat(release.getCount()).isOne(); // the old disk hangs still
        }
    }

    /** Two vCPUs want the same page of a disk that hangs; neither waits for ever. */
    @Test
    void whoWaitsForAnothersReadHasADeadlineToo() throws Exception {
        int page = stored();
        CountDownLatch inside = new CountDownLatch(1);
        hang =
                () -> {
                    inside.countDown();
                    await();
                };
        try (Restored r = snapshots.restore(dir, lazy.machine, RestoreMode.LAZY)) {
            r.completeInBackground(); // not waited for: it reads on its own thread
            inside.await();
            sources.use(SHORT);
            assertThat(lazy.read(page)).isNull();
            assertThat(r.failure().kind()).isEqualTo(Kind.SOURCE);
            release.countDown();
            hang = null;
            sources.use(PATIENT);
            assertSame();
        }
    }

    @Test
    void anErrorIsTriedAgainThenNamedAndTheMachineGoesOn() throws Exception {
        int page = stored();
        try (Restored r = snapshots.restore(dir, lazy.machine, RestoreMode.LAZY)) {
            failures.set(2);
            assertThat(lazy.read(page)).isEqualTo(saved.peek(page));
            failures.set(1000);
            int bad = -1;
            for (int p = 0; bad < 0; p++) {
                bad = lazy.read(p) == null ? p : -1;
            }
            assertThat(r.failure().kind()).isEqualTo(Kind.IO);
            assertThat(r.failure())
                    .hasMessageContaining(dir.resolve("pack-0").toString())
                    .hasMessageContaining("Input/output error");
            failures.set(0);
            assertSame();
            assertThat(r.failure()).isNull();
        }
    }

    /** An interrupt closes the file under every reader's hands; the next one opens it again. */
    @Test
    void anInterruptedReaderSpoilsNothing() throws Exception {
        try (DirectorySource s = new DirectorySource(dir)) {
            ByteBuffer b = ByteBuffer.allocate(16);
            s.read("pack-0", 0, b);
            Thread.currentThread().interrupt();
            assertThatThrownBy(() -> s.read("pack-0", 0, ByteBuffer.allocate(16)))
                    .isInstanceOf(IOException.class);
            assertThat(Thread.interrupted()).isTrue();
            ByteBuffer again = ByteBuffer.allocate(16);
            s.read("pack-0", 0, again);
            assertThat(again.array()).isEqualTo(b.array());
        }
    }

    @ParameterizedTest
    @org.junit.jupiter.params.provider.ValueSource(
            strings = {"pack-0", "index-0", "manifest", "trace"})
    void whatIsNoFileIsRefusedAndHangsNobody(String name) throws Exception {
        Path file = dir.resolve(name);
        Files.deleteIfExists(file);
        assertThat(new ProcessBuilder("mkfifo", file.toString()).start().waitFor()).isZero();
        sources.directories = DirectorySource::new;
        if (name.equals("trace")) {
            try (Restored r = snapshots.restore(dir, lazy.machine, RestoreMode.LAZY)) {
                assertSame();
            }
            return;
        }
        assertThatThrownBy(() -> snapshots.restore(dir, lazy.machine, RestoreMode.LAZY))
                .isInstanceOf(SnapshotException.class)
                .hasMessageContaining(dir.toString());
        assertThatThrownBy(() -> snapshots.verify(dir, x -> {}))
                .isInstanceOf(SnapshotException.class);
        Files.delete(file);
        Files.createSymbolicLink(file, Path.of("/dev/zero"));
        assertThatThrownBy(() -> snapshots.restore(dir, lazy.machine, RestoreMode.LAZY))
                .isInstanceOf(SnapshotException.class);
    }
}
