// SPDX-License-Identifier: Apache-2.0
package dev.faultline.device.pc.internal.uart16550;

import dev.faultline.api.device.StateMigrator;
import dev.faultline.api.device.StateSection;
import org.osgi.service.component.annotations.Component;

/** Version 1 of a serial port lost the host's input that the guest had not read: none, then. */
@Component
public final class UartMigrator implements StateMigrator {
    @Override
    public String section() {
        return "uart";
    }

    @Override
    public int from() {
        return 1;
    }

    @Override
    public int to() {
        return 2;
    }

    @Override
    public StateSection migrate(StateSection old) {
        StateSection s = old.withVersion(2);
        s.put(Uart16550.INPUT, new byte[0]);
        return s;
    }
}
