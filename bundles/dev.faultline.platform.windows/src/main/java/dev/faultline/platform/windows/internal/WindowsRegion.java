// SPDX-License-Identifier: Apache-2.0
package dev.faultline.platform.windows.internal;

import dev.faultline.api.platform.HostError;
import dev.faultline.api.platform.HostMemoryException;
import dev.faultline.api.platform.HostRegion;

/** One range of addresses, until it is closed. */
abstract class WindowsRegion implements HostRegion {
    final WindowsHostMemory host;
    final long address;
    final long size;
    private boolean closed;

    WindowsRegion(WindowsHostMemory host, long address, long size) {
        this.host = host;
        this.address = address;
        this.size = size;
    }

    @Override
    public final long address() {
        return address;
    }

    @Override
    public final long size() {
        return size;
    }

    @Override
    public final synchronized void discard(long offset, long bytes) {
        check("discard", offset, bytes);
        if (bytes != 0) {
            forget(address + offset, bytes);
        }
    }

    /** The range shall read as zero. */
    abstract void forget(long at, long bytes);

    /** 0, or the error number. */
    abstract int release();

    abstract long count();

    /** That the region is open and has the range. */
    final void check(String what, long offset, long bytes) {
        requireOpen();
        if (offset < 0
                || bytes < 0
                || (offset | bytes) % host.pageSize != 0
                || offset > size
                || bytes > size - offset) {
            throw new HostMemoryException(
                    HostError.INVALID,
                    "%s 0x%x bytes at offset 0x%x: expected multiples of 0x%x within 0x%x bytes"
                            .formatted(what, bytes, offset, host.pageSize, size));
        }
    }

    @Override
    public final synchronized long residentBytes() {
        requireOpen();
        return count();
    }

    /** A call on a released range would reach whatever the process has mapped there since. */
    private void requireOpen() {
        if (closed) {
            throw new HostMemoryException(
                    HostError.INVALID, "the region at 0x%x is closed".formatted(address));
        }
    }

    @Override
    public final synchronized void close() {
        if (closed) {
            return;
        }
        closed = true;
        int error = release();
        if (error != 0) {
            throw WindowsErrors.failure(
                    "release 0x%x bytes at 0x%x".formatted(size, address), error);
        }
    }
}
