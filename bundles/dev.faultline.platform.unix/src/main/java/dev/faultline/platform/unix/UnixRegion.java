// SPDX-License-Identifier: Apache-2.0
package dev.faultline.platform.unix;

import dev.faultline.api.platform.HostError;
import dev.faultline.api.platform.HostMemoryException;
import dev.faultline.api.platform.HostRegion;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.BitSet;

/**
 * One mapping. Discarding an anonymous one is {@code MADV_DONTNEED} where that promises zeroes, as
 * on Linux; other hosts get a fresh mapping laid over the range.
 */
class UnixRegion implements HostRegion {
    private static final int MADV_DONTNEED = 4;

    /** Bytes of what {@link #touched} counts. */
    static final int PAGE = 4096;

    /** Pages that one mincore call asks about. */
    private static final int BATCH = 1 << 16;

    final UnixHostMemory host;
    final long address;
    final long size;
    private boolean closed;

    UnixRegion(UnixHostMemory host, long address, long size) {
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
        if (bytes == 0) {
            return;
        }
        long r = forget(offset, bytes);
        if (r < 0) {
            throw host.failure(
                    "discard 0x%x bytes at 0x%x".formatted(bytes, address + offset), (int) -r);
        }
    }

    /**
     * The range shall read as zero.
     *
     * @return negative: -errno
     */
    long forget(long offset, long bytes) {
        return host.abi().dontNeedGivesZeroes()
                ? Libc.madvise(address + offset, bytes, MADV_DONTNEED)
                : layZeroes(offset, bytes);
    }

    /**
     * Fresh anonymous memory in place of what was there.
     *
     * @return negative: -errno
     */
    final long layZeroes(long offset, long bytes) {
        return Libc.mmap(
                address + offset,
                bytes,
                Libc.PROT_READ_WRITE,
                host.abi().mapFlags() | Libc.MAP_FIXED);
    }

    /** That the region is open and has the range. */
    final void check(String what, long offset, long bytes) {
        requireOpen();
        if (offset < 0
                || bytes < 0
                || (offset | bytes) % host.pageSize() != 0
                || offset > size
                || bytes > size - offset) {
            throw new HostMemoryException(
                    HostError.INVALID,
                    "%s 0x%x bytes at offset 0x%x: expected multiples of 0x%x within 0x%x bytes"
                            .formatted(what, bytes, offset, host.pageSize(), size));
        }
    }

    @Override
    public final synchronized long residentBytes() {
        requireOpen();
        return count();
    }

    /**
     * Only where the system says which pages were touched, swapped ones included ({@code mincore}
     * would call those absent).
     */
    @Override
    public synchronized boolean touched(long offset, int pages, BitSet to) {
        check("look at", offset, (long) pages * PAGE);
        if (!host.abi().touched()) {
            return false;
        }
        int each = host.pageSize() / PAGE;
        BitSet found = new BitSet();
        try {
            Pagemap.read(
                    address + offset,
                    pages / each,
                    host.pageSize(),
                    (page, entry) -> {
                        if ((entry & (Pagemap.PRESENT | Pagemap.SWAPPED)) != 0) {
                            found.set((int) page * each, ((int) page + 1) * each);
                        }
                    });
        } catch (IOException e) {
            return false; // a system without /proc
        }
        to.or(found);
        return true;
    }

    long count() {
        return inCore(host, address, size);
    }

    /** Bytes of the range that are in core, for a file: whoever brought them there. */
    static long inCore(UnixHostMemory host, long address, long size) {
        int pageSize = host.pageSize();
        long pages = size / pageSize;
        long resident = 0;
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment vector = arena.allocate(Math.min(pages, BATCH));
            for (long at = 0; at < pages; at += BATCH) {
                int n = (int) Math.min(BATCH, pages - at);
                int r = Libc.mincore(address + at * pageSize, (long) n * pageSize, vector);
                if (r < 0) {
                    throw host.failure("count resident pages at 0x%x".formatted(address), -r);
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
    public final synchronized void close() {
        if (closed) {
            return;
        }
        closed = true;
        int r = Libc.munmap(address, size);
        if (r < 0) {
            throw host.failure("release 0x%x bytes at 0x%x".formatted(size, address), -r);
        }
    }
}
