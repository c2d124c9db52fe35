// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.translator.verify;

import dev.faultline.cpu.translator.verify.Layout.Strings;
import dev.faultline.cpu.translator.verify.Layout.Tables;
import java.util.HexFormat;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * REP MOVS and REP STOS, which are accepted only as these sequences from their first byte to their
 * last: in the middle of them rsi and rdi are addresses of the host. Immutable.
 *
 * <p>Why they are right: the count is in r11, neither 0 nor more than 4095; the page of the last
 * byte that it reaches is the one whose tag was compared; rcx is the count, rdi and rsi are the
 * probed addresses and DF is 0 in the host, as always. Behind it rdi and rsi are the guest's again.
 */
final class StringOperations {
    /** In a sequence: the displacement of a jump, four bytes. */
    static final int JUMP = -1;

    /** Jumps away unless rcx is 0. */
    private static final String UNLESS_ZERO = "E305 E9{jump}";

    private static final String BEGIN =
            "498B8F{direction}" // mov rcx, [direction]
                    + UNLESS_ZERO
                    + "C4C283F7CB" // shrx rcx, r11, r15
                    + UNLESS_ZERO
                    + "4C89D9" // mov rcx, r11
                    + "E302 EB05 E9{jump}"; // jumps away if it is 0

    /** Of {@code tags}: r11 elements from r13 on; then their host address is r14 + r13. */
    private static final String PROBE =
            "C44283F7F5" // shrx r14, r13, r15
                    + "4B8D4C{r13+r11}FF" // lea rcx, [r13 + r11 * size - 1]
                    + "C4E283F7C9" // shrx rcx, rcx, r15
                    + "450FB7F6" // movzx r14d, r14w
                    + "4F8BB4F7{tags}" // mov r14, [r15 + r14 * 8 + tags]
                    + "4A8D4C3101" // lea rcx, [rcx + r14 + 1]
                    + UNLESS_ZERO
                    + "C44283F7F5 450FB7F6"
                    + "4F8BB4F7{addends}";

    private static final String READ_PROBE = PROBE.replace("{tags}", "{read}");
    private static final String WRITE_PROBE = PROBE.replace("{tags}", "{write}");

    /** lea rdi, [r14 + r13]; mov rcx, r11; the instruction; lea rdi, [r13 + r11 * size]. */
    private static final String EXECUTE = "4B8D7C2E00 4C89D9 {instruction} 4B8D7C{r13+r11}00";

    private static final String END = "41BB00000000"; // mov r11d, 0

    private static final String STOS =
            BEGIN
                    + "4989FD" // mov r13, rdi
                    + WRITE_PROBE
                    + EXECUTE
                    + END;

    private static final String MOVS =
            BEGIN
                    + "4989F5" // mov r13, rsi
                    + READ_PROBE
                    + "4B8D4C2E00 49898F{source}" // lea rcx, [r14 + r13]; mov [source], rcx
                    + "4989FD" // mov r13, rdi
                    + WRITE_PROBE
                    + "4989B7{saved} 498BB7{source}" // mov [saved], rsi; mov rsi, [source]
                    + EXECUTE
                    + "498BB7{saved}" // mov rsi, [saved]
                    + "4A8D74{rsi+r11}00" // lea rsi, [rsi + r11 * size]
                    + END;

    private static final String[] PREFIXES = {"F3", "66F3", "F3", "F348"};

    /** By class of the code, and then each operation of each size. */
    private final int[][][] sequences;

    StringOperations(Tables[] tables, Strings slots) {
        sequences = new int[tables.length][][];
        for (int c = 0; c < tables.length; c++) {
            sequences[c] = new int[8][];
            for (int i = 0; i < 8; i++) {
                sequences[c][i] = sequence(i >= 4, i % 4, tables[c], slots);
            }
        }
    }

    /** The sequence that the code has at {@code at}; null: none. */
    int @Nullable [] at(byte[] code, int at, int codeClass) {
        for (int[] s : sequences[codeClass]) {
            if (matches(s, code, at)) {
                return s;
            }
        }
        return null;
    }

    private static boolean matches(int[] s, byte[] code, int at) {
        if (at + s.length > code.length) {
            return false;
        }
        for (int i = 0; i < s.length; i++) {
            if (s[i] != JUMP && s[i] != (code[at + i] & 0xFF)) {
                return false;
            }
        }
        return true;
    }

    private static int[] sequence(boolean move, int scale, Tables t, Strings slots) {
        int opcode = (move ? 0xA4 : 0xAA) + (scale == 0 ? 0 : 1);
        Map<String, String> values = new TreeMap<>();
        values.put("{direction}", little(slots.direction()));
        values.put("{source}", little(slots.source()));
        values.put("{saved}", little(slots.saved()));
        values.put("{read}", little(t.readTags()));
        values.put("{write}", little(t.writeTags()));
        values.put("{addends}", little(t.addends()));
        values.put("{r13+r11}", hex(scale << 6 | 0x1D));
        values.put("{rsi+r11}", hex(scale << 6 | 0x1E));
        values.put("{instruction}", PREFIXES[scale] + hex(opcode));
        values.put("{jump}", "........");
        String text = (move ? MOVS : STOS).replace(" ", "");
        for (Map.Entry<String, String> e : values.entrySet()) {
            text = text.replace(e.getKey(), e.getValue());
        }
        int[] s = new int[text.length() / 2];
        for (int i = 0; i < s.length; i++) {
            boolean jump = text.charAt(2 * i) == '.';
            s[i] = jump ? JUMP : HexFormat.fromHexDigits(text, 2 * i, 2 * i + 2);
        }
        return s;
    }

    private static String little(int value) {
        return hex(value) + hex(value >> 8) + hex(value >> 16) + hex(value >> 24);
    }

    private static String hex(int octet) {
        return HexFormat.of().toHexDigits((byte) octet).toUpperCase(Locale.ROOT);
    }
}
