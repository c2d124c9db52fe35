// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.restore;

import dev.faultline.api.snapshot.SnapshotException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Loads the pages of a trace in its order, as far ahead of the guest as the trace has earned: a
 * first credit of pages for nothing, more for every page that the guest then touches. A trace of
 * another guest spends the credit and no more.
 *
 * <p>Touches of open pages cannot be seen, so every sixteenth page is loaded but left closed; the
 * fault on it tells that the trace is right, for a sixteenth of the pages. While a restore records,
 * all are closed and all tell.
 */
public final class Prefetch {
    /** Pages that any trace may load, with those that come with them: 4 MiB, 64 chunks. */
    public static final int CREDIT = 1024;

    /** Pages that each page touched as foretold allows more. */
    static final int RAISE = 4;

    public static final int SAMPLE = 16;

    /** Faults on pages that are not in the trace, after which its hits must outnumber a fourth. */
    static final int MISSES = 64;

    private final PageStore store;
    private final Loader loader;
    private final IntConsumer open;
    private final BooleanSupplier recording;
    private final BooleanSupplier closed;
    private final Bits traced;
    private final Bits sampled;
    private final Bits early;
    private final LongAdder earlyPages = new LongAdder();
    private final LongAdder earlySampled = new LongAdder();
    private final LongAdder hits = new LongAdder();
    private final LongAdder misses = new LongAdder();
    private long filled; // by the loading thread, pages outside the trace included
    private final CountDownLatch done = new CountDownLatch(1);
    private volatile boolean unlimited;
    private volatile boolean complete;
    private volatile boolean waiting;
    private volatile boolean stalled;
    private volatile boolean stopped;
    private volatile @Nullable Thread runner; // null: it does not run

    /**
     * @param open opens a page for the guest
     * @param recording whether pages must stay closed until they are touched
     */
    Prefetch(
            PageStore store,
            Loader loader,
            IntConsumer open,
            BooleanSupplier recording,
            BooleanSupplier closed) {
        this.store = store;
        this.loader = loader;
        this.open = open;
        this.recording = recording;
        this.closed = closed;
        int pages = store.image().pages();
        this.traced = new Bits(pages);
        this.sampled = new Bits(pages);
        this.early = new Bits(pages);
    }

    // ---- the loading thread

    /**
     * Loads them; returns when all are there, or the trace was given up, or the restore closed.
     *
     * @param order pages, each once
     */
    void run(int[] order) throws SnapshotException {
        runner = Thread.currentThread();
        try {
            for (int i = 0; i < order.length; i++) {
                traced.set(order[i]);
                if (i % SAMPLE == SAMPLE - 1) {
                    sampled.set(order[i]);
                }
            }
            int at = 0;
            while (at < order.length && mayGoOn()) {
                int next = loader.batch(order, at, order.length, this::filled);
                for (; at < next; at++) {
                    if (recording.getAsBoolean() && store.isPresent(order[at])) {
                        early(order[at]);
                    }
                }
            }
            complete = at == order.length;
        } finally {
            runner = null;
            done.countDown();
        }
    }

    private boolean mayGoOn() {
        while (!closed.getAsBoolean()) {
            if (unlimited) {
                return true;
            }
            waiting = true; // before looking: a hit from now on wakes us
            long earned = touched(recording.getAsBoolean());
            if (misses.sum() > MISSES && 4 * earned < misses.sum()) {
                stopped = true;
                return false;
            }
            // Where a page of the trace brings many others, each that is touched pays for them.
            long each = Math.max(1, filled / Math.max(1, pages()));
            if (filled < CREDIT + RAISE * each * earned) {
                waiting = false;
                stalled = false;
                return true;
            }
            stalled = true;
            LockSupport.park(this);
        }
        return false;
    }

    private void filled(int page) {
        filled++;
        if (traced.get(page)) {
            early(page);
        }
        if (!recording.getAsBoolean() && !(sampled.get(page) && early.get(page))) {
            open.accept(page);
        }
    }

    private void early(int page) {
        if (early.set(page)) {
            earlyPages.increment();
            if (sampled.get(page)) {
                earlySampled.increment();
            }
        }
    }

    // ---- the guest

    /**
     * The guest's first fault on a page. On its thread.
     *
     * @return whether the page was there because of the trace
     */
    boolean faulted(int page, boolean wasThere) {
        boolean hit = early.get(page);
        if (hit) {
            hits.increment();
        } else if (!wasThere && !traced.get(page)) {
            misses.increment();
        }
        if (waiting) {
            LockSupport.unpark(runner);
        }
        return hit;
    }

    // ---- for others

    /** As {@link dev.faultline.api.snapshot.Restored#awaitPrefetched}. */
    boolean await(long nanos) throws InterruptedException {
        unlimited = true;
        LockSupport.unpark(runner);
        return done.await(nanos, TimeUnit.NANOSECONDS) && complete;
    }

    /** Lets the loading thread look again at whether it may go on. */
    void wake() {
        LockSupport.unpark(runner);
    }

    /** Nothing will run. */
    void never() {
        done.countDown();
    }

    long pages() {
        return earlyPages.sum();
    }

    /**
     * Of {@link #pages}, those touched since.
     *
     * @param exact all of them were closed; else it is an estimate
     */
    long touched(boolean exact) {
        long n = hits.sum();
        long of = earlySampled.sum();
        return exact || of == 0 ? n : Math.min(pages(), n * pages() / of);
    }

    /** How many of {@code pages} the trace foretells. */
    int foretold(Bits pages) {
        return traced.common(pages);
    }

    /** It was given up, or waits for a guest that does not do what the trace says. */
    boolean stopped() {
        return stopped || stalled;
    }
}
