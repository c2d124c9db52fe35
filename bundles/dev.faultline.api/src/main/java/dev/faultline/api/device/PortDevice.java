// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.device;

import org.osgi.annotation.versioning.ConsumerType;

/** A device with I/O ports. It never sees absolute ports. */
@ConsumerType
public interface PortDevice extends Device {
    /**
     * @param offset from the start of the claimed range
     * @param size 1, 2 or 4
     */
    int portRead(int range, int offset, int size);

    void portWrite(int range, int offset, int size, int value);
}
