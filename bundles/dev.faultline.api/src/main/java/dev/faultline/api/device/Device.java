// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.device;

import org.osgi.annotation.versioning.ConsumerType;

/**
 * A device of a machine. Optional powers are further interfaces: {@link PortDevice}, {@link
 * MmioDevice}, {@link Stateful}, {@link Resettable}.
 *
 * <p>The board calls one device from one thread at a time (per-device lock), on vCPU threads and
 * the machine's timer thread.
 */
@ConsumerType
public interface Device extends AutoCloseable {
    /** Unique within the machine; the name of its section in snapshots. */
    String id();

    @Override
    default void close() {}
}
