// SPDX-License-Identifier: Apache-2.0
package dev.faultline.memory.internal;

import dev.faultline.api.memory.GuestMemory;
import dev.faultline.api.memory.GuestMemoryFactory;
import dev.faultline.api.platform.HostMemory;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.osgi.service.component.annotations.ReferencePolicy;
import org.osgi.service.component.annotations.ReferencePolicyOption;

/** Offers {@link GuestMemoryFactory} over the host memory of the running platform. */
@Component
public final class GuestMemoryFactoryComponent implements GuestMemoryFactory {
    /** Of new memory; what there is keeps the platform that it came from. */
    private volatile HostMemory host;

    @Activate
    @SuppressWarnings("NullAway.Init") // the framework binds the host before it activates
    public GuestMemoryFactoryComponent() {}

    /** For tests. */
    public GuestMemoryFactoryComponent(HostMemory host) {
        bindHost(host);
    }

    /** The best there is: a better one is bound before the former one is unbound. */
    @Reference(
            name = "host",
            policy = ReferencePolicy.DYNAMIC,
            policyOption = ReferencePolicyOption.GREEDY)
    void bindHost(HostMemory next) {
        host = next;
    }

    void unbindHost(HostMemory former) {
        // The next one has taken its place, or this component goes.
    }

    @Override
    public GuestMemory create(int physicalAddressBits) {
        return new GuestSpace(host, physicalAddressBits);
    }
}
