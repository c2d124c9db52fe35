// SPDX-License-Identifier: Apache-2.0
package dev.faultline.device.pc.internal.chip;

import dev.faultline.api.device.PortDevice;

/**
 * A chip with 8-bit registers: a wider access is one of each port that it covers, the lowest first,
 * as the bus makes of it.
 */
public interface BytePorts extends PortDevice {
    /**
     * IN of one byte.
     *
     * @return 0..255
     */
    int readByte(int range, int offset);

    /** OUT of one byte, 0..255. */
    void writeByte(int range, int offset, int value);

    @Override
    default int portRead(int range, int offset, int size) {
        int value = 0;
        for (int i = 0; i < size; i++) {
            value |= readByte(range, offset + i) << 8 * i;
        }
        return value;
    }

    @Override
    default void portWrite(int range, int offset, int size, int value) {
        for (int i = 0; i < size; i++) {
            writeByte(range, offset + i, value >>> 8 * i & 0xFF);
        }
    }
}
