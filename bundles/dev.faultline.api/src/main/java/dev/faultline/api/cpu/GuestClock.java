// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.cpu;

import org.osgi.annotation.versioning.ProviderType;

/**
 * Guest time: follows host time while the machine runs, stands still while it is paused. Any
 * thread.
 */
@ProviderType
public interface GuestClock {
    /** Nanoseconds of guest time since power-on. Never goes back. */
    long nanos();

    /** Time-stamp counter ticks per second. */
    long tscHz();

    /** Time-stamp counter of the machine (before a vCPU's own offset). */
    long tsc();
}
