// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.protection;

import dev.faultline.api.memory.GuestMemory;
import org.osgi.annotation.versioning.ProviderType;

/** Service: makes the protection of a new machine. */
@ProviderType
public interface RamProtectionFactory {
    /** The returned object listens to {@code memory} for unmapping until it is closed. */
    RamProtection create(GuestMemory memory);
}
