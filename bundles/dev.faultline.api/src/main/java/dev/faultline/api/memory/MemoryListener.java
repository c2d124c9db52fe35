// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.memory;

import org.osgi.annotation.versioning.ConsumerType;

/**
 * Told of every change of the guest-physical map, after the new map is published (but for {@link
 * #beforeMapping}) and before old backing memory is released. Called on the thread that changes the
 * map, with the map's lock held: do not change the map from here.
 */
@ConsumerType
public interface MemoryListener {
    /**
     * The block's bytes are about to be mapped; the guest cannot reach them there yet. Not followed
     * by another call if the range was mapped to the same bytes already. Throwing prevents the
     * mapping.
     *
     * @param now exactly the range that was asked for
     */
    default void beforeMapping(MemorySlot now) {}

    /**
     * The block's host memory is released when this returns; no slot refers to it any more. Whoever
     * reads it by its hva stops here.
     */
    default void beforeRelease(RamBlock block) {}

    /**
     * The block's bytes become zero without a write ({@link RamBlock#discard}). Called before, and
     * again after, on the discarding thread with no lock held.
     */
    default void discarding(RamBlock block, long offset, long bytes) {}

    /** Device space became RAM or ROM. {@code now} covers exactly the new range. */
    default void mappingAdded(MemorySlot now) {}

    /** RAM or ROM became device space. {@code old} covers exactly the range that went. */
    default void mappingRemoved(MemorySlot old) {}

    /** The same gpa range changed its backing or its read-only flag. */
    default void mappingChanged(MemorySlot old, MemorySlot now) {}
}
