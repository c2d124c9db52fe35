// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.load;

import java.nio.ByteBuffer;
import java.util.HexFormat;

/**
 * What firmware would leave below 1 MiB for programs of real mode (IBM PC/AT Technical Reference,
 * "ROM BIOS" and "ROM BIOS Data Areas"): the interrupt vectors at 0 and the data area at 400h, as
 * far as kernels use them before they look for anything else.
 *
 * <p>Xen's start-up code puts itself below the end of conventional memory that the data area tells,
 * and asks INT 15h, INT 10h and INT 13h what there is. There are no such services: those calls
 * return with the carry flag set, as on a BIOS that is too old for them, and kernels go on with
 * what their loader has told them. INT 11h and INT 12h answer from the data area; interrupts of the
 * 8259s are acknowledged.
 */
final class BiosArea {
    static final int DATA = 0x400;
    private static final int DATA_BYTES = 0x100;
    private static final int COM1 = 0x3F8;

    /** Coprocessor, 80x25 colour text, one serial port. */
    private static final int EQUIPMENT = 1 << 1 | 2 << 4 | 1 << 9;

    /** Where the handlers are, as offset in segment F000h. */
    static final int HANDLERS = 0xFF00;

    private static final int SEGMENT = 0xF000;

    /** {@code iret}: exceptions, and calls that may do nothing. */
    private static final byte[] NOTHING = code("cf");

    /**
     * {@code push bp; mov bp,sp; or byte [bp+6],41h; pop bp; mov ah,86h; iret}: CF, and ZF for
     * those who ask the keyboard.
     */
    private static final byte[] UNSUPPORTED = code("55 89e5 804e0641 5d b486 cf");

    /** {@code push ax; mov al,20h; out 20h,al; pop ax; iret}. */
    private static final byte[] MASTER = code("50 b020 e620 58 cf");

    /** {@code push ax; mov al,20h; out 0a0h,al; out 20h,al; pop ax; iret}. */
    private static final byte[] SLAVE = code("50 b020 e6a0 e620 58 cf");

    /** {@code push ds; xor ax,ax; mov ds,ax; mov ax,[410h]; pop ds; iret}. */
    private static final byte[] EQUIPMENT_LIST = code("1e 31c0 8ed8 a11004 1f cf");

    /** The same of 413h. */
    private static final byte[] MEMORY_SIZE = code("1e 31c0 8ed8 a11304 1f cf");

    private BiosArea() {}

    private static byte[] code(String hex) {
        return HexFormat.of().parseHex(hex.replace(" ", ""));
    }

    /** Before the image is loaded: one that wants the place for itself has it. */
    static void write(GuestRam ram) {
        data(ram);
        byte[] vectors = new byte[DATA];
        ByteBuffer table = Bytes.wrap(vectors);
        int offset = HANDLERS;
        for (byte[] handler :
                new byte[][] {NOTHING, UNSUPPORTED, MASTER, SLAVE, EQUIPMENT_LIST, MEMORY_SIZE}) {
            for (int vector = 0; vector < 256; vector++) {
                if (handler(vector) == handler) {
                    table.putShort(4 * vector, (short) offset);
                    table.putShort(4 * vector + 2, (short) SEGMENT);
                }
            }
            ram.write(((long) SEGMENT << 4) + offset, handler, 0, handler.length);
            offset += handler.length;
        }
        ram.write(0, vectors, 0, vectors.length);
    }

    private static byte[] handler(int vector) {
        return switch (vector) {
            case 0, 1, 2, 3, 4, 5, 6, 7, 0x10, 0x1B, 0x1C, 0x4A -> NOTHING;
            case 8, 9, 0xA, 0xB, 0xC, 0xD, 0xE, 0xF -> MASTER;
            case 0x70, 0x71, 0x72, 0x73, 0x74, 0x75, 0x76, 0x77 -> SLAVE;
            case 0x11 -> EQUIPMENT_LIST;
            case 0x12 -> MEMORY_SIZE;
            default -> UNSUPPORTED;
        };
    }

    private static void data(GuestRam ram) {
        byte[] area = new byte[DATA_BYTES];
        ByteBuffer b = Bytes.wrap(area);
        b.putShort(0x00, (short) COM1);
        b.putShort(0x0E, (short) (MemoryMap.LOW_END >> 4)); // segment of the extended area
        b.putShort(0x10, (short) EQUIPMENT);
        b.putShort(0x13, (short) (MemoryMap.LOW_END >> 10)); // KiB of conventional memory
        ram.write(DATA, area, 0, area.length);
        // The extended area begins with its size in KiB.
        ram.write(MemoryMap.LOW_END, new byte[] {1}, 0, 1);
    }
}
