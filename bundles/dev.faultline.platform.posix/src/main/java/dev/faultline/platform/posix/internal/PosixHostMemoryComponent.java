// SPDX-License-Identifier: Apache-2.0
package dev.faultline.platform.posix.internal;

import dev.faultline.api.platform.CodeMemory;
import dev.faultline.api.platform.HostMemory;
import dev.faultline.api.platform.HostRegion;
import dev.faultline.api.platform.SharedMemory;
import dev.faultline.platform.unix.Abi;
import dev.faultline.platform.unix.UnixHostMemory;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;

/** Offers {@link HostMemory} on Linux and FreeBSD. */
@Component(property = HostMemory.PLATFORM + "=posix")
public final class PosixHostMemoryComponent implements HostMemory {
    private final HostMemory memory = new UnixHostMemory(Abi.ofHost());

    @Activate
    public PosixHostMemoryComponent() {}

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

    @Override
    public CodeMemory code(long bytes) {
        return memory.code(bytes);
    }
}
