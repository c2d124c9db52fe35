// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.platform;

import dev.faultline.api.address.Hva;
import java.util.BitSet;
import org.osgi.annotation.versioning.ProviderType;

/** One reservation of host memory. Reads of never-touched or discarded bytes give zero. */
@ProviderType
public interface HostRegion extends AutoCloseable {
    /** hva of the first byte; page-aligned; stays valid until {@link #close()}. */
    @Hva
    long address();

    /** Size in bytes, a multiple of the host's page size. */
    long size();

    /**
     * Gives the pages' host memory back; they read as zero afterwards. The caller guarantees that
     * nobody accesses the range meanwhile: not every host can do it in one step.
     *
     * @param offset bytes from the start, page-aligned
     * @param bytes length, page-aligned
     * @throws HostMemoryException {@link HostError#INVALID} for a misaligned range or one past the
     *     end
     */
    void discard(long offset, long bytes);

    /**
     * Bytes of this region that occupy host memory now (a momentary figure, from the operating
     * system; pages only ever read may count).
     */
    long residentBytes();

    /**
     * Finds out which pages may hold anything but zeroes, at a cost of what was touched rather than
     * of the size: what was never written, or was discarded, reads as zero.
     *
     * @param offset bytes from the start, a multiple of the host's page size
     * @param pages of 4096 bytes; together a multiple of the host's page size
     * @param to bit i is set if page i from {@code offset} on may hold something; a page read only
     *     may count, and so may neighbours that the host keeps together with a touched one
     * @return false if this host cannot tell: {@code to} is as it was, and any page may hold
     *     something
     * @throws HostMemoryException {@link HostError#INVALID} for a misaligned range or one past the
     *     end
     */
    default boolean touched(long offset, int pages, BitSet to) {
        return false;
    }

    /**
     * Releases the reservation. The caller guarantees that nobody touches it any more: a later
     * access through a stale hva may kill the process. Idempotent.
     */
    @Override
    void close();
}
