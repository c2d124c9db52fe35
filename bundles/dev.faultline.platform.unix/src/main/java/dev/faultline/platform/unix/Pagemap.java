// SPDX-License-Identifier: Apache-2.0
package dev.faultline.platform.unix;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * What Linux says of this process's pages: {@code /proc/self/pagemap}, eight bytes per page of the
 * address space, whose upper bits need no privilege (Documentation/admin-guide/mm/pagemap.rst).
 * Untouched ranges cost the kernel a look per page table, not per page.
 */
final class Pagemap {
    static final Path FILE = Path.of("/proc/self/pagemap");

    /** The page is in memory. */
    static final long PRESENT = 1L << 63;

    /** It is in swap, or on its way somewhere. */
    static final long SWAPPED = 1L << 62;

    /** Of a file, or of shared memory. */
    static final long OF_A_FILE = 1L << 61;

    /** Pages that one read asks about. */
    private static final int BATCH = 1 << 14;

    /** Told of a page that has an entry at all. */
    interface Entry {
        void is(long page, long entry);
    }

    private Pagemap() {}

    /**
     * Looks at all pages from {@code address} on.
     *
     * @param to told of those that have been touched, numbered from 0
     */
    static void read(long address, long pages, int pageSize, Entry to) throws IOException {
        long first = address / pageSize;
        ByteBuffer b =
                ByteBuffer.allocateDirect(8 * (int) Math.min(BATCH, pages))
                        .order(ByteOrder.LITTLE_ENDIAN);
        try (FileChannel c = FileChannel.open(FILE, StandardOpenOption.READ)) {
            for (long at = 0; at < pages; at += BATCH) {
                int n = (int) Math.min(BATCH, pages - at);
                b.clear().limit(8 * n);
                while (b.hasRemaining()) {
                    if (c.read(b, 8 * (first + at) + b.position()) < 0) {
                        throw new IOException("ends before page 0x%x".formatted(first + at));
                    }
                }
                for (int i = 0; i < n; i++) {
                    long entry = b.getLong(8 * i);
                    if (entry != 0) {
                        to.is(at + i, entry);
                    }
                }
            }
        }
    }
}
