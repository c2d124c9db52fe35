// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.fault;

import dev.faultline.api.fault.FaultOrigin;
import dev.faultline.api.fault.PageFault;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * One vCPU's (or the devices') fault counters and the handler it is asking. One thread writes, any
 * reads; so vCPUs do not wait for each other.
 */
public final class FaultSlot {
    private static final int ACCESSES = 3;
    private static final int ORIGIN = 0;
    private static final int ACCESS = FaultOrigin.values().length;
    private static final int TOTAL = ACCESS + ACCESSES;
    private static final int RESOLVED = TOTAL + 1;
    private static final int LATENCY = RESOLVED + 1;

    /**
     * Latency bucket i counts resolutions of [2^i, 2^(i+1)) ns; the last one also all longer ones.
     */
    static final int BUCKETS = 40;

    /** A cache line, in longs, on either side. */
    private static final int PAD = 16;

    private final AtomicLongArray counts = new AtomicLongArray(PAD + LATENCY + BUCKETS + PAD);

    /** The handler that is being asked, or null. */
    final AtomicReference<@Nullable AskedHandler> asking = new AtomicReference<>();

    /** When it was asked, nanoTime. */
    final AtomicLong since = new AtomicLong();

    /** Made last: keeps the next vCPU's slot off the cache lines of this one's. */
    @SuppressWarnings("unused")
    private final long[] apart = new long[PAD];

    /** Nanoseconds that the vCPU stood for a quiesce of the handler's: not the handler's fault. */
    private long excused;

    private volatile boolean standing;

    /** The one that asks; null: none did yet. */
    volatile @Nullable Thread thread;

    /**
     * See {@link HandlerTime}: nanoseconds, of the handler that was asked at {@link #chargedSince}.
     */
    private volatile long charged;

    private volatile long chargedSince;

    private void add(int i) {
        counts.lazySet(PAD + i, counts.getPlain(PAD + i) + 1);
    }

    void fault(PageFault f) {
        add(TOTAL);
        add(ORIGIN + f.origin().ordinal());
        for (int i = 0; i < ACCESSES; i++) {
            if ((f.access() & 1 << i) != 0) {
                add(ACCESS + i);
            }
        }
    }

    void resolved(long nanos) {
        add(RESOLVED);
        int bucket = 63 - Long.numberOfLeadingZeros(Math.max(1, nanos));
        add(LATENCY + Math.min(bucket, BUCKETS - 1));
    }

    long total() {
        return counts.get(PAD + TOTAL);
    }

    long resolved() {
        return counts.get(PAD + RESOLVED);
    }

    long origin(FaultOrigin o) {
        return counts.get(PAD + ORIGIN + o.ordinal());
    }

    /**
     * @param i 0 R, 1 W, 2 X
     */
    long access(int i) {
        return counts.get(PAD + ACCESS + i);
    }

    long latency(int bucket) {
        return counts.get(PAD + LATENCY + bucket);
    }

    // ---- the handler that is being asked

    void begin(AskedHandler a, long now) {
        excused = 0;
        Thread current = Thread.currentThread();
        if (thread != current) {
            thread = current;
        }
        since.lazySet(now);
        asking.lazySet(a);
    }

    /**
     * @return nanoseconds that the handler took
     */
    long end(long now) {
        asking.lazySet(null);
        return now - since.getPlain() - excused;
    }

    /** The handler quiesces the machine: its vCPU stands meanwhile. */
    public void stands(boolean now, long nanos) {
        standing = now;
        excused += nanos;
        since.lazySet(since.getPlain());
    }

    boolean isStanding() {
        return standing;
    }

    /** For {@link HandlerTime}. */
    void charge(long asked, long nanos) {
        charged = 0; // what was charged to another is nobody's
        chargedSince = asked;
        charged = nanos;
    }

    /** What the handler that was asked at {@code asked} has been charged with, nanoseconds. */
    public long charged(long asked) {
        return chargedSince == asked ? charged : 0;
    }

    /** For tests: the same of the handler that is being asked. */
    public long charged() {
        return charged(since.get());
    }
}
