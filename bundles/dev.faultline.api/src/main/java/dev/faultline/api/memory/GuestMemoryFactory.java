// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.memory;

import org.osgi.annotation.versioning.ProviderType;

/** Service: makes the guest-physical space of a new machine. */
@ProviderType
public interface GuestMemoryFactory {
    /**
     * @param physicalAddressBits 32 .. 52
     */
    GuestMemory create(int physicalAddressBits);
}
