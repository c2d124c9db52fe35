// SPDX-License-Identifier: Apache-2.0
package dev.faultline.memory.internal;

import dev.faultline.api.memory.GuestMemory;
import dev.faultline.api.memory.GuestMemoryFactory;
import dev.faultline.api.platform.HostMemory;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;

/** Offers {@link GuestMemoryFactory} over the host memory of the running platform. */
@Component
public final class GuestMemoryFactoryComponent implements GuestMemoryFactory {
    private final HostMemory host;

    @Activate
    public GuestMemoryFactoryComponent(@Reference HostMemory host) {
        this.host = host;
    }

    @Override
    public GuestMemory create(int physicalAddressBits) {
        return new GuestSpace(host, physicalAddressBits);
    }
}
