// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.vm;

import dev.faultline.api.fault.FaultOrigin;
import java.util.List;
import java.util.Map;

/**
 * Counters since the machine was made.
 *
 * @param instructions executed, by all vCPUs; of those that run as their engines counted when they
 *     last looked up, which asking has them do
 * @param faultsByAccess keys {@code R}, {@code W}, {@code X}
 * @param resolvedByHandlers faults after which the guest went on: a handler resolved them, or the
 *     page was open again
 * @param swaps services exchanged while the machine existed
 * @param maxSwapPauseNanos longest stand of the vCPUs for a swap
 * @param faultLatency resolved faults by the time that took: element i counts 2^i to 2^(i+1) ns,
 *     the last one longer ones too
 * @param handlersLeftOut names of fault handlers that failed too often and are not asked any more
 */
public record MachineStatistics(
        long instructions,
        long faults,
        Map<FaultOrigin, Long> faultsByOrigin,
        Map<String, Long> faultsByAccess,
        long resolvedByHandlers,
        long swaps,
        long maxSwapPauseNanos,
        List<Long> faultLatency,
        List<String> handlersLeftOut) {
    /** Of a machine that does not say how long faults took. */
    public MachineStatistics(
            long instructions,
            long faults,
            Map<FaultOrigin, Long> faultsByOrigin,
            Map<String, Long> faultsByAccess,
            long resolvedByHandlers,
            long swaps,
            long maxSwapPauseNanos) {
        this(
                instructions,
                faults,
                faultsByOrigin,
                faultsByAccess,
                resolvedByHandlers,
                swaps,
                maxSwapPauseNanos,
                List.of(),
                List.of());
    }

    /**
     * Upper bound in nanoseconds of the bucket that holds a quantile of {@link #faultLatency}.
     *
     * @param quantile above 0, at most 1
     * @return 0 if there was no resolved fault
     */
    public long faultLatencyNanos(double quantile) {
        long all = faultLatency.stream().mapToLong(Long::longValue).sum();
        long left = Math.max(1, (long) Math.ceil(all * quantile));
        for (int i = 0; i < faultLatency.size(); i++) {
            left -= faultLatency.get(i);
            if (left <= 0) {
                return 2L << i;
            }
        }
        return 0;
    }
}
