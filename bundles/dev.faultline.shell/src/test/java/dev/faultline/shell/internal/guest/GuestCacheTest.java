// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.guest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.testkit.HangGuard;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Several programs prepare the same guest in one cache, at the same time. */
class GuestCacheTest {
    private static final int THREADS = 4;
    private static final int ROUNDS = 30;

    @TempDir Path cache;

    private interface Work {
        void run(int thread) throws Exception;
    }

    private static void together(Work work) throws Exception {
        CyclicBarrier start = new CyclicBarrier(THREADS);
        AtomicReference<Throwable> failure = new AtomicReference<>();
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < THREADS; i++) {
            int self = i;
            threads.add(
                    Thread.ofPlatform()
                            .start(() -> {
                                try {
                                    HangGuard.meet(start);
                                    work.run(self);
                                } catch (Throwable e) { // told to the test's thread
                                    failure.compareAndSet(null, e);
                                }
                            }));
        }
        for (Thread t : threads) {
            HangGuard.join(t);
        }
        assertThat(failure.get()).isNull();
    }

    @Test
    void whoeverReadsTheInitialFileSystemReadsAllOfIt() throws Exception {
        Path busybox = Files.write(cache.resolve("busybox"), new byte[200_000]);
        Path initrd = cache.resolve("initrd.cpio");
        Initramfs.write(initrd, busybox, "#!/bin/sh");
        byte[] whole = Files.readAllBytes(initrd);

        together(thread -> {
            for (int i = 0; i < ROUNDS; i++) {
                Initramfs.write(initrd, busybox, "#!/bin/sh");
                assertThat(Files.readAllBytes(initrd)).isEqualTo(whole);
            }
        });

        try (Stream<Path> left = Files.list(cache)) {
            assertThat(left).containsExactlyInAnyOrder(busybox, initrd);
        }
    }

    @Test
    void theFirstPackageIsTakenByAll() throws Exception {
        for (int i = 0; i < ROUNDS; i++) {
            Path at = cache.resolve("package-" + i);
            together(thread -> {
                Path mine = Files.createTempDirectory(cache, "package-");
                Files.writeString(mine.resolve("vmlinuz-" + thread), "kernel");
                DebianPackages.publish(mine, at);
                try (Stream<Path> files = Files.list(at)) {
                    assertThat(files).hasSize(1);
                }
            });
        }
    }
}
