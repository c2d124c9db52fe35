// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.device;

import dev.faultline.api.address.Gpa;
import dev.faultline.api.cpu.GuestClock;
import dev.faultline.api.vm.Machine;
import org.osgi.annotation.versioning.ProviderType;

/**
 * What a machine offers the devices it is built from. Called while the device is made, and later
 * from any thread.
 */
@ProviderType
public interface Board {
    /**
     * The machine that the device belongs to. While the device is made the machine is not complete:
     * its configuration, memory and clock are there; keep it and ask for the rest later.
     *
     * @throws IllegalStateException on a board without a machine, as in unit tests
     */
    Machine machine();

    /** What the configuration gives this device; empty for a chip. */
    DeviceOptions options();

    GuestClock clock();

    /**
     * Claims ports [first, first+count). {@code range} comes back in the device's calls. @throws
     * IllegalArgumentException if taken
     */
    void claimPorts(PortDevice device, int range, int first, int count);

    /**
     * Claims device space.
     *
     * @throws IllegalArgumentException if misaligned, wrapping or taken
     */
    void claimMmio(MmioDevice device, int range, @Gpa long gpa, long size);

    /** Gives up what the device claimed. */
    void release(Device device);

    /**
     * Interrupt line {@code irq}: 0 to 15 are ISA requests, wired to the PICs and the IOAPIC (0 to
     * its input 2); 16 to 23 are further inputs of the IOAPIC. 2, the cascade of the PICs, is
     * nobody's. On a PC 0 (PIT), 1 (keyboard), 4 (serial port), 8 (RTC) and 9 (ACPI) have their
     * chips; 5, 10, 11 and 16 to 23 are free. A device that was taken out of the machine raises
     * none any more: that throws {@link IllegalStateException}.
     *
     * @throws IllegalArgumentException for a number out of range
     */
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
