// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.vm;

import dev.faultline.api.fault.FaultOrigin;
import java.util.Map;

/**
 * Counters since the machine was made.
 *
 * @param faultsByAccess keys {@code R}, {@code W}, {@code X}
 * @param resolvedByHandlers faults that a handler answered with RETRY
 * @param swaps services exchanged while the machine existed
 * @param maxSwapPauseNanos longest stand of the vCPUs for a swap
 */
public record MachineStatistics(
        long instructions,
        long faults,
        Map<FaultOrigin, Long> faultsByOrigin,
        Map<String, Long> faultsByAccess,
        long resolvedByHandlers,
        long swaps,
        long maxSwapPauseNanos) {}
