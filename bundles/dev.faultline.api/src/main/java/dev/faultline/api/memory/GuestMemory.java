// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.memory;

import dev.faultline.api.address.Gpa;
import dev.faultline.api.address.Hva;
import dev.faultline.api.platform.HostRegion;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.osgi.annotation.versioning.ProviderType;

/**
 * The guest-physical space of one machine: the memory slot manager. Reading methods never lock and
 * may be called from any thread; changing methods serialise among themselves, are all-or-nothing,
 * and when they return no vCPU can still use an old mapping.
 */
@ProviderType
public interface GuestMemory extends AutoCloseable {
    /** Width of a guest-physical address in bits; mappings beyond it are rejected. */
    int physicalAddressBits();

    /**
     * Adds host memory as a block that slots may refer to.
     *
     * @param name unique, non-blank
     * @param bytes positive multiple of 4096
     * @throws IllegalArgumentException for a bad size or a name in use
     */
    RamBlock addBlock(String name, long bytes);

    /**
     * Adds memory that the caller has as a block. From then on the region is this space's: it is
     * closed when the block goes.
     *
     * @param name unique, non-blank
     * @param region page-aligned, a positive multiple of 4096 bytes
     * @throws IllegalArgumentException for a misaligned, empty or wrapping region or a name in use;
     *     the region is still the caller's
     */
    RamBlock addBlock(String name, HostRegion region);

    /**
     * Removes a block and gives its host memory back.
     *
     * @throws IllegalStateException if a slot still refers to it
     */
    void removeBlock(RamBlock block);

    List<RamBlock> blocks();

    /**
     * Maps {@code size} bytes at {@code gpa} to the block's bytes at {@code offset}; the new
     * mapping wins over what was there, which is trimmed, split or replaced.
     *
     * @throws IllegalArgumentException for misaligned, empty, wrapping or out-of-range arguments,
     *     with the value in hex
     */
    void map(@Gpa long gpa, long size, RamBlock block, long offset, boolean readOnly);

    /**
     * Makes the range device space. Parts without a slot are left as they are. Same argument checks
     * as {@link #map}.
     */
    void unmap(@Gpa long gpa, long size);

    /**
     * The slots, ascending, disjoint, coalesced. An immutable snapshot, and the same object until a
     * slot changes: what is derived from it can be kept as long.
     */
    List<MemorySlot> slots();

    /** The slot at {@code gpa}, or null for device space. O(log slots), no allocation. */
    @Nullable MemorySlot slotAt(@Gpa long gpa);

    /**
     * hva of the byte at {@code gpa}, or -1 for device space. Ignores protection: for providers of
     * this platform only.
     */
    @Hva
    long hvaOf(@Gpa long gpa);

    /** One more than the highest gpa ever mapped; 0 before the first mapping. */
    @Gpa
    long highestMapped();

    void addListener(MemoryListener listener);

    void removeListener(MemoryListener listener);

    /** Releases all blocks. The caller guarantees that no vCPU runs. */
    @Override
    void close();
}
