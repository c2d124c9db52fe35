// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.device;

import org.osgi.annotation.versioning.ProviderType;

/**
 * A one-shot alarm in guest time; its callback runs on the machine's timer thread, under the
 * device's lock.
 */
@ProviderType
public interface TimerHandle {
    /** Arms (or re-arms) for the guest time {@code nanos}; at once if that is past. */
    void at(long nanos);

    void cancel();
}
