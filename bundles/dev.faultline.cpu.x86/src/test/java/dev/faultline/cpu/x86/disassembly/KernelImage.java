// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.disassembly;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.zip.GZIPInputStream;

/** What a bzImage has inside: the kernel as an ELF file. Linux, Documentation/arch/x86/boot.rst. */
final class KernelImage {
    private static final int HEADER = 0x53726448;
    private static final int SECTOR = 512;
    private static final int GZIP = 0x8B1F;

    /** Frames of blocks, each after its size, that earlier versions of lz4 write. */
    private static final int LZ4_LEGACY = 0x184C2102;

    private KernelImage() {}

    static boolean is(byte[] file) {
        return file.length > 0x250 && little(file).getInt(0x202) == HEADER;
    }

    static byte[] unpack(byte[] file) throws IOException {
        ByteBuffer b = little(file);
        int start = ((file[0x1F1] & 0xFF) + 1) * SECTOR + b.getInt(0x248);
        int end = start + b.getInt(0x24C);
        if (b.getInt(start) == LZ4_LEGACY) {
            // The size of the contents follows them.
            return lz4(b, start + 4, end - 4, b.getInt(end - 4));
        }
        if ((b.getShort(start) & 0xFFFF) == GZIP) {
            byte[] packed = Arrays.copyOfRange(file, start, end);
            return new GZIPInputStream(new ByteArrayInputStream(packed)).readAllBytes();
        }
        throw new IOException(
                "kernel packed in another way, beginning with %08x".formatted(b.getInt(start)));
    }

    private static byte[] lz4(ByteBuffer b, int start, int end, int size) {
        byte[] out = new byte[size];
        int to = 0;
        b.position(start);
        while (b.position() < end) {
            int blockEnd = b.getInt() + b.position();
            while (b.position() < blockEnd) {
                to = sequence(b, blockEnd, out, to);
            }
        }
        return out;
    }

    /** Literals, and a match unless they end the block. */
    private static int sequence(ByteBuffer b, int end, byte[] out, int at) {
        int token = b.get() & 0xFF;
        int literals = length(b, token >> 4);
        b.get(out, at, literals);
        int to = at + literals;
        if (b.position() >= end) {
            return to;
        }
        int distance = b.getShort() & 0xFFFF;
        int match = length(b, token & 0xF) + 4;
        for (int i = 0; i < match; i++) {
            out[to] = out[to - distance];
            to++;
        }
        return to;
    }

    private static int length(ByteBuffer b, int first) {
        int n = first;
        if (first == 15) {
            int more;
            do {
                more = b.get() & 0xFF;
                n += more;
            } while (more == 255);
        }
        return n;
    }

    private static ByteBuffer little(byte[] file) {
        return ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
    }
}
