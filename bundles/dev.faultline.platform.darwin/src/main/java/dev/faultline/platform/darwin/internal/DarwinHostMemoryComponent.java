// SPDX-License-Identifier: Apache-2.0
package dev.faultline.platform.darwin.internal;

import dev.faultline.api.platform.HostMemory;
import dev.faultline.api.platform.HostRegion;
import dev.faultline.api.platform.SharedMemory;
import dev.faultline.platform.unix.Abi;
import dev.faultline.platform.unix.UnixHostMemory;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;

/** Offers {@link HostMemory} on macOS. */
@Component(property = HostMemory.PLATFORM + "=darwin")
public final class DarwinHostMemoryComponent implements HostMemory {
    private final HostMemory memory = new UnixHostMemory(Abi.DARWIN);

    @Activate
    public DarwinHostMemoryComponent() {}

    @Override
    public int pageSize() {
        return memory.pageSize();
    }

    @Override
    public HostRegion reserve(long bytes) {
        return memory.reserve(bytes);
    }

    @Override
    public SharedMemory share(long bytes) {
        return memory.share(bytes);
    }
}
