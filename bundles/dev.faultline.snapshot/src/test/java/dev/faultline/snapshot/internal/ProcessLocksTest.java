// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.snapshot.internal.disk.DirectoryLock;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/**
 * Two processes on one snapshot: what one holds the other is refused, until it dies, and neither
 * loses its locks by what its other threads do.
 */
class ProcessLocksTest extends TwoSnapshots {
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
}
