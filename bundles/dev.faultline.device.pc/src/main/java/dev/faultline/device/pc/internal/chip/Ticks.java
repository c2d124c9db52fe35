// SPDX-License-Identifier: Apache-2.0
package dev.faultline.device.pc.internal.chip;

/**
 * Conversion between nanoseconds of guest time and ticks of a chip's oscillator, without overflow
 * for centuries.
 */
public final class Ticks {
    private static final long NANOS = 1_000_000_000L;

    private Ticks() {}

    /**
     * Whole ticks in {@code nanos}.
     *
     * @param hz up to 4 GHz
     */
    public static long fromNanos(long nanos, long hz) {
        long seconds = Math.floorDiv(nanos, NANOS);
        return seconds * hz + Math.floorMod(nanos, NANOS) * hz / NANOS;
    }

    /** First nanosecond at which {@code ticks} ticks have passed. */
    public static long toNanos(long ticks, long hz) {
        long seconds = Math.floorDiv(ticks, hz);
        return seconds * NANOS + (Math.floorMod(ticks, hz) * NANOS + hz - 1) / hz;
    }
}
