// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.source;

import dev.faultline.api.snapshot.SourceStatistics;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.concurrent.atomic.LongAdder;

/** Counts for {@link SourceStatistics}. Thread-safe. */
final class SourceCounters {
    private static final int BUCKETS = 28; // the last one: from 2 minutes on

    final LongAdder requests = new LongAdder();
    final LongAdder bytes = new LongAdder();
    final LongAdder retries = new LongAdder();
    final LongAdder timeouts = new LongAdder();
    final LongAdder failures = new LongAdder();
    private final AtomicLongArray latency = new AtomicLongArray(BUCKETS);

    /** A request that succeeded. */
    void took(long nanos, int received) {
        bytes.add(received);
        long micros = Math.max(1, nanos / 1000);
        latency.incrementAndGet(Math.min(BUCKETS - 1, 63 - Long.numberOfLeadingZeros(micros)));
    }

    SourceStatistics of(String source) {
        List<Long> buckets = new ArrayList<>(BUCKETS);
        for (int i = 0; i < BUCKETS; i++) {
            buckets.add(latency.get(i));
        }
        return new SourceStatistics(
                source,
                requests.sum(),
                bytes.sum(),
                retries.sum(),
                timeouts.sum(),
                failures.sum(),
                buckets);
    }
}
