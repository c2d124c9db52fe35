// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.device;

import dev.faultline.api.address.Gpa;
import dev.faultline.api.fault.PendingFault;
import org.osgi.annotation.versioning.ProviderType;

/**
 * Guarded access of a device to guest RAM. Always coded: a device that meets {@link #FAULTED}
 * leaves its request unconsumed, and its {@code kick} runs again once a protected page opens. One
 * port per device; not thread-safe.
 */
@ProviderType
public interface DmaPort {
    int FAULTED = -1;

    /**
     * Copies guest bytes at {@code gpa} out. All or nothing.
     *
     * @return {@code bytes} or FAULTED
     */
    int read(@Gpa long gpa, byte[] to, int at, int bytes);

    /**
     * Copies bytes in. All or nothing.
     *
     * @return {@code bytes} or FAULTED
     */
    int write(@Gpa long gpa, byte[] from, int at, int bytes);

    /** The last fault. */
    PendingFault fault();
}
