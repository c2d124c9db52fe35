// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.load;

import java.nio.ByteBuffer;

/**
 * The BIOS data area at 400h as firmware would leave it (IBM PC/AT Technical Reference, "ROM BIOS
 * Data Areas"), as far as programs read it without a BIOS call. Kernels look there for the end of
 * conventional memory: Xen puts its start-up code below it, and with zeros there it takes an
 * address below zero.
 */
final class BiosData {
    static final int AREA = 0x400;
    private static final int BYTES = 0x100;
    private static final int COM1 = 0x3F8;

    /** Coprocessor, 80x25 colour text, one serial port. */
    private static final int EQUIPMENT = 1 << 1 | 2 << 4 | 1 << 9;

    private BiosData() {}

    /** Before the image is loaded: one that wants the place for itself has it. */
    static void write(GuestRam ram) {
        byte[] area = new byte[BYTES];
        ByteBuffer b = Bytes.wrap(area);
        b.putShort(0x00, (short) COM1);
        b.putShort(0x0E, (short) (MemoryMap.LOW_END >> 4)); // segment of the extended area
        b.putShort(0x10, (short) EQUIPMENT);
        b.putShort(0x13, (short) (MemoryMap.LOW_END >> 10)); // KiB of conventional memory
        ram.write(AREA, area, 0, area.length);
        // The extended area begins with its size in KiB.
        ram.write(MemoryMap.LOW_END, new byte[] {1}, 0, 1);
    }
}
