// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal;

import dev.faultline.api.memory.HostBytes;
import dev.faultline.api.snapshot.SnapshotException;
import java.util.BitSet;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongArray;

/**
 * Memory that a snapshot's pages are put into, and which of them are there: the RAM of one machine,
 * or what clones share. A page is verified, then filled, then called present; what is present never
 * changes here.
 *
 * <p>Any thread. Work on one group of pages is serialised by striped locks; threads that want
 * different pages do not wait for each other.
 */
final class PageStore {
    private static final int STRIPES = 64;

    private final Image image;
    private final Places places;
    private final AtomicLongArray present;
    private final Object[] stripes = new Object[STRIPES];
    private final AtomicLong loaded = new AtomicLong();
    private final AtomicLong bytes = new AtomicLong();
    private final AtomicInteger waiting = new AtomicInteger();
    private final ThreadLocal<byte[]> buffer =
            ThreadLocal.withInitial(() -> new byte[Layout.GROUP * Layout.PAGE]);

    /** Memory at {@code places} reads as zero where nothing was put yet. */
    PageStore(Image image, Places places) {
        this.image = image;
        this.places = places;
        this.present = new AtomicLongArray((image.pages() + 63) / 64);
        for (int i = 0; i < STRIPES; i++) {
            stripes[i] = new Object();
        }
    }

    Image image() {
        return image;
    }

    boolean isPresent(int page) {
        return (present.get(page >> 6) >>> (page & 63) & 1) != 0;
    }

    /** As {@link #load}, for a guest that stands until the page is there. */
    int loadWaited(int page) throws SnapshotException {
        waiting.incrementAndGet();
        try {
            return load(page);
        } finally {
            waiting.decrementAndGet();
        }
    }

    /** Whether a guest stands for a page: loading ahead gives way to it. */
    boolean someoneWaits() {
        return waiting.get() > 0;
    }

    /**
     * Fills a page if it is absent, and what comes with it for free. Returns which pages of its
     * group this call filled.
     */
    int load(int page) throws SnapshotException {
        return load(page, null);
    }

    /**
     * As {@link #load(int)}.
     *
     * @param ahead of {@link #image}: what is in it is not read again; may be null
     */
    int load(int page, Ahead ahead) throws SnapshotException {
        if (isPresent(page)) {
            return 0;
        }
        int first = page & -Layout.GROUP;
        synchronized (stripes[page / Layout.GROUP % STRIPES]) {
            if (isPresent(page)) {
                return 0;
            }
            byte[] b = buffer.get();
            int shift = first & 63;
            int absent = ~(int) (present.get(first >> 6) >>> shift) & 0xFFFF;
            int got = image.fetch(page, b, absent, ahead);
            int came = got >>> 16; // all zero, as the memory is from the start
            for (int i = 0; i < Layout.GROUP; i++) {
                if ((got >> i & 1) != 0) {
                    HostBytes.copyIn(b, i * Layout.PAGE, places.hvaOf(first + i), Layout.PAGE);
                    bytes.addAndGet(Layout.PAGE);
                    came |= 1 << i;
                }
            }
            long bits = (long) came << shift;
            present.accumulateAndGet(first >> 6, bits, (x, y) -> x | y);
            loaded.addAndGet(Integer.bitCount(came));
            return came;
        }
    }

    long pagesLoaded() {
        return loaded.get();
    }

    long bytesRead() {
        return bytes.get();
    }

    /** A copy. */
    BitSet loadedPages() {
        long[] words = new long[present.length()];
        for (int i = 0; i < words.length; i++) {
            words[i] = present.get(i);
        }
        return BitSet.valueOf(words);
    }
}
