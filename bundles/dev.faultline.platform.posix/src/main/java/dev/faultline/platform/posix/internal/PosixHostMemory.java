// SPDX-License-Identifier: Apache-2.0
package dev.faultline.platform.posix.internal;

import dev.faultline.api.platform.HostError;
import dev.faultline.api.platform.HostMemory;
import dev.faultline.api.platform.HostMemoryException;
import dev.faultline.api.platform.HostRegion;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Locale;

/**
 * Anonymous private mappings without a reservation of swap: a page costs memory from its first
 * write. On Linux {@code discard} is {@code MADV_DONTNEED}, which guarantees zeroes there and
 * nowhere else; other hosts get a fresh mapping laid over the range.
 */
final class PosixHostMemory implements HostMemory {
    private static final long MAX_BYTES = 1L << 46;
    private static final int MADV_DONTNEED = 4;

    /** Pages that one mincore call asks about. */
    private static final int BATCH = 1 << 16;

    private final boolean linux;
    private final int mapFlags;
    private final int pageSize = Libc.pageSize();

    PosixHostMemory() {
        this(System.getProperty("os.name"));
    }

    PosixHostMemory(String osName) {
        linux = osName.toLowerCase(Locale.ROOT).contains("linux");
        mapFlags =
                linux
                        ? Libc.MAP_PRIVATE | 0x20 /* MAP_ANONYMOUS */ | 0x4000 /* MAP_NORESERVE */
                        : Libc.MAP_PRIVATE | 0x1000 /* MAP_ANON */ | 0x40 /* MAP_NORESERVE */;
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
        long address = Libc.mmap(0, size, Libc.PROT_READ_WRITE, mapFlags);
        if (address < 0) {
            throw Errno.failure("reserve 0x%x bytes".formatted(size), (int) -address);
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
            long r =
                    linux
                            ? Libc.madvise(address + offset, bytes, MADV_DONTNEED)
                            : Libc.mmap(
                                    address + offset,
                                    bytes,
                                    Libc.PROT_READ_WRITE,
                                    mapFlags | Libc.MAP_FIXED);
            if (r < 0) {
                throw Errno.failure(
                        "discard 0x%x bytes at 0x%x".formatted(bytes, address + offset), (int) -r);
            }
        }

        @Override
        public synchronized long residentBytes() {
            requireOpen();
            long pages = size / pageSize;
            long resident = 0;
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment vector = arena.allocate(Math.min(pages, BATCH));
                for (long at = 0; at < pages; at += BATCH) {
                    int n = (int) Math.min(BATCH, pages - at);
                    int r = Libc.mincore(address + at * pageSize, (long) n * pageSize, vector);
                    if (r < 0) {
                        throw Errno.failure("count resident pages at 0x%x".formatted(address), -r);
                    }
                    for (int i = 0; i < n; i++) {
                        resident += vector.get(ValueLayout.JAVA_BYTE, i) & 1;
                    }
                }
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
            int r = Libc.munmap(address, size);
            if (r < 0) {
                throw Errno.failure("release 0x%x bytes at 0x%x".formatted(size, address), -r);
            }
        }
    }
}
