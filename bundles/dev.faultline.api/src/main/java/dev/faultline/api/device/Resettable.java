// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.device;

import org.osgi.annotation.versioning.ConsumerType;

/** A device with a RESET line. */
@ConsumerType
public interface Resettable {
    void reset();
}
