// SPDX-License-Identifier: Apache-2.0
package dev.faultline.platform.windows.internal;

import dev.faultline.api.platform.HostError;
import dev.faultline.api.platform.HostMemory;
import dev.faultline.api.platform.HostMemoryException;
import dev.faultline.api.platform.HostRegion;

/**
 * Private pages, reserved and committed as a whole. A committed page occupies memory only from its
 * first access, but the whole range counts against the system's commit limit at once: committing on
 * demand would mean to handle access violations inside the JVM, which Java code cannot. A guest
 * larger than what the page file allows is refused with {@link HostError#NO_MEMORY} here, and never
 * fails later.
 */
final class WindowsHostMemory implements HostMemory {
    private static final long MAX_BYTES = 1L << 46;

    /** Pages that one working-set query asks about (16 bytes each). */
    private static final int BATCH = 1 << 14;

    private final Kernel32 kernel;
    private final int pageSize;

    WindowsHostMemory(Kernel32 kernel) {
        this.kernel = kernel;
        this.pageSize = kernel.pageSize();
    }

    @Override
    public int pageSize() {
        return pageSize;
    }

    @Override
    public HostRegion reserve(long bytes) {
        if (bytes < 1 || bytes > MAX_BYTES) {
            throw new HostMemoryException(
                    HostError.INVALID,
                    "reserve 0x%x bytes: expected 1 .. 0x%x".formatted(bytes, MAX_BYTES));
        }
        long size = bytes + pageSize - 1 & -(long) pageSize;
        long address =
                kernel.virtualAlloc(
                        0,
                        size,
                        Kernel32.MEM_RESERVE | Kernel32.MEM_COMMIT,
                        Kernel32.PAGE_READWRITE);
        if (address < 0) {
            throw WindowsErrors.failure("reserve 0x%x bytes".formatted(size), (int) -address);
        }
        return new Region(address, size);
    }

    private final class Region implements HostRegion {
        private final long address;
        private final long size;
        private boolean closed;

        Region(long address, long size) {
            this.address = address;
            this.size = size;
        }

        @Override
        public long address() {
            return address;
        }

        @Override
        public long size() {
            return size;
        }

        /** Two steps: nothing else gives zeroes. Between them the pages are inaccessible. */
        @Override
        public synchronized void discard(long offset, long bytes) {
            requireOpen();
            if (offset < 0
                    || bytes < 0
                    || (offset | bytes) % pageSize != 0
                    || offset > size
                    || bytes > size - offset) {
                throw new HostMemoryException(
                        HostError.INVALID,
                        "discard 0x%x bytes at offset 0x%x: expected multiples of 0x%x within 0x%x bytes"
                                .formatted(bytes, offset, pageSize, size));
            }
            if (bytes == 0) {
                return;
            }
            String what = "discard 0x%x bytes at 0x%x".formatted(bytes, address + offset);
            int error = kernel.virtualFree(address + offset, bytes, Kernel32.MEM_DECOMMIT);
            if (error != 0) {
                throw WindowsErrors.failure(what, error);
            }
            long r =
                    kernel.virtualAlloc(
                            address + offset, bytes, Kernel32.MEM_COMMIT, Kernel32.PAGE_READWRITE);
            if (r < 0) {
                throw WindowsErrors.failure(
                        what + ", commit again (the range is unusable now)", (int) -r);
            }
        }

        @Override
        public synchronized long residentBytes() {
            requireOpen();
            long pages = size / pageSize;
            long resident = 0;
            for (long at = 0; at < pages; at += BATCH) {
                int n = (int) Math.min(BATCH, pages - at);
                long present = kernel.workingSetPages(address + at * pageSize, n, pageSize);
                if (present < 0) {
                    throw WindowsErrors.failure(
                            "count resident pages at 0x%x".formatted(address), (int) -present);
                }
                resident += present;
            }
            return resident * pageSize;
        }

        /** A call on a released range would reach whatever the process has mapped there since. */
        private void requireOpen() {
            if (closed) {
                throw new HostMemoryException(
                        HostError.INVALID, "the region at 0x%x is closed".formatted(address));
            }
        }

        @Override
        public synchronized void close() {
            if (closed) {
                return;
            }
            closed = true;
            int error = kernel.virtualFree(address, 0, Kernel32.MEM_RELEASE);
            if (error != 0) {
                throw WindowsErrors.failure(
                        "release 0x%x bytes at 0x%x".formatted(size, address), error);
            }
        }
    }
}
