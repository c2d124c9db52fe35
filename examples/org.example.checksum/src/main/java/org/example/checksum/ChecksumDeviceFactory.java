// SPDX-License-Identifier: Apache-2.0
package org.example.checksum;

import dev.faultline.api.device.Board;
import dev.faultline.api.device.Device;
import dev.faultline.api.device.DeviceFactory;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.metatype.annotations.AttributeDefinition;
import org.osgi.service.metatype.annotations.Designate;
import org.osgi.service.metatype.annotations.ObjectClassDefinition;

/** Offers the device as {@code --device checksum}. */
@Component(
        configurationPid = ChecksumDeviceFactory.PID,
        property = DeviceFactory.NAME + "=checksum")
@Designate(ocd = ChecksumDeviceFactory.Config.class)
public final class ChecksumDeviceFactory implements DeviceFactory {
    static final String PID = "org.example.checksum";

    /** Where the device sits in machines made from now on. */
    @ObjectClassDefinition(
            id = PID,
            name = "Checksum device",
            description = "Where it sits. A change replugs it in running machines.")
    public @interface Config {
        @AttributeDefinition(name = "First port", description = "first of 4 ports, e.g. 0x500")
        String port() default "0x500";

        @AttributeDefinition(
                name = "Address",
                description = "guest-physical address of its 4 KiB, outside RAM, e.g. 0xd0000000")
        String address() default "0xd0000000";

        @AttributeDefinition(name = "Interrupt", description = "line, 0 to 23")
        int interrupt() default 5;
    }

    private final int port;
    private final long address;
    private final int interrupt;

    /**
     * @throws IllegalArgumentException for a value that is no number
     */
    @Activate
    public ChecksumDeviceFactory(Config config) {
        port = Math.toIntExact(number("port", config.port()));
        address = number("address", config.address());
        interrupt = config.interrupt();
    }

    private static long number(String key, String value) {
        try {
            return Long.decode(value.strip());
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException(
                    PID + ": " + key + "=" + value + ": expected a number such as 0x500", e);
        }
    }

    @Override
    public Device create(Board board) {
        return new ChecksumDevice(board, port, address, interrupt);
    }
}
