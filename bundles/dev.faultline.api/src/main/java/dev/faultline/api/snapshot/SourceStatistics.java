// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.snapshot;

import java.util.List;

/**
 * What was asked of the place that a snapshot is read from, since it was opened.
 *
 * @param source the place, as in messages
 * @param requests calls made, repeated ones included
 * @param bytes received in calls that succeeded
 * @param retries requests made again after one that failed
 * @param timeouts requests that were late and given up
 * @param failures requests that failed in another way
 * @param latency successful requests by the time they took: element i counts 2^i to 2^(i+1)
 *     microseconds, the first one shorter, the last one longer ones too
 */
public record SourceStatistics(
        String source,
        long requests,
        long bytes,
        long retries,
        long timeouts,
        long failures,
        List<Long> latency) {
    public SourceStatistics {
        latency = List.copyOf(latency);
    }
}
