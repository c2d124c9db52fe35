// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.disassembly;

import dev.faultline.cpu.x86.decode.Decoder;
import dev.faultline.cpu.x86.op.Decoded;
import java.io.ByteArrayOutputStream;
import java.util.Arrays;
import java.util.function.Predicate;

/** Instructions, each in a slot of its own before NOPs, so that one that is misread spoils none. */
final class Slots {
    static final int SIZE = 16;
    private static final byte NOP = (byte) 0x90;

    final int codeBits;
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    private final Decoder decoder = new Decoder();

    Slots(int codeBits) {
        this.codeBits = codeBits;
    }

    /** Adds the first instruction of {@code code} if the table has it and it is a wanted one. */
    boolean add(byte[] code, Predicate<Decoded> wanted) {
        byte[] slot = Arrays.copyOf(code, SIZE);
        Decoded d = decoder.fields(slot, Decoder.MAX_LENGTH, codeBits);
        if (d == null || !d.exists() || !wanted.test(d)) {
            return false;
        }
        Arrays.fill(slot, d.end, SIZE, NOP);
        bytes.writeBytes(slot);
        return true;
    }

    byte[] bytes() {
        return bytes.toByteArray();
    }
}
