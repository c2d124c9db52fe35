// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.memory;

import dev.faultline.api.address.Hva;
import java.util.BitSet;
import org.osgi.annotation.versioning.ProviderType;

/**
 * A range of host memory that may back guest RAM (HAXM: RAM block). Immutable identity; freed by
 * {@link GuestMemory#removeBlock}.
 */
@ProviderType
public interface RamBlock {
    /** Name, unique within the machine, e.g. {@code "ram"}; snapshots refer to it. */
    String name();

    /** hva of the first byte, page-aligned. */
    @Hva
    long hva();

    /** Size in bytes, a multiple of 4096. */
    long size();

    /**
     * Gives pages of the block back to the host; they read as zero afterwards. The caller
     * guarantees that nobody accesses the range meanwhile: not every host can do it in one step.
     *
     * @param offset bytes from the block's start, a multiple of the host's page size
     * @param bytes length, a multiple of the host's page size
     * @throws dev.faultline.api.platform.HostMemoryException for a misaligned range or one past the
     *     end
     */
    void discard(long offset, long bytes);

    /**
     * Finds out which pages may hold anything but zeroes; as {@link
     * dev.faultline.api.platform.HostRegion#touched}.
     *
     * @param offset bytes from the block's start, a multiple of the host's page size
     * @param pages of 4096 bytes; together a multiple of the host's page size
     * @param to bit i is set if page i from {@code offset} on may hold something
     * @return false if that is not known: {@code to} is as it was, and any page may hold something
     */
    default boolean touched(long offset, int pages, BitSet to) {
        return false;
    }

    /** Bytes of this block that occupy host memory now, as the operating system counts them. */
    long residentBytes();
}
