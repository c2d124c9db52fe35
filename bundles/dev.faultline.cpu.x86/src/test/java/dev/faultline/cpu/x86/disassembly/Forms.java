// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.disassembly;

import dev.faultline.cpu.x86.decode.Decoder;
import dev.faultline.cpu.x86.isa.InstructionTable;
import dev.faultline.cpu.x86.isa.Row;
import java.io.ByteArrayOutputStream;

/**
 * Encodings of every line of the table: with ModR/M and SIB bytes of all kinds, and with prefixes.
 */
final class Forms {
    private static final int[][] PREFIXES_16_32 = {
        {},
        {0x66},
        {0x67},
        {0x66, 0x67},
        {0xF2},
        {0xF3},
        {0xF0},
        {0x2E},
        {0x3E},
        {0x65},
        {0x66, 0x66}
    };
    private static final int[][] PREFIXES_64 = {
        {},
        {0x66},
        {0x67},
        {0xF2},
        {0xF3},
        {0xF0},
        {0x2E},
        {0x3E},
        {0x64},
        {0x66, 0x2E},
        {0x40},
        {0x41},
        {0x42},
        {0x44},
        {0x48},
        {0x4D},
        {0x4F},
        {0x66, 0x48},
        {0x67, 0x4C},
        {0xF0, 0x48},
        {0xF2, 0x48},
        {0xF3, 0x49}
    };

    /** ModR/M and SIB bytes; what displacements and immediates follow is made up. */
    private static final int[][] ADDRESSES = {
        {0x00},
        {0x01},
        {0x04, 0x24},
        {0x04, 0x25},
        {0x04, 0x65},
        {0x04, 0x8B},
        {0x04, 0x20},
        {0x04, 0x60},
        {0x05},
        {0x06},
        {0x45},
        {0x44, 0x24},
        {0x44, 0x58},
        {0x46},
        {0x85},
        {0x84, 0xC5},
        {0xC0},
        {0xC3},
        {0xC7}
    };

    private final Slots slots;
    private int made;

    private Forms(int codeBits) {
        slots = new Slots(codeBits);
    }

    static Slots of(int codeBits) {
        Forms f = new Forms(codeBits);
        for (Row e : InstructionTable.all()) {
            for (int[] prefixes : codeBits == 64 ? PREFIXES_64 : PREFIXES_16_32) {
                f.line(e, prefixes);
            }
        }
        return f.slots;
    }

    private void line(Row e, int[] prefixes) {
        if (!e.modrm) {
            slot(e, prefixes, new int[0]);
        } else if (e.exact >= 0) {
            slot(e, prefixes, new int[] {e.exact});
        } else {
            for (int[] address : ADDRESSES) {
                int[] a = address.clone();
                a[0] |= (e.digit >= 0 ? e.digit : made % 8) << 3;
                slot(e, prefixes, a);
            }
        }
    }

    private void slot(Row e, int[] prefixes, int[] modrm) {
        ByteArrayOutputStream b = new ByteArrayOutputStream();
        if (e.prefix.value != 0) {
            b.write(e.prefix.value);
        }
        for (int p : prefixes) {
            b.write(p);
        }
        if (e.map > 0) {
            b.write(0x0F);
        }
        if (e.map > 1) {
            b.write(e.map == 2 ? 0x38 : 0x3A);
        }
        b.write(e.opcode);
        for (int m : modrm) {
            b.write(m);
        }
        // The high bit of each field follows from where it stands: of both signs over the slots.
        for (int i = 0; b.size() < Decoder.MAX_LENGTH; i++) {
            b.write((made * 37 + i * 85) % 256);
        }
        made++;
        // One that is another line's is made there.
        slots.add(b.toByteArray(), d -> d.row == e);
    }
}
