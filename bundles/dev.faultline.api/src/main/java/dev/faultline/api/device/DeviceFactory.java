// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.device;

import org.osgi.annotation.versioning.ConsumerType;

/** Service (whiteboard): offers a device by name, for {@code run --device NAME}. */
@ConsumerType
public interface DeviceFactory {
    /** Service property: the device's name. */
    String NAME = "faultline.device";

    Device create(Board board);
}
