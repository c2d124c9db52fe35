// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.snapshot;

import java.io.IOException;
import java.nio.ByteBuffer;
import org.osgi.annotation.versioning.ConsumerType;

/**
 * The objects of one snapshot, read-only: {@code manifest}, {@code index-N}, {@code pack-N} and
 * perhaps {@code trace}; {@code docs/snapshot-format.md} says what is in them. A source moves bytes
 * and need not understand them.
 *
 * <p>A source is not trusted. Every byte is checked against the snapshot's SHA-256 tree before a
 * guest sees it, sizes before anything is allocated. Methods are called on threads of the snapshot
 * service, several at a time, never on a vCPU's. Each call has a deadline: one that is late is
 * interrupted and its result, if there is one later, thrown away. A call that fails in whatever way
 * (any exception, a deadline, too few bytes) is made again a few times; then the machine is paused
 * with a {@link SnapshotException} of kind {@link SnapshotException.Kind#SOURCE} and nothing is
 * filled in. {@link SourceException} says whether and when asking again is of use. The object
 * {@code trace} is advice: however it fails, it is as if there were none. The deadline and the
 * retries are the operator's (configuration {@code dev.faultline.snapshot.source}).
 *
 * <p>Objects must not change while the source is open; a source that can notice a change reports it
 * as an {@link IOException}.
 */
@ConsumerType
public interface PageSource extends AutoCloseable {
    /**
     * Length of an object in bytes.
     *
     * @throws java.nio.file.NoSuchFileException if there is no such object
     * @throws IOException if that cannot be found out
     */
    long length(String name) throws IOException;

    /**
     * Puts the bytes of an object from {@code at} on into {@code to} until that is full.
     *
     * @param at offset in bytes; {@code at} + {@code to.remaining()} is not above the length that
     *     this source gave
     * @param to a heap buffer that is this call's alone. What is put there counts only if the call
     *     returns and left nothing remaining
     * @throws java.nio.file.NoSuchFileException if there is no such object
     * @throws IOException if not all of it could be read; the message is one line for people
     */
    void read(String name, long at, ByteBuffer to) throws IOException;

    /** Calls in progress may fail. No call comes after it. */
    @Override
    void close() throws IOException;
}
