// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.device;

import org.osgi.annotation.versioning.ConsumerType;

/**
 * A device with a memory-mapped range. It never sees absolute addresses. Reads may have side
 * effects, and are never issued twice for one instruction.
 */
@ConsumerType
public interface MmioDevice extends Device {
    /**
     * @param offset bytes from the start of the range
     * @param size 1, 2, 4 or 8
     */
    long mmioRead(int range, long offset, int size);

    void mmioWrite(int range, long offset, int size, long value);
}
