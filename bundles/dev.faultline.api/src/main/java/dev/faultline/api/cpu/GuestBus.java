// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.cpu;

import dev.faultline.api.address.Gpa;
import org.osgi.annotation.versioning.ProviderType;

/**
 * What lies outside RAM, as a vCPU sees it. Called on vCPU threads; implementations serialise per
 * device.
 */
@ProviderType
public interface GuestBus {
    /**
     * IN. Unclaimed ports read as all ones.
     *
     * @param size 1, 2 or 4 bytes
     */
    int portIn(int port, int size);

    /** OUT. Unclaimed ports ignore it. */
    void portOut(int port, int size, int value);

    /**
     * Read of device space. Unclaimed space reads as all ones.
     *
     * @param size 1, 2, 4 or 8 bytes, naturally aligned pieces only
     */
    long mmioRead(@Gpa long gpa, int size);

    /** Write to device space (or ROM, which ignores it). */
    void mmioWrite(@Gpa long gpa, int size, long value);
}
