// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.translator.internal;

import dev.faultline.cpu.x86.decode.Decoder;
import dev.faultline.cpu.x86.isa.MandatoryPrefix;
import dev.faultline.cpu.x86.isa.Row;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/** Instructions of any row of the table, with prefixes and operands by chance. */
public final class RowInstruction {
    private RowInstruction() {}

    /** An instruction of the row with operands by chance; null: by chance none. */
    public static byte @Nullable [] random(Row row, Random random) {
        List<Integer> b = new ArrayList<>();
        if (row.lockable && random.nextInt(4) == 0) {
            b.add(0xF0);
        }
        int[] segments = {0x2E, 0x64, 0x65};
        if (random.nextInt(6) == 0) {
            b.add(segments[random.nextInt(3)]);
        }
        if (random.nextInt(8) == 0) {
            b.add(0x67);
        }
        if (row.prefix == MandatoryPrefix.P66 || random.nextInt(5) == 0) {
            b.add(0x66);
        }
        if (row.prefix == MandatoryPrefix.PF2 || random.nextInt(16) == 0) {
            b.add(0xF2);
        } else if (row.prefix == MandatoryPrefix.PF3 || random.nextInt(16) == 0) {
            b.add(0xF3);
        }
        if (random.nextInt(3) > 0) {
            b.add(0x40 | random.nextInt(16));
        }
        if (row.map > 0) {
            b.add(0x0F);
        }
        if (row.map > 1) {
            b.add(row.map == 2 ? 0x38 : 0x3A);
        }
        b.add(row.opcode);
        byte[] bytes = new byte[Decoder.MAX_LENGTH];
        random.nextBytes(bytes);
        int n = b.size();
        for (int i = 0; i < n; i++) {
            bytes[i] = b.get(i).byteValue();
        }
        if (row.modrm) {
            int digit = row.digit >= 0 ? row.digit : random.nextInt(8);
            int mod = row.form == Row.Form.REGISTER ? 3 : random.nextInt(4);
            int rm = mod == 0 && random.nextInt(3) == 0 ? 5 : bytes[n] & 7; // 5: of rip
            bytes[n] = (byte) (row.exact >= 0 ? row.exact : mod << 6 | digit << 3 | rm);
        }
        int length = new Decoder().length(bytes, bytes.length, 64);
        return length <= 0 || length >= bytes.length ? null : Arrays.copyOf(bytes, length);
    }
}
