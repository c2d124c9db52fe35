// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.device;

import org.osgi.annotation.versioning.ProviderType;

/** Service: makes the fixed chips of a board (interrupt controllers, timers, serial port). */
@ProviderType
public interface ChipsetFactory {
    /** Service property: the chipset's name, e.g. {@code pc}. */
    String CHIPSET = "chipset.name";

    /**
     * Makes the chips and claims their ports and device space on {@code board}.
     *
     * @param vcpus number of vCPUs, at least 1
     * @param ramBytes the machine's RAM, for the chips that report it
     */
    Chipset create(Board board, ChipsetHost host, int vcpus, long ramBytes);
}
