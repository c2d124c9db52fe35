// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.state;

import dev.faultline.api.device.Device;
import dev.faultline.api.device.StateSection;
import dev.faultline.api.device.Stateful;
import dev.faultline.api.service.Others;

/**
 * A device's section.
 *
 * @param device the same as {@code stateful}
 * @param monitor under which the device is called
 */
public record DeviceState(Device device, Stateful stateful, Object monitor) implements StateOwner {
    @Override
    public String id() {
        return device.id();
    }

    @Override
    public int version() {
        return stateful.stateVersion();
    }

    @Override
    public boolean optional() {
        return stateful.stateOptional();
    }

    @Override
    public StateSection save() {
        try {
            StateSection s = new StateSection(id(), version(), optional());
            synchronized (monitor) {
                stateful.save(s);
            }
            return s;
        } catch (Throwable e) { // others' code
            throw new IllegalStateException(
                    "device %s cannot save its state: %s"
                            .formatted(Others.name(device), Others.why(e)),
                    e);
        }
    }

    @Override
    public void load(StateSection s) {
        synchronized (monitor) {
            stateful.load(s);
        }
    }
}
