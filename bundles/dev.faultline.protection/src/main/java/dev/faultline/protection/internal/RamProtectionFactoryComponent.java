// SPDX-License-Identifier: Apache-2.0
package dev.faultline.protection.internal;

import dev.faultline.api.memory.GuestMemory;
import dev.faultline.api.protection.RamProtection;
import dev.faultline.api.protection.RamProtectionFactory;
import org.osgi.service.component.annotations.Component;

/** Offers {@link RamProtectionFactory}. */
@Component
public final class RamProtectionFactoryComponent implements RamProtectionFactory {
    @Override
    public RamProtection create(GuestMemory memory) {
        return new PageProtection(memory);
    }
}
