// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.isa;

import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;

/**
 * How an instruction is recognised. SDM 2A, "Interpreting the Instruction Reference Pages"; the
 * head of {@code integer.tab} explains the notation.
 *
 * @param map 0: one byte, 1: 0F, 2: 0F38, 3: 0F3A
 * @param condition of opcodes with a condition in their low four bits, that; else -1
 * @param digit ModR/M.reg that selects it, or -1
 * @param exact exact ModR/M byte, or -1
 * @param length of vectors: 0 is 128 bits, 1 is 256, 2 is 512; -1: any
 * @param w VEX.W or EVEX.W; -1: any
 */
record Encoding(
        Space space,
        MandatoryPrefix prefix,
        int map,
        int opcode,
        int condition,
        int digit,
        Row.Form form,
        int exact,
        int length,
        int w) {
    private static final int ANY = -1;
    private static final List<String> LENGTHS = List.of("128", "256", "512");

    /**
     * @param text as the table has it
     * @param offset of opcodes with a register or a condition in their low bits, that
     * @param context for messages
     */
    static Encoding parse(String text, int offset, String context) {
        String enc = text;
        Row.Form form = Row.Form.ANY;
        if (enc.endsWith(":mem") || enc.endsWith(":reg")) {
            form = enc.endsWith(":mem") ? Row.Form.MEMORY : Row.Form.REGISTER;
            enc = enc.substring(0, enc.length() - 4);
        }
        int at = enc.indexOf('/');
        int digit = at >= 0 ? Integer.parseInt(enc.substring(at + 1)) : ANY;
        enc = at >= 0 ? enc.substring(0, at) : enc;
        at = enc.indexOf('=');
        int exact = at >= 0 ? Integer.parseInt(enc.substring(at + 1), 16) : ANY;
        enc = at >= 0 ? enc.substring(0, at) : enc;
        at = enc.indexOf('+');
        if (at >= 0 && !enc.endsWith("+r") && !enc.endsWith("+cc")) {
            throw bad("+r or +cc expected", context);
        }
        int condition = enc.endsWith("+cc") ? offset : ANY;
        enc = at >= 0 ? enc.substring(0, at) : enc;
        Deque<String> parts = new ArrayDeque<>(Arrays.asList(enc.split("\\.")));
        Space space = space(parts);
        if (space != Space.LEGACY && parts.size() < 4) {
            throw bad("vector length, prefix, map, W and opcode expected after " + space, context);
        }
        int length = space == Space.LEGACY ? ANY : length(parts, context);
        MandatoryPrefix prefix = prefix(parts);
        if (space != Space.LEGACY && prefix == MandatoryPrefix.ANY) {
            throw bad("NP, 66, F3 or F2 expected after the vector length", context);
        }
        int map = map(parts);
        int w = space == Space.LEGACY ? ANY : w(parts, context);
        if (parts.size() != 1 || space != Space.LEGACY && map == 0) {
            throw bad("bad encoding", context);
        }
        if (!parts.getFirst().matches("[0-9A-F]{2}")) {
            throw bad("an opcode of two hexadecimal digits expected", context);
        }
        int opcode = Integer.parseInt(parts.getFirst(), 16) + offset;
        return new Encoding(space, prefix, map, opcode, condition, digit, form, exact, length, w);
    }

    private static Space space(Deque<String> parts) {
        for (Space s : Space.values()) {
            if (s.name().equals(parts.peekFirst())) {
                parts.removeFirst();
                return s;
            }
        }
        return Space.LEGACY;
    }

    private static int length(Deque<String> parts, String context) {
        String length = parts.removeFirst();
        if (length.equals("LIG")) {
            return ANY;
        }
        int i = length.equals("LZ") ? 0 : LENGTHS.indexOf(length);
        if (i < 0) {
            throw bad("128, 256, 512, LIG or LZ expected after VEX or EVEX", context);
        }
        return i;
    }

    private static MandatoryPrefix prefix(Deque<String> parts) {
        MandatoryPrefix p =
                switch (parts.getFirst()) {
                    case "NP" -> MandatoryPrefix.NP;
                    case "66" -> MandatoryPrefix.P66;
                    case "F3" -> MandatoryPrefix.PF3;
                    case "F2" -> MandatoryPrefix.PF2;
                    default -> MandatoryPrefix.ANY;
                };
        // Alone they are opcodes.
        if (p != MandatoryPrefix.ANY && parts.size() > 1) {
            parts.removeFirst();
            return p;
        }
        return MandatoryPrefix.ANY;
    }

    private static int map(Deque<String> parts) {
        if (parts.size() < 2 || !parts.getFirst().equals("0F")) {
            return 0;
        }
        parts.removeFirst();
        boolean longer = parts.size() > 1;
        if (longer && parts.getFirst().equals("38")) {
            parts.removeFirst();
            return 2;
        }
        if (longer && parts.getFirst().equals("3A")) {
            parts.removeFirst();
            return 3;
        }
        return 1;
    }

    private static int w(Deque<String> parts, String context) {
        String w = parts.removeFirst();
        return switch (w) {
            case "W0" -> 0;
            case "W1" -> 1;
            case "WIG" -> ANY;
            default -> throw bad("W0, W1 or WIG expected after the map, not " + w, context);
        };
    }

    private static IllegalStateException bad(String why, String context) {
        return new IllegalStateException("instruction table: " + why + " in: " + context);
    }

    /** Whether every instruction that {@code other} recognises is one of this one's. */
    boolean covers(Encoding other) {
        return space == other.space
                && map == other.map
                && opcode == other.opcode
                && (prefix == MandatoryPrefix.ANY || prefix == other.prefix)
                && (length == ANY || length == other.length)
                && (w == ANY || w == other.w)
                && coversModrm(other);
    }

    private boolean coversModrm(Encoding other) {
        if (exact >= 0) {
            return exact == other.exact;
        }
        boolean one = other.exact >= 0;
        int otherDigit = one ? other.exact >> 3 & 7 : other.digit;
        Row.Form otherForm =
                !one ? other.form : other.exact >= 0xC0 ? Row.Form.REGISTER : Row.Form.MEMORY;
        return (digit < 0 || digit == otherDigit) && (form == Row.Form.ANY || form == otherForm);
    }
}
