// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.disassembly;

import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The prefixes that the rest of the text does not tell, in their order. */
final class Prefixes {
    private static final Set<String> REPEATED = Set.of("MOVS", "STOS", "LODS", "INS", "OUTS");
    private static final Set<String> NEAR_BRANCHES = Set.of("CALL", "JMP", "JCC", "RET");

    private Prefixes() {}

    /** Name of a segment register, or null: {@code b} is another prefix. */
    static @Nullable String segment(int b) {
        return switch (b) {
            case 0x26 -> "es";
            case 0x2E -> "cs";
            case 0x36 -> "ss";
            case 0x3E -> "ds";
            case 0x64 -> "fs";
            case 0x65 -> "gs";
            default -> null;
        };
    }

    /** Each with a space after it. Of those that say the same the last one counts. */
    static String left(Fields f) {
        StringBuilder s = new StringBuilder();
        for (int i = 0; i < f.d.prefixes; i++) {
            int b = f.code[i] & 0xFF;
            // A REX that another prefix follows says nothing.
            boolean read = rex(f, b) ? i == f.d.prefixes - 1 : last(f, i);
            if (!(read && used(f, b))) {
                s.append(name(f, b, i)).append(' ');
            }
        }
        return s.toString();
    }

    private static boolean last(Fields f, int at) {
        for (int i = at + 1; i < f.d.prefixes; i++) {
            if (kind(f, f.code[i] & 0xFF) == kind(f, f.code[at] & 0xFF)) {
                return false;
            }
        }
        return true;
    }

    private static int kind(Fields f, int b) {
        if (segment(b) != null) {
            return 0x26;
        }
        return rex(f, b) ? 0x40 : b;
    }

    private static boolean rex(Fields f, int b) {
        return f.d.codeBits == 64 && (b & 0xF0) == 0x40;
    }

    private static boolean used(Fields f, int b) {
        return switch (kind(f, b)) {
            case 0x66 -> f.usedOperandSize || f.mandatoryPrefix == b;
            case 0x67 -> f.usedAddressSize;
            case 0x26 -> f.usedSegment;
            case 0x40 -> f.rexUsed();
            case 0xF2, 0xF3 -> f.mandatoryPrefix == b;
            default -> false;
        };
    }

    private static String name(Fields f, int b, int at) {
        String segment = segment(b);
        if (segment != null) {
            return segmentName(f, segment, at);
        }
        return switch (kind(f, b)) {
            case 0x66 -> f.d.codeBits == 16 ? "data32" : "data16";
            case 0x67 -> f.d.codeBits == 32 ? "addr16" : "addr32";
            case 0x40 -> rexName(b);
            case 0xF0 -> "lock";
            case 0xF2 -> repne(f, at);
            default -> rep(f, at);
        };
    }

    private static String segmentName(Fields f, String name, int at) {
        return f.notrack && last(f, at) ? "notrack" : name;
    }

    private static String rexName(int b) {
        StringBuilder s = new StringBuilder("rex");
        for (int i = 0; i < 4; i++) {
            if ((b & 8 >> i) != 0) {
                s.append(s.length() == 3 ? "." : "").append("WRXB".charAt(i));
            }
        }
        return s.toString();
    }

    private static String repne(Fields f, int at) {
        if (last(f, at) && NEAR_BRANCHES.contains(f.d.row.mnemonic)) {
            return "bnd";
        }
        return last(f, at) && elides(f) ? "xacquire" : "repnz";
    }

    private static String rep(Fields f, int at) {
        if (last(f, at) && REPEATED.contains(f.d.row.mnemonic)) {
            return "rep";
        }
        boolean store = f.d.mem && (f.d.opcode | 1) == 0x89 && f.d.map == 0;
        boolean storeImmediate = f.d.mem && (f.d.opcode | 1) == 0xC7 && f.d.map == 0;
        return last(f, at) && (elides(f) || store || storeImmediate) ? "xrelease" : "repz";
    }

    /** Whether HLE gives F2 and F3 a meaning: locked, with or without LOCK for XCHG. */
    private static boolean elides(Fields f) {
        return f.d.mem && f.d.row.lockable && (f.d.lock || f.d.row.mnemonic.equals("XCHG"));
    }
}
