// SPDX-License-Identifier: Apache-2.0
package dev.faultline.platform.posix.internal;

import dev.faultline.api.platform.HostError;
import dev.faultline.api.platform.HostMemoryException;
import dev.faultline.api.platform.SharedMemory;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.BitSet;

/** A private mapping of a file in memory. */
final class PosixView extends PosixRegion implements SharedMemory.View {
    /** Per page of the address space eight bytes, whose upper bits need no privilege. */
    private static final Path PAGEMAP = Path.of("/proc/self/pagemap");

    private static final int BATCH = 1 << 13;
    private static final long PRESENT = 1L << 63;
    private static final long OF_A_FILE = 1L << 61;

    private final PosixShared shared;

    /** Pages that show zeroes for good; kept only where {@link #follow} needs it. */
    private final BitSet discarded = new BitSet();

    PosixView(PosixShared shared, long address) {
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
        if (r >= 0 && !host.linux) {
            discarded.set(page(offset), page(offset + bytes));
        }
        return r;
    }

    private int page(long offset) {
        return Math.toIntExact(offset / host.pageSize);
    }

    /**
     * Nothing to do on Linux: until its own first write a private mapping of memory shows the file
     * as it is. POSIX leaves that open, so elsewhere the range is mapped again.
     */
    @Override
    public synchronized void follow(long offset, long bytes) {
        check("follow", offset, bytes);
        if (host.linux) {
            return;
        }
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

    @Override
    long count() {
        if (!host.linux) {
            throw new HostMemoryException(
                    HostError.UNSUPPORTED,
                    "count private pages at 0x%x: this system does not tell them from shared ones"
                            .formatted(address));
        }
        long pages = size / host.pageSize;
        long first = address / host.pageSize;
        long own = 0;
        ByteBuffer b = ByteBuffer.allocate(8 * BATCH).order(ByteOrder.LITTLE_ENDIAN);
        try (FileChannel c = FileChannel.open(PAGEMAP, StandardOpenOption.READ)) {
            for (long at = 0; at < pages; at += BATCH) {
                b.clear().limit(8 * (int) Math.min(BATCH, pages - at));
                while (b.hasRemaining()) {
                    if (c.read(b, 8 * (first + at) + b.position()) < 0) {
                        throw new IOException("ends before page 0x%x".formatted(first + at));
                    }
                }
                for (b.flip(); b.hasRemaining(); ) {
                    if ((b.getLong() & (PRESENT | OF_A_FILE)) == PRESENT) {
                        own++;
                    }
                }
            }
        } catch (IOException e) {
            throw new HostMemoryException(
                    HostError.UNSUPPORTED,
                    "count private pages at 0x%x: %s: %s"
                            .formatted(address, PAGEMAP, e.getMessage()));
        }
        return own * host.pageSize;
    }
}
