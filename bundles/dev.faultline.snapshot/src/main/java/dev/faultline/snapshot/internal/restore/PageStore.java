// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.restore;

import dev.faultline.api.memory.HostBytes;
import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.snapshot.internal.format.Layout;
import dev.faultline.snapshot.internal.format.Origin;
import dev.faultline.snapshot.internal.format.RamMap;
import dev.faultline.snapshot.internal.image.Fetched;
import dev.faultline.snapshot.internal.image.Image;
import dev.faultline.snapshot.internal.image.Pool;
import java.util.BitSet;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.LockSupport;
import java.util.function.IntConsumer;

/**
 * Memory that a snapshot's pages are put into, and which of them are there: the RAM of one machine,
 * or what clones share. A page is verified, then filled, exactly once, then called present; what is
 * present never changes here.
 *
 * <p>Any thread. Threads that want different pages do not wait for each other; whoever wants a page
 * that another thread is copying waits for that copy.
 */
public final class PageStore {
    private static final int SPINS = 100;
    private static final long PARK_NANOS = 10_000;

    private final Image image;
    private final RamMap ramMap;
    private final boolean ranges;
    private final Bits claimed;
    private final Bits present;
    private final LongAdder loaded = new LongAdder();
    private final LongAdder bytes = new LongAdder();
    private final AtomicInteger waiting = new AtomicInteger();
    private final Pool<Fetched> pool = new Pool<>(Fetched::new);

    /** Memory at {@code ramMap} reads as zero where nothing was put yet. */
    public PageStore(Image image, RamMap ramMap) {
        this.image = image;
        this.ramMap = ramMap;
        this.ranges = image.fillsRanges();
        this.claimed = new Bits(image.pages());
        this.present = new Bits(image.pages());
    }

    Image image() {
        return image;
    }

    public boolean isPresent(int page) {
        return present.get(page);
    }

    /** As {@link #load}, for a guest that stands until the page is there. */
    public void loadWaited(int page, IntConsumer filled) throws SnapshotException {
        Origin origin = image.origin();
        waiting.incrementAndGet();
        origin.begin();
        try {
            load(page, filled);
        } finally {
            origin.end();
            waiting.decrementAndGet();
        }
    }

    /** Whether a guest stands for a page: loading ahead gives way to it. */
    boolean someoneWaits() {
        return waiting.get() > 0;
    }

    /**
     * Returns when {@code page} is there.
     *
     * @param filled told of every page that this call brought, after it is there
     */
    void load(int page, IntConsumer filled) throws SnapshotException {
        for (int spins = 0; !present.get(page); spins++) {
            if (claimed.get(page)) {
                // Another thread is copying it now, or gave up and took its claim back. It may need
                // this processor for that.
                if (spins < SPINS) {
                    Thread.onSpinWait();
                } else {
                    LockSupport.parkNanos(PARK_NANOS);
                }
                continue;
            }
            Fetched f = pool.take();
            try {
                image.fetch(page, f);
                for (int i = 0; i < f.count(); i++) {
                    if ((ranges || f.page(i) == page) && claimed.set(f.page(i))) {
                        put(f, i);
                        filled.accept(f.page(i));
                    }
                }
            } finally {
                f.release();
                pool.give(f);
            }
        }
    }

    /**
     * As {@link #load} of pages that are zero by a section of kind ZERO: the memory is so from the
     * start.
     */
    void loadZeroes(int first, int end, IntConsumer filled) {
        for (int p = first; p < end; p++) {
            if (claimed.set(p)) {
                loaded.increment();
                present.set(p);
                filled.accept(p);
            }
        }
    }

    private void put(Fetched f, int i) {
        int page = f.page(i);
        boolean done = false;
        try {
            if (!f.isZero(i)) { // as the memory is from the start
                HostBytes.copyIn(f.content(), f.offset(i), ramMap.hvaOf(page), Layout.PAGE);
                bytes.add(Layout.PAGE);
            }
            loaded.increment();
            done = present.set(page);
        } finally {
            if (!done) {
                claimed.clear(page);
            }
        }
    }

    public long pagesLoaded() {
        return loaded.sum();
    }

    /** Bytes filled; zero pages need none. */
    long bytesRead() {
        return bytes.sum();
    }

    /** A copy. */
    public BitSet loadedPages() {
        return present.copy();
    }
}
