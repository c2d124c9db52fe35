// SPDX-License-Identifier: Apache-2.0
package dev.faultline.hax.internal;

import dev.faultline.api.cpu.GuestClock;

/**
 * Time of the host: as under the reference, it goes on while no vCPU runs; the client corrects the
 * counter by SET_MSRS.
 */
final class HostClock implements GuestClock {
    private static final long NANOS_PER_SECOND = 1_000_000_000L;
    private final long start = System.nanoTime();

    @Override
    public long nanos() {
        return System.nanoTime() - start;
    }

    @Override
    public long tscHz() {
        return NANOS_PER_SECOND;
    }

    @Override
    public long tsc() {
        return nanos();
    }
}
