// SPDX-License-Identifier: Apache-2.0
package dev.faultline.mmu.internal;

import dev.faultline.api.memory.GuestMemory;
import dev.faultline.api.mmu.Mmu;
import dev.faultline.api.mmu.MmuFactory;
import dev.faultline.api.protection.RamProtection;
import org.osgi.service.component.annotations.Component;

/** Service wrapper of {@link GuestMmu}. */
@Component
public final class PagingMmuFactory implements MmuFactory {
    @Override
    public Mmu create(GuestMemory memory, RamProtection protection) {
        return new GuestMmu(memory, protection);
    }
}
