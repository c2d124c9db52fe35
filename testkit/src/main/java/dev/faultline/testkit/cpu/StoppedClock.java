// SPDX-License-Identifier: Apache-2.0
package dev.faultline.testkit.cpu;

import dev.faultline.api.cpu.GuestClock;

/** Guest time that stands still. */
public record StoppedClock(long nanos, long tscHz, long tsc) implements GuestClock {
    private static final long GHZ = 1_000_000_000L;

    /** At power-on; 1 GHz. */
    public StoppedClock() {
        this(0, 0);
    }

    /** With a TSC of 1 GHz. */
    public StoppedClock(long nanos, long tsc) {
        this(nanos, GHZ, tsc);
    }
}
