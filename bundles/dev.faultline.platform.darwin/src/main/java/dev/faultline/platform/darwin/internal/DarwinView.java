// SPDX-License-Identifier: Apache-2.0
package dev.faultline.platform.darwin.internal;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.faultline.api.platform.HostError;
import dev.faultline.api.platform.HostMemoryException;
import dev.faultline.api.platform.SharedMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.BitSet;

/** A private mapping of a file. */
final class DarwinView extends DarwinRegion implements SharedMemory.View {
    /** Of struct vm_region_top_info. */
    private static final int PRIVATE_PAGES_RESIDENT = 2 * Integer.BYTES;

    private static final int KERN_INVALID_ADDRESS = 1;

    private final DarwinShared shared;

    /** Pages that show zeroes for good. */
    private final BitSet discarded = new BitSet();

    DarwinView(DarwinShared shared, long address) {
        super(shared.host, address, shared.size());
        this.shared = shared;
    }

    /** Dropping the private copy alone would bring the shared page back, so it is covered. */
    @Override
    long forget(long offset, long bytes) {
        long r = super.forget(offset, bytes);
        if (r >= 0) {
            discarded.set(page(offset), page(offset + bytes));
        }
        return r;
    }

    private int page(long offset) {
        return Math.toIntExact(offset / host.pageSize);
    }

    /**
     * A private mapping is what the file was when it was mapped: the kernel keeps the old page for
     * it. So the range is mapped again.
     */
    @Override
    public synchronized void follow(long offset, long bytes) {
        check("follow", offset, bytes);
        int end = page(offset + bytes);
        for (int from = discarded.nextClearBit(page(offset)); from < end; ) {
            int gone = discarded.nextSetBit(from);
            int to = gone < 0 ? end : Math.min(gone, end);
            shared.map(
                    address + (long) from * host.pageSize,
                    (long) from * host.pageSize,
                    (long) (to - from) * host.pageSize);
            from = discarded.nextClearBit(to);
        }
    }

    /** What the kernel finds private in each mapping that the view consists of by now. */
    @Override
    long count() {
        long pages = 0;
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment at = arena.allocate(JAVA_LONG);
            MemorySegment bytes = arena.allocate(JAVA_LONG);
            MemorySegment info = arena.allocate(JAVA_INT, Libc.TOP_INFO_COUNT);
            for (long next = address; next < address + size; ) {
                at.set(JAVA_LONG, 0, next);
                int r = Libc.region(at, bytes, info);
                if (r == KERN_INVALID_ADDRESS) { // nothing is mapped from here on
                    break;
                }
                if (r != 0) {
                    throw new HostMemoryException(
                            HostError.OTHER,
                            "count private pages at 0x%x: kern_return_t %d".formatted(next, r));
                }
                next = at.get(JAVA_LONG, 0) + bytes.get(JAVA_LONG, 0);
                if (at.get(JAVA_LONG, 0) < address + size) {
                    pages += info.get(JAVA_INT, PRIVATE_PAGES_RESIDENT) & 0xFFFF_FFFFL;
                }
            }
        }
        return pages * host.pageSize;
    }
}
