// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.device;

import dev.faultline.api.cpu.InterruptPort;
import dev.faultline.api.vm.SerialConsole;
import java.util.List;
import org.osgi.annotation.versioning.ProviderType;

/** The fixed chips of one machine. */
@ProviderType
public interface Chipset extends AutoCloseable {
    /** Every chip, in the order in which state is saved, loaded and reset. */
    List<Device> devices();

    /**
     * The wire of an interrupt request into all interrupt controllers.
     *
     * @param irq ISA 0..15, further IOAPIC inputs 16..23
     */
    InterruptLine interrupt(int irq);

    /** The interrupt controller as vCPU {@code vcpu} sees it. */
    InterruptPort interrupts(int vcpu);

    /** The first serial port. */
    SerialConsole serial();

    @Override
    void close();
}
