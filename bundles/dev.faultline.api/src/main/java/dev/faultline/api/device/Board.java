// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.device;

import dev.faultline.api.cpu.GuestClock;
import org.osgi.annotation.versioning.ProviderType;

/**
 * What a machine offers the devices it is built from. Called while the device is made, and later
 * from any thread.
 */
@ProviderType
public interface Board {
    GuestClock clock();

    /**
     * Claims ports [first, first+count). {@code range} comes back in the device's calls. @throws
     * IllegalArgumentException if taken
     */
    void claimPorts(PortDevice device, int range, int first, int count);

    /** Claims device space. @throws IllegalArgumentException if misaligned, wrapping or taken */
    void claimMmio(MmioDevice device, int range, long gpa, long size);

    /** Gives up what the device claimed. */
    void release(Device device);

    /** Interrupt line {@code irq}: ISA 0..15, further IOAPIC inputs 16..23. */
    InterruptLine interrupt(int irq);

    TimerHandle timer(Device owner, Runnable expired);

    DmaPort dma(Device owner, Runnable kick);

    /**
     * The guest asks for a reset of the machine (keyboard controller, port 0xcf9). Obeyed at the
     * next instruction boundary.
     */
    void requestReset(String why);

    /** The guest switches the machine off. */
    void requestPowerOff(String why);

    /** The guest ends itself with a code (debug-exit port). */
    void requestExit(int code, String why);
}
