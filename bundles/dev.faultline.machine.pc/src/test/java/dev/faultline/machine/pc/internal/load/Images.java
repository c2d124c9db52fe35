// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.load;

import java.nio.ByteBuffer;

/** Synthetic images. */
final class Images {
    static final int KERNEL_BYTES = 4096;
    static final int KERNEL_GPA = 0x100_0000;

    private Images() {}

    /**
     * A 64-bit bzImage of protocol 2.15: four setup sectors and a kernel whose bytes are all 0x90.
     */
    static byte[] bzImage() {
        ByteBuffer b = Bytes.wrap(new byte[5 * 512 + KERNEL_BYTES]);
        b.put(BzImage.SETUP_SECTS, (byte) 4);
        b.putInt(BzImage.SYSSIZE, KERNEL_BYTES / 16);
        b.putShort(BzImage.BOOT_FLAG, (short) 0xAA55);
        b.put(0x200, (byte) 0xEB);
        b.put(BzImage.JUMP_LENGTH, (byte) 0x66);
        b.putInt(BzImage.HEADER, BzImage.MAGIC_HEADER);
        b.putShort(BzImage.VERSION, (short) 0x20F);
        b.put(BzImage.LOADFLAGS, (byte) 1);
        b.putInt(BzImage.INITRD_ADDR_MAX, 0x7FFF_FFFF);
        b.putShort(BzImage.XLOADFLAGS, (short) 1);
        b.putInt(BzImage.CMDLINE_SIZE, 2047);
        b.putLong(BzImage.PREF_ADDRESS, KERNEL_GPA);
        b.putInt(BzImage.INIT_SIZE, 0x10_0000);
        for (int i = 5 * 512; i < b.capacity(); i++) {
            b.put(i, (byte) 0x90);
        }
        return b.array();
    }

    static byte[] with32(byte[] image, int at, int value) {
        byte[] changed = image.clone();
        Bytes.wrap(changed).putInt(at, value);
        return changed;
    }

    static byte[] with16(byte[] image, int at, int value) {
        byte[] changed = image.clone();
        Bytes.wrap(changed).putShort(at, (short) value);
        return changed;
    }

    /** A 32-bit ELF with a multiboot header and one segment of 16 bytes, 32 in memory. */
    static byte[] multibootElf(int gpa) {
        ByteBuffer b = Bytes.wrap(new byte[0x100 + 16]);
        b.putInt(0, Elf.MAGIC);
        b.put(4, (byte) 1).put(5, (byte) 1).put(6, (byte) 1);
        b.putShort(16, (short) 2).putShort(18, (short) 3).putInt(20, 1);
        b.putInt(24, gpa + 4); // entry
        b.putInt(28, 52); // program headers
        b.putShort(42, (short) 32).putShort(44, (short) 1);
        b.putInt(52, 1)
                .putInt(56, 0x100)
                .putInt(60, gpa)
                .putInt(64, gpa)
                .putInt(68, 16)
                .putInt(72, 32);
        header(b, 0x80, 3);
        for (int i = 0; i < 16; i++) {
            b.put(0x100 + i, (byte) (0xA0 + i));
        }
        return b.array();
    }

    static void header(ByteBuffer b, int at, int flags) {
        b.putInt(at, Multiboot.HEADER_MAGIC)
                .putInt(at + 4, flags)
                .putInt(at + 8, -(Multiboot.HEADER_MAGIC + flags));
    }

    /** A headerless image with address fields: loaded at {@code gpa} from its first byte. */
    static byte[] kludge(int gpa) {
        ByteBuffer b = Bytes.wrap(new byte[256]);
        header(b, 16, Multiboot.FLAG_ADDRESSES);
        b.putInt(28, gpa + 16)
                .putInt(32, gpa)
                .putInt(36, 0)
                .putInt(40, gpa + 0x1000)
                .putInt(44, gpa + 64);
        b.put(64, (byte) 0xF4);
        return b.array();
    }

    /** A 32-bit bzImage of {@code version}; what that version does not have is garbage. */
    static byte[] bzImage32(int version) {
        byte[] image = bzImage();
        ByteBuffer b = Bytes.wrap(image);
        b.putShort(BzImage.VERSION, (short) version);
        b.putInt(BzImage.CODE32_START, 0x10_0000);
        b.put(BzImage.RELOCATABLE_KERNEL, (byte) 1);
        b.putShort(BzImage.XLOADFLAGS, (short) 4);
        if (version < 0x204) {
            b.putShort(BzImage.SYSSIZE + 2, (short) -1);
            b.put(BzImage.JUMP_LENGTH, (byte) 0x2A);
            for (int i = 0x22C; i < 0x290; i++) {
                b.put(i, (byte) 0xEE);
            }
        }
        return image;
    }

    /** A 64-bit ELF with one segment, 16 bytes in the file and 32 in memory, and a note. */
    static byte[] elf64(long virtual, long physical, long entry, int note, long noteValue) {
        ByteBuffer b = Bytes.wrap(new byte[0x200]);
        b.putInt(0, Elf.MAGIC);
        b.put(4, (byte) 2).put(5, (byte) 1).put(6, (byte) 1);
        b.putShort(16, (short) 2).putShort(18, (short) 62).putInt(20, 1);
        b.putLong(24, entry).putLong(32, 64);
        b.putShort(54, (short) 56).putShort(56, (short) 2);
        b.putInt(64, 1).putLong(72, 0x1C0).putLong(80, virtual).putLong(88, physical);
        b.putLong(96, 16).putLong(104, 32);
        b.putInt(120, 4).putLong(128, 0x100).putLong(152, 0x40);
        // Another note goes before.
        b.putInt(0x100, 4).putInt(0x104, 3).putInt(0x108, note).putInt(0x10C, 0x0055_4E47);
        b.putInt(0x114, 4).putInt(0x118, 8).putInt(0x11C, note).putInt(0x120, 0x006E_6558);
        b.putLong(0x124, noteValue);
        for (int i = 0; i < 16; i++) {
            b.put(0x1C0 + i, (byte) (0xA0 + i));
        }
        return b.array();
    }

    static byte[] pvh() {
        return elf64(0xFFFF_FFFF_8100_0000L, 0x100_0000, 0x100_0000, Pvh.PHYS32_ENTRY, 0x100_0008);
    }
}
