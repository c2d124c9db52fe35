// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.device;

import org.osgi.annotation.versioning.ConsumerType;

/** A device with a RESET line. One that is not keeps its state when the machine is reset. */
@ConsumerType
public interface Resettable {
    /**
     * Back to the state after power-on: alarms cancelled, interrupt lines low, requests forgotten.
     * What survives a reset on the real part (a clock's time, battery-backed RAM) stays. Called
     * with the device's lock held, while the vCPUs and guest time stand.
     */
    void reset();
}
