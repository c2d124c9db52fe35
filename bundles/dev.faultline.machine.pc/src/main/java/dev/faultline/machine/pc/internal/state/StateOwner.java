// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.state;

import dev.faultline.api.device.StateSection;

/**
 * Whose state is one section of a machine's: its clock, a vCPU, a device. While the vCPUs stand.
 */
public interface StateOwner {
    String id();

    int version();

    /** Whether a machine may be without it. */
    boolean optional();

    StateSection save();

    /**
     * Puts back what {@link #save} gave, perhaps on another machine.
     *
     * @throws RuntimeException saying what of the section makes no sense
     */
    void load(StateSection s);
}
