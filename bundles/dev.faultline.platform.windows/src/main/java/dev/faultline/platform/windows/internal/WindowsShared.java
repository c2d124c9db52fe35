// SPDX-License-Identifier: Apache-2.0
package dev.faultline.platform.windows.internal;

import dev.faultline.api.platform.HostError;
import dev.faultline.api.platform.HostMemoryException;
import dev.faultline.api.platform.SharedMemory;

/** A section backed by the page file, mapped for its owner. */
final class WindowsShared implements SharedMemory {
    private final WindowsHostMemory host;
    private final long section;
    private final long address;
    private final long size;
    private boolean closed;

    private WindowsShared(WindowsHostMemory host, long section, long address, long size) {
        this.host = host;
        this.section = section;
        this.address = address;
        this.size = size;
    }

    static WindowsShared create(WindowsHostMemory host, long size) {
        String what = "share 0x%x bytes".formatted(size);
        long section = host.kernel.createSection(size);
        if (section < 0) {
            throw WindowsErrors.failure(what, (int) -section);
        }
        long r = host.kernel.mapView(section, size, false);
        if (r < 0) {
            HostMemoryException failed = WindowsErrors.failure(what, (int) -r);
            int left = host.kernel.closeHandle(section);
            if (left != 0) {
                failed.addSuppressed(WindowsErrors.failure("close the section", left));
            }
            throw failed;
        }
        return new WindowsShared(host, section, r, size);
    }

    @Override
    public long address() {
        return address;
    }

    @Override
    public long size() {
        return size;
    }

    @Override
    public synchronized View view() {
        requireOpen();
        long r = host.kernel.mapView(section, size, true);
        if (r < 0) {
            throw WindowsErrors.failure(
                    "view 0x%x bytes of shared memory".formatted(size), (int) -r);
        }
        return new WindowsView(host, r, size);
    }

    @Override
    public synchronized long residentBytes() {
        requireOpen();
        return host.resident(address, size, false);
    }

    private void requireOpen() {
        if (closed) {
            throw new HostMemoryException(
                    HostError.INVALID, "the shared memory at 0x%x is closed".formatted(address));
        }
    }

    @Override
    public synchronized void close() {
        if (closed) {
            return;
        }
        closed = true;
        int unmapped = host.kernel.unmapView(address);
        int left = host.kernel.closeHandle(section);
        if (unmapped != 0 || left != 0) {
            throw WindowsErrors.failure(
                    "release 0x%x shared bytes at 0x%x".formatted(size, address),
                    unmapped != 0 ? unmapped : left);
        }
    }
}
