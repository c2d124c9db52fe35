// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.format;

import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.api.snapshot.SourceStatistics;
import dev.faultline.snapshot.internal.image.Image;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * Where one snapshot's objects are read from. What comes out is whatever was there: {@link Image}
 * verifies it. Failures are typed. Thread-safe. {@link Object#toString} is the place, as messages
 * name it.
 */
public interface Origin extends AutoCloseable {
    /**
     * Length of an object in bytes, at least 0.
     *
     * @throws SnapshotException of kind MISSING if there is no such object
     */
    long length(String name) throws SnapshotException;

    boolean has(String name) throws SnapshotException;

    /**
     * Reads {@code n} bytes of an object from {@code at} into {@code to} from {@code off}. The
     * caller knows from the object's length that they are there.
     */
    void read(String name, long at, byte[] to, int off, int n) throws SnapshotException;

    /**
     * Whoever would delete the snapshot is kept from it until {@link #letGo} or {@link #close},
     * where that can be done. Idempotent. Before the first read of more than the manifest.
     *
     * @throws SnapshotException of kind IN_USE if it is just being deleted
     */
    default void hold() throws SnapshotException {}

    /** Ends {@link #hold}: nothing more is read, until somebody holds it again. Idempotent. */
    default void letGo() {}

    /** An object that may be wanted later is kept at hand, if it can be and is there. */
    default void keep(String name) {}

    /** The places where a parent may be, the likeliest first; none is opened yet. */
    Iterable<Origin> parents(Manifest.Parent wanted) throws SnapshotException;

    /**
     * A guest waits for what the calling thread reads until {@link #end}: all of it has one
     * deadline, that of its parents' origins included.
     */
    default void begin() {}

    default void end() {}

    /** How long a guest may have to wait for a page; 0 if the place is trusted to answer. */
    default long patienceMillis() {
        return 0;
    }

    /** What is left to the calling thread between {@link #begin} and {@link #end}. */
    default long leftMillis() {
        return Long.MAX_VALUE;
    }

    /** What to throw when nothing is left while others read. */
    SnapshotException late();

    /** The directory of this host, or null. */
    @Nullable Path dir();

    /** Bytes between two wanted ranges up to which it is better to read them as one. */
    int worthwhileGap();

    SourceStatistics statistics();

    @Override
    void close() throws SnapshotException;
}
