// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.fault;

import java.util.concurrent.TimeUnit;

/**
 * How much is put up with.
 *
 * @param deadlineNanos a fault handler that takes longer counts as having passed; at least 1
 * @param failures failures in a row (thrown, late, an answer that does not fit) after which a
 *     handler is left out; at least 1
 * @param livelock faults in a row of one instruction that makes no progress after which the machine
 *     stops; at least 1
 */
public record FaultPolicy(long deadlineNanos, int failures, int livelock) {
    public static final FaultPolicy DEFAULT = of(1000, 3, 1000);

    public FaultPolicy {
        if (deadlineNanos < 1 || failures < 1 || livelock < 1) {
            throw new IllegalArgumentException(
                    "handler deadline %d ns, failures %d, livelock %d: expected at least 1 each"
                            .formatted(deadlineNanos, failures, livelock));
        }
    }

    public static FaultPolicy of(long deadlineMillis, int failures, int livelock) {
        return new FaultPolicy(TimeUnit.MILLISECONDS.toNanos(deadlineMillis), failures, livelock);
    }
}
