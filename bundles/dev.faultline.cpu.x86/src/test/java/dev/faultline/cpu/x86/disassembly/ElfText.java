// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.disassembly;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;

/** The section .text of an ELF64 file, or of the kernel in a bzImage. */
record ElfText(byte[] code, long address) {
    private static final int MAGIC = 0x464C457F;

    static ElfText read(Path file) throws IOException {
        byte[] bytes = Files.readAllBytes(file);
        byte[] elf = KernelImage.is(bytes) ? KernelImage.unpack(bytes) : bytes;
        ByteBuffer b = ByteBuffer.wrap(elf).order(ByteOrder.LITTLE_ENDIAN);
        if (b.limit() < 0x40 || b.getInt(0) != MAGIC || b.get(4) != 2) {
            throw new IOException(file + " is no ELF64 file");
        }
        int sections = (int) b.getLong(0x28);
        int size = b.getShort(0x3A) & 0xFFFF;
        int count = b.getShort(0x3C) & 0xFFFF;
        int names = sections + size * (b.getShort(0x3E) & 0xFFFF);
        for (int i = 0; i < count; i++) {
            int section = sections + size * i;
            if (name(b, (int) b.getLong(names + 0x18) + b.getInt(section)).equals(".text")) {
                byte[] code = new byte[(int) b.getLong(section + 0x20)];
                b.get((int) b.getLong(section + 0x18), code);
                return new ElfText(code, b.getLong(section + 0x10));
            }
        }
        throw new IOException(file + " has no section .text");
    }

    private static String name(ByteBuffer b, int at) {
        StringBuilder s = new StringBuilder();
        for (int i = at; b.get(i) != 0; i++) {
            s.append((char) b.get(i));
        }
        return s.toString();
    }
}
