// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.isa;

import java.util.List;

/**
 * An operand as the table writes it: where it is and how large. SDM 2D, "Codes for Addressing
 * Method" and "Codes for Operand Type".
 *
 * @param number of a register that the opcode implies, else -1
 * @param size letters of the operand type, or empty
 */
public record OperandCode(Kind kind, int number, String size) {
    /** Where an operand is. */
    public enum Kind {
        /** G: general register of ModR/M.reg. */
        REG,
        /** R: general register of ModR/M.rm. */
        RM,
        /** E: general register of ModR/M.rm, or memory. */
        RM_OR_MEMORY,
        /** Z: general register of the opcode's low bits. */
        OPCODE,
        /** AL, rAX, CL, DX: a general register. */
        FIXED,
        /** B: general register of VEX.vvvv. */
        VVVV,
        /** V: XMM register of ModR/M.reg. */
        XMM_REG,
        /** U: XMM register of ModR/M.rm. */
        XMM_RM,
        /** W: XMM register of ModR/M.rm, or memory. */
        XMM_RM_OR_MEMORY,
        /** H: XMM register of VEX.vvvv. */
        XMM_VVVV,
        /** XMM0. */
        XMM_FIXED,
        /** P: MMX register of ModR/M.reg. */
        MMX_REG,
        /** N: MMX register of ModR/M.rm. */
        MMX_RM,
        /** Q: MMX register of ModR/M.rm, or memory. */
        MMX_RM_OR_MEMORY,
        /** M: memory. */
        MEMORY,
        /** O: memory at an offset in the instruction. */
        OFFSET,
        /** X: memory at rSI. */
        SOURCE,
        /** Y: memory at rDI. */
        DESTINATION,
        /** S, ES, CS, SS, DS, FS, GS: segment register. */
        SEGMENT,
        /** C and D: control or debug register. */
        CONTROL,
        /** ST0, STi: register of the x87's stack. */
        X87,
        /** I, A, 1: in the instruction. */
        IMMEDIATE,
        /** J: where a near jump goes. */
        TARGET,
        /** What the disassembler's own lines have besides. */
        OTHER
    }

    /** By number: SDM 2D, "Codes for Addressing Method", S. */
    private static final List<String> SEGMENTS = List.of("ES", "CS", "SS", "DS", "FS", "GS");

    static OperandCode of(String code) {
        return switch (code) {
            case "1" -> new OperandCode(Kind.IMMEDIATE, -1, "");
            case "M" -> new OperandCode(Kind.MEMORY, -1, "");
            case "AL" -> fixed(0, "b");
            case "CL" -> fixed(1, "b");
            case "AX" -> fixed(0, "w");
            case "DX" -> fixed(2, "w");
            case "rAX" -> fixed(0, "v");
            case "eAX" -> fixed(0, "z");
            case "ST0", "STi" -> new OperandCode(Kind.X87, -1, "");
            case "XMM0" -> new OperandCode(Kind.XMM_FIXED, 0, "dq");
            case "ES", "CS", "SS", "DS", "FS", "GS" ->
                    new OperandCode(Kind.SEGMENT, SEGMENTS.indexOf(code), "w");
            default -> new OperandCode(kind(code), -1, code.substring(1));
        };
    }

    private static OperandCode fixed(int number, String size) {
        return new OperandCode(Kind.FIXED, number, size);
    }

    private static Kind kind(String code) {
        return switch (code.charAt(0)) {
            case 'G' -> Kind.REG;
            case 'R' -> Kind.RM;
            case 'E' -> Kind.RM_OR_MEMORY;
            case 'Z' -> Kind.OPCODE;
            case 'B' -> Kind.VVVV;
            case 'H' -> Kind.XMM_VVVV;
            case 'V' -> Kind.XMM_REG;
            case 'U' -> Kind.XMM_RM;
            case 'W' -> Kind.XMM_RM_OR_MEMORY;
            case 'P' -> Kind.MMX_REG;
            case 'N' -> Kind.MMX_RM;
            case 'Q' -> Kind.MMX_RM_OR_MEMORY;
            case 'M' -> Kind.MEMORY;
            case 'O' -> Kind.OFFSET;
            case 'X' -> Kind.SOURCE;
            case 'Y' -> Kind.DESTINATION;
            case 'S' -> Kind.SEGMENT;
            case 'C', 'D' -> Kind.CONTROL;
            case 'I', 'A' -> Kind.IMMEDIATE;
            case 'J' -> Kind.TARGET;
            default -> Kind.OTHER;
        };
    }

    /** Whether the table says of it, if only Java knows the meaning, how it is used. */
    public boolean hasRole() {
        return switch (kind) {
            case IMMEDIATE, TARGET, X87, OTHER -> false;
            default -> true;
        };
    }

    /**
     * Bytes of a register, or of the memory in its place.
     *
     * @param operandSize of the instruction, bytes
     * @param rexW whether it has REX.W
     * @throws IllegalStateException if the letters are those of another operand, or unknown
     */
    public int bytes(int operandSize, boolean rexW) {
        return switch (size) {
            case "b" -> 1;
            case "w" -> 2;
            case "d", "ss" -> 4;
            case "q", "sd", "pi" -> 8;
            case "dq", "ps", "pd" -> 16;
            // The whole register, 4 or 8 bytes by the mode: of either nothing is left.
            case "m" -> 8;
            case "v" -> operandSize;
            case "z" -> Math.min(operandSize, 4);
            case "y" -> rexW ? 8 : 4;
            default -> throw new IllegalStateException("operand size: " + this);
        };
    }

    /** Whether ModR/M can say that it is in memory. */
    public boolean mayBeMemory() {
        return switch (kind) {
            case RM_OR_MEMORY, XMM_RM_OR_MEMORY, MMX_RM_OR_MEMORY, MEMORY -> true;
            default -> false;
        };
    }

    /** Whether it is told by VEX.vvvv. */
    boolean isVvvv() {
        return kind == Kind.VVVV || kind == Kind.XMM_VVVV;
    }

    /** Whether it is told by a ModR/M byte. */
    boolean needsModrm() {
        return switch (kind) {
            case REG, RM, RM_OR_MEMORY, MEMORY, XMM_REG, XMM_RM, XMM_RM_OR_MEMORY -> true;
            case MMX_REG, MMX_RM, MMX_RM_OR_MEMORY, CONTROL -> true;
            case SEGMENT -> number < 0;
            default -> false;
        };
    }
}
