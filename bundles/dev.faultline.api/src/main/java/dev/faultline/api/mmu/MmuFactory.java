// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.mmu;

import dev.faultline.api.memory.GuestMemory;
import dev.faultline.api.protection.RamProtection;
import org.osgi.annotation.versioning.ProviderType;

/** Service: makes the translation of a new machine. */
@ProviderType
public interface MmuFactory {
    /** The result listens to both arguments until it is closed. */
    Mmu create(GuestMemory memory, RamProtection protection);
}
