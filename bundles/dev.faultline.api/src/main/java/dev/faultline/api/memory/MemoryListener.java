// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.memory;

import org.osgi.annotation.versioning.ConsumerType;

/**
 * Told of every change of the guest-physical map, after the new map is published and before old
 * backing memory is released. Called on the thread that changes the map, with the map's lock held:
 * do not change the map from here.
 */
@ConsumerType
public interface MemoryListener {
    /** Device space became RAM or ROM. {@code now} covers exactly the new range. */
    default void mappingAdded(MemorySlot now) {}

    /** RAM or ROM became device space. {@code old} covers exactly the range that went. */
    default void mappingRemoved(MemorySlot old) {}

    /** The same gpa range changed its backing or its read-only flag. */
    default void mappingChanged(MemorySlot old, MemorySlot now) {}
}
