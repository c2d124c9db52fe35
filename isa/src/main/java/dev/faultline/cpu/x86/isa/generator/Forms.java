// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.isa.generator;

import dev.faultline.cpu.x86.isa.OperandCode;
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

    private static final int CL = 1;

    private Forms() {}

    /** Bytes of an operand. An immediate is extended to those of the first one. */
    static int size(OperandCode code, int operandSize, int sizeOfFirst) {
        if (code.kind() != OperandCode.Kind.IMMEDIATE) {
            return code.bytes(operandSize, operandSize == 8);
        }
        return switch (code.size()) {
            case "" -> 1;
            case "b" -> sizeOfFirst;
            case "w" -> 2;
            case "v", "z" -> operandSize;
            default -> throw new IllegalStateException("operand size: " + code);
        };
    }

    static Sizes sizes(Row row) {
        for (OperandCode c : row.codes) {
            switch (c.kind()) {
                case FIXED, REG, RM_OR_MEMORY, MEMORY, OFFSET, OPCODE -> {
                    switch (c.size()) {
                        case "v", "z" -> {
                            return Sizes.OPERAND_SIZE;
                        }
                        case "y" -> {
                            return Sizes.REX_W;
                        }
                        default -> {}
                    }
                }
                default -> {}
            }
        }
        return Sizes.FIXED;
    }

    /** Whether the last operand is the count of a shift. */
    static boolean shifts(Shape shape) {
        return shape == Shape.SHIFT || shape == Shape.SHIFT_DOUBLE;
    }

    /**
     * Where an operand is.
     *
     * @param memory of what can be in memory or in a register: it is in memory
     * @param immediate where an immediate is
     */
    static Operand.Place place(OperandCode code, boolean memory, Operand.Place immediate) {
        return switch (code.kind()) {
            case RM_OR_MEMORY, MEMORY -> memory ? Operand.Place.MEMORY : Operand.Place.REGISTER;
            case OFFSET -> Operand.Place.MEMORY;
            case IMMEDIATE -> code.size().isEmpty() ? Operand.Place.COUNT : immediate;
            case XMM_RM_OR_MEMORY -> memory ? Operand.Place.MEMORY : Operand.Place.XMM;
            case XMM_REG, XMM_RM -> Operand.Place.XMM;
            case MMX_RM_OR_MEMORY -> memory ? Operand.Place.MEMORY : Operand.Place.MMX;
            case MMX_REG, MMX_RM -> Operand.Place.MMX;
            case TARGET -> Operand.Place.TARGET;
            case REG, OPCODE -> Operand.Place.REGISTER;
            case FIXED -> code.number() == CL ? Operand.Place.CL : Operand.Place.REGISTER;
            default -> throw new IllegalStateException("operand of a shape: " + code);
        };
    }

    /** Java for the number of the register that is this operand. */
    static String register(OperandCode code) {
        return switch (code.kind()) {
            case REG, XMM_REG, MMX_REG -> "d.reg";
            case FIXED -> String.valueOf(code.number());
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
