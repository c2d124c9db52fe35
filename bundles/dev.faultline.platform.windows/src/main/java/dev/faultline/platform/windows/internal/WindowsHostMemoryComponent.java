// SPDX-License-Identifier: Apache-2.0
package dev.faultline.platform.windows.internal;

import dev.faultline.api.platform.HostMemory;
import dev.faultline.api.platform.HostRegion;
import dev.faultline.api.platform.SharedMemory;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;

/** Offers {@link HostMemory} on Windows. */
@Component(property = HostMemory.PLATFORM + "=windows")
public final class WindowsHostMemoryComponent implements HostMemory {
    private final HostMemory memory = new WindowsHostMemory(new NativeKernel32());

    @Activate
    public WindowsHostMemoryComponent() {}

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
