// SPDX-License-Identifier: Apache-2.0
package dev.faultline.platform.unix;

import dev.faultline.api.platform.HostError;
import dev.faultline.api.platform.HostMemoryException;
import dev.faultline.api.platform.SharedMemory;
import java.io.IOException;
import java.util.BitSet;

/** A private mapping of a file in memory. */
final class UnixView extends UnixRegion implements SharedMemory.View {
    private final UnixShared shared;

    /** Pages that show zeroes for good; kept only where {@link #follow} needs it. */
    private final BitSet discarded = new BitSet();

    UnixView(UnixShared shared, long address) {
        super(shared.host, address, shared.size());
        this.shared = shared;
    }

    /**
     * Dropping the private copy alone would bring the shared page back, so it is covered. Each
     * discarded run is a mapping of its own; the host limits their number.
     */
    @Override
    long forget(long offset, long bytes) {
        long r = layZeroes(offset, bytes);
        if (r >= 0 && !host.abi().viewsFollow()) {
            discarded.set(page(offset), page(offset + bytes));
        }
        return r;
    }

    private int page(long offset) {
        return Math.toIntExact(offset / host.pageSize());
    }

    /**
     * Nothing to do where a private mapping shows the file as it is until its own first write.
     * POSIX leaves that open, and Darwin keeps the old page for it, so elsewhere the range is
     * mapped again.
     */
    @Override
    public synchronized void follow(long offset, long bytes) {
        check("follow", offset, bytes);
        if (host.abi().viewsFollow()) {
            return;
        }
        int end = page(offset + bytes);
        for (int from = discarded.nextClearBit(page(offset)); from < end; ) {
            int gone = discarded.nextSetBit(from);
            int to = gone < 0 ? end : Math.min(gone, end);
            shared.map(
                    address + (long) from * host.pageSize(),
                    (long) from * host.pageSize(),
                    (long) (to - from) * host.pageSize());
            from = discarded.nextClearBit(to);
        }
    }

    @Override
    long count() {
        return host.pageSize()
                * switch (host.abi().privatePages()) {
                    case PAGEMAP -> pagesOfItsOwn();
                    case MACH -> MachVm.privatePages(address, size);
                    case UNKNOWN ->
                            throw new HostMemoryException(
                                    HostError.UNSUPPORTED,
                                    "count private pages at 0x%x: %s does not tell them from shared ones"
                                            .formatted(address, host.abi().system()));
                };
    }

    private long pagesOfItsOwn() {
        long[] own = new long[1];
        try {
            Pagemap.read(
                    address,
                    size / host.pageSize(),
                    host.pageSize(),
                    (page, entry) -> {
                        if ((entry & (Pagemap.PRESENT | Pagemap.OF_A_FILE)) == Pagemap.PRESENT) {
                            own[0]++;
                        }
                    });
        } catch (IOException e) {
            throw new HostMemoryException(
                    HostError.UNSUPPORTED,
                    "count private pages at 0x%x: %s: %s"
                            .formatted(address, Pagemap.FILE, e.getMessage()));
        }
        return own[0];
    }

    /** What was never touched through the view shows the shared memory, which may be anything. */
    @Override
    public boolean touched(long offset, int pages, BitSet to) {
        check("look at", offset, (long) pages * PAGE);
        return false;
    }
}
