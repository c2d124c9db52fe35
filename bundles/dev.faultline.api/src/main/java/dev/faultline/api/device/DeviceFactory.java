// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.device;

import org.osgi.annotation.versioning.ConsumerType;

/** Service (whiteboard): offers a device by name, for {@code run --device NAME}. */
@ConsumerType
public interface DeviceFactory {
    /** Service property: the device's name, without spaces, commas, ? and =. */
    String NAME = "faultline.device";

    /**
     * Makes the device for one machine. Options are read from {@link Board#options}.
     *
     * @throws IllegalArgumentException for an option that makes no sense
     */
    Device create(Board board);
}
