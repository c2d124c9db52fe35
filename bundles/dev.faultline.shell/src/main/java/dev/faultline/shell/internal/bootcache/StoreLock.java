// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.bootcache;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Who changes which entries there are, one at a time: among the threads of this process by a lock
 * of its own, among processes by the host's lock on the file {@code lock}, which a process loses
 * when it dies. Held for renames and deletions, never while a guest is saved.
 */
final class StoreLock implements AutoCloseable {
    private static final String NAME = "lock";
    private static final long POLL_MILLIS = 10;
    private static final Map<Path, ReentrantLock> THREADS = new ConcurrentHashMap<>();

    private final ReentrantLock threads;
    private final FileChannel file;

    private StoreLock(ReentrantLock threads, FileChannel file) {
        this.threads = threads;
        this.file = file;
    }

    /**
     * Waits until nobody else has it.
     *
     * @param root the store's directory, which is there
     */
    static StoreLock take(Path root) throws IOException {
        ReentrantLock threads =
                THREADS.computeIfAbsent(root.toRealPath(), p -> new ReentrantLock());
        try {
            threads.lockInterruptibly();
        } catch (InterruptedException e) {
            throw interrupted();
        }
        try {
            return new StoreLock(threads, locked(root.resolve(NAME)));
        } catch (IOException | RuntimeException e) {
            threads.unlock();
            throw e;
        }
    }

    private static FileChannel locked(Path name) throws IOException {
        FileChannel file =
                FileChannel.open(name, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        try {
            lock(file);
            return file;
        } catch (IOException | RuntimeException e) {
            file.close();
            throw e;
        }
    }

    private static void lock(FileChannel file) throws IOException {
        for (; ; ) {
            try {
                file.lock();
                return;
            } catch (OverlappingFileLockException e) {
                // Another class loader's of this process, whose lock above is another one.
                try {
                    Thread.sleep(POLL_MILLIS);
                } catch (InterruptedException i) {
                    throw interrupted();
                }
            }
        }
    }

    private static IOException interrupted() {
        Thread.currentThread().interrupt();
        return new InterruptedIOException("interrupted while others change the boot cache");
    }

    @Override
    public void close() throws IOException {
        try {
            file.close(); // gives the host's lock back
        } finally {
            threads.unlock();
        }
    }
}
