// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.isa.generator;

import dev.faultline.cpu.x86.isa.Row;
import dev.faultline.cpu.x86.isa.Shape;
import java.util.List;

/** What the operand codes of rows with a shape mean: SDM 2D (2B), appendix "Opcode Map". */
final class Forms {
    /** The condition codes by number: SDM 1, appendix "EFLAGS Condition Codes". */
    static final List<String> CONDITIONS =
            List.of(
                    "o", "no", "b", "ae", "e", "ne", "be", "a", "s", "ns", "p", "np", "l", "ge",
                    "le", "g");

    /** How a row's operand size is chosen when an Op is made. */
    enum Sizes {
        /** All operands say it. */
        FIXED(""),
        /** Letters v and z: 2, 4 or 8 bytes. */
        OPERAND_SIZE("d.operandSize"),
        /** Letter y: 4 or 8 bytes. */
        REX_W("d.rexW ? 8 : 4");

        /** Java for it. */
        final String java;

        Sizes(String java) {
            this.java = java;
        }
    }

    private Forms() {}

    /** Bytes of an operand. */
    static int size(String code, int operandSize, int sizeOfFirst) {
        return switch (code) {
            case "AL", "CL", "1" -> 1;
            case "rAX" -> operandSize;
            default ->
                    switch (code.substring(1)) {
                        case "dq", "ps", "pd" -> 16;
                        case "sd" -> 8;
                        case "ss" -> 4;
                        case "b" -> code.startsWith("I") ? sizeOfFirst : 1;
                        case "w" -> 2;
                        case "d" -> 4;
                        case "q" -> 8;
                        case "v", "z", "y" -> operandSize;
                        default -> throw new IllegalStateException("operand size: " + code);
                    };
        };
    }

    static Sizes sizes(Row row) {
        for (String code : row.operands.split(",")) {
            if (code.equals("rAX")) {
                return Sizes.OPERAND_SIZE;
            }
            if (code.length() == 2 && "EGMOZ".indexOf(code.charAt(0)) >= 0) {
                switch (code.charAt(1)) {
                    case 'v', 'z' -> {
                        return Sizes.OPERAND_SIZE;
                    }
                    case 'y' -> {
                        return Sizes.REX_W;
                    }
                    default -> {}
                }
            }
        }
        return Sizes.FIXED;
    }

    /** Whether the last operand is the count of a shift. */
    static boolean shifts(Shape shape) {
        return shape == Shape.SHIFT || shape == Shape.SHIFT_DOUBLE;
    }

    /** Whether an operand can be in memory, as ModR/M says. */
    static boolean memoryPossible(String code) {
        return "EMWQ".indexOf(code.charAt(0)) >= 0;
    }

    /**
     * Where an operand is.
     *
     * @param memory of what can be in memory or in a register: it is in memory
     * @param immediate where an immediate is
     */
    static Operand.Place place(String code, boolean memory, Operand.Place immediate) {
        if (code.equals("1")) {
            return Operand.Place.COUNT;
        }
        if (code.equals("CL")) {
            return Operand.Place.CL;
        }
        return switch (code.charAt(0)) {
            case 'E', 'M' -> memory ? Operand.Place.MEMORY : Operand.Place.REGISTER;
            case 'O' -> Operand.Place.MEMORY;
            case 'I' -> immediate;
            case 'W' -> memory ? Operand.Place.MEMORY : Operand.Place.XMM;
            case 'V', 'U' -> Operand.Place.XMM;
            case 'Q' -> memory ? Operand.Place.MEMORY : Operand.Place.MMX;
            case 'P', 'N' -> Operand.Place.MMX;
            case 'J' -> Operand.Place.TARGET;
            case 'G', 'Z', 'A', 'r' -> Operand.Place.REGISTER;
            default -> throw new IllegalStateException("operand of a shape: " + code);
        };
    }

    /** Java for the number of the register that is this operand. */
    static String register(String code) {
        return switch (code.charAt(0)) {
            case 'G', 'V', 'P' -> "d.reg";
            case 'A', 'r' -> "0";
            default -> "d.rm";
        };
    }

    /** Of the method that makes the Ops of rows with these operands. */
    static String makerName(Row row) {
        StringBuilder s = new StringBuilder();
        for (String code : row.operands.split(",")) {
            String c = Character.isDigit(code.charAt(0)) ? "n" + code : code;
            s.append(Character.toUpperCase(c.charAt(0))).append(c.substring(1));
        }
        if (row.condition >= 0) {
            s.append('_').append(CONDITIONS.get(row.condition));
        }
        return "of" + s;
    }
}
