// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.disassembly;

/** Fills the patterns of names; the head of {@code names.tab} explains them. */
final class Mnemonics {
    private static final String[] CONDITIONS = {
        "o", "no", "b", "ae", "e", "ne", "be", "a", "s", "ns", "p", "np", "l", "ge", "le", "g"
    };
    private static final String[] PREDICATES = {
        "eq", "lt", "le", "unord", "neq", "nlt", "nle", "ord"
    };

    private Mnemonics() {}

    static String fill(String pattern, Fields f) {
        String s = alternative(pattern, f);
        int at = s.indexOf('{');
        if (at < 0) {
            return s.replace('_', ' ');
        }
        int end = s.indexOf('}', at);
        return s.substring(0, at) + part(s.substring(at + 1, end), f) + s.substring(end + 1);
    }

    private static String alternative(String pattern, Fields f) {
        if (pattern.indexOf('|') < 0) {
            return pattern;
        }
        int number =
                switch (pattern.charAt(0)) {
                    case '@' -> Integer.numberOfTrailingZeros(f.addressSize()) - 1;
                    case '~' -> Integer.numberOfTrailingZeros(f.d.addressSize) - 1;
                    case '^' -> f.rexW() ? 1 : 0;
                    default -> Integer.numberOfTrailingZeros(f.operandSize()) - 1;
                };
        boolean marked = "@~^".indexOf(pattern.charAt(0)) >= 0;
        return pattern.substring(marked ? 1 : 0).split("\\|")[number];
    }

    private static String part(String what, Fields f) {
        return switch (what) {
            case "cc" -> CONDITIONS[f.d.opcode & 0xF];
            case "s" -> suffix(f);
            case "q" -> f.rexW() ? "q" : suffix(f);
            case "S" -> f.d.codeBits == 64 ? "" : f.operandSizeWithoutRex() == 2 ? "w" : "d";
            case "L" -> f.d.codeBits != 64 ? "" : f.rexW() ? "q" : "d";
            case "64" -> f.rexW() ? "64" : "";
            case "p" -> predicate(f);
            case "c" -> quadwords(f);
            default -> throw new IllegalStateException("names.tab: {" + what + "}");
        };
    }

    /** Where no register tells the operand size: only if it is not that of the code segment. */
    private static String suffix(Fields f) {
        boolean none = f.d.row.forced64 || f.d.row.default64 && f.d.rexW;
        if (!f.d.prefix66 || f.d.codeBits == 64 && none) {
            return "";
        }
        f.usedOperandSize = true;
        return f.d.codeBits == 16 ? "d" : "w";
    }

    private static String predicate(Fields f) {
        int p = (int) f.d.imm & 0xFF;
        f.usedImmediate = p < PREDICATES.length;
        return f.usedImmediate ? PREDICATES[p] : "";
    }

    /** Which halves PCLMULQDQ multiplies. */
    private static String quadwords(Fields f) {
        int which = (int) f.d.imm & 0xFF;
        f.usedImmediate = (which & ~0x11) == 0;
        if (!f.usedImmediate) {
            return "q";
        }
        return ((which & 1) == 0 ? "lq" : "hq") + ((which & 0x10) == 0 ? "lq" : "hq");
    }
}
