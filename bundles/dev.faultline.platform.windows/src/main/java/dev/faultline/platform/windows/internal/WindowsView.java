// SPDX-License-Identifier: Apache-2.0
package dev.faultline.platform.windows.internal;

import dev.faultline.api.memory.HostBytes;
import dev.faultline.api.platform.SharedMemory;

/** A copy-on-write view of a section. */
final class WindowsView extends WindowsRegion implements SharedMemory.View {
    WindowsView(WindowsHostMemory host, long address, long size) {
        super(host, address, size);
    }

    /**
     * Part of a view can be neither decommitted nor replaced, so zeroes are written: pages of the
     * view's own, which occupy memory until it is closed.
     */
    @Override
    void forget(long at, long bytes) {
        HostBytes.fill(at, bytes, (byte) 0);
    }

    /** Nothing to do: until its own first write the view shows the section's pages themselves. */
    @Override
    public synchronized void follow(long offset, long bytes) {
        check("follow", offset, bytes);
    }

    @Override
    long count() {
        return host.resident(address, size, true);
    }

    @Override
    int release() {
        return host.kernel.unmapView(address);
    }
}
