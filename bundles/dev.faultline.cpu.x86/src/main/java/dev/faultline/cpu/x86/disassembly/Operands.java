// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.disassembly;

import dev.faultline.cpu.x86.op.Decoded;
import java.util.Locale;

/** Operand codes of the table to text. */
final class Operands {
    private static final String[] SEGMENTS = {"es", "cs", "ss", "ds", "fs", "gs", "?", "?"};

    private Operands() {}

    static String segmentRegister(int number) {
        return SEGMENTS[number];
    }

    static String text(String code, Fields f) {
        return switch (code) {
            case "rAX" -> Register.general(0, f.operandSize());
            case "eAX" -> Register.general(0, f.operandSizeWithoutRex());
            case "ST0" -> "st";
            case "STi" -> "st(" + (f.d.modrm & 7) + ")";
            case "M" -> memory("", f);
            case "BX" -> pointer("b", f) + Memory.translation(f);
            case "1", "AL", "AX", "CL", "DX", "ES", "CS", "SS", "DS", "FS", "GS", "XMM0" ->
                    code.toLowerCase(Locale.ROOT);
            default -> coded(code.charAt(0), code.substring(1), f);
        };
    }

    private static String coded(char kind, String size, Fields f) {
        Decoded d = f.d;
        return switch (kind) {
            case 'E' -> d.mem ? memory(size, f) : rm(size, f);
            case 'M' -> memory(size, f);
            case 'R' -> rm(size.equals("d") ? "m" : size, f);
            case 'Z' -> rm(size, f);
            case 'G' -> Register.general(reg(f), bytes(size, f), f);
            case 'W', 'U' -> d.mem ? memory(size, f) : "xmm" + Register.rm(f);
            case 'V' -> "xmm" + reg(f);
            case 'Q', 'N' -> d.mem ? memory(size, f) : "mm" + (d.rm & 7);
            case 'P' -> "mm" + (d.reg & 7);
            case 'S' -> segmentRegister(d.reg & 7);
            case 'C' -> "cr" + reg(f);
            case 'D' -> "dr" + reg(f);
            case 'I' -> immediate(size, f);
            case 'J' -> hex(target(size, f));
            case 'b' -> size.equals("g") ? "bnd" + reg(f) : bound(size, f);
            case 'A' -> far(f);
            case 'O' -> Memory.offset(f);
            case 'X' -> pointer(size, f) + Memory.source(f);
            case 'Y' -> pointer(size, f) + Memory.destination(f);
            default -> throw new IllegalStateException("operand " + kind + size + ": " + d.row);
        };
    }

    private static String bound(String size, Fields f) {
        if (f.d.mem) {
            return memory("", f);
        }
        return size.equals("e") ? "bnd" + Register.rm(f) : rm("m", f);
    }

    private static String far(Fields f) {
        f.operandSize();
        return hex(f.d.imm2) + ":" + hex(f.d.imm);
    }

    private static int reg(Fields f) {
        f.rex(Fields.REX_R);
        return f.d.reg;
    }

    private static String rm(String size, Fields f) {
        return Register.general(Register.rm(f), bytes(size, f), f);
    }

    static String memory(String size, Fields f) {
        return pointer(size, f) + Memory.of(f);
    }

    private static String pointer(String size, Fields f) {
        String name =
                switch (size) {
                    case "", "s" -> "";
                    case "t" -> "TBYTE";
                    case "p" -> f.narrow() ? "DWORD" : "FWORD";
                    case "a" -> bytes("v", f) == 2 ? "DWORD" : "QWORD";
                    case "dq", "ps", "pd" -> "XMMWORD";
                    default -> ofBytes(bytes(size, f));
                };
        return name.isEmpty() ? "" : name + " PTR ";
    }

    private static String ofBytes(int n) {
        return switch (n) {
            case 1 -> "BYTE";
            case 2 -> "WORD";
            case 4 -> "DWORD";
            case 8 -> "QWORD";
            default -> "OWORD";
        };
    }

    private static int bytes(String size, Fields f) {
        return switch (size) {
            case "b" -> 1;
            case "w" -> 2;
            case "d", "ss" -> 4;
            case "q", "sd", "pi" -> 8;
            case "v" -> f.operandSize();
            case "n" -> f.narrow() ? 2 : 4;
            case "x" -> f.operandSizeOfMandatory();
            case "z" -> f.operandSizeWithoutRex();
            case "y" -> f.rexW() ? 8 : 4;
            case "yy" -> f.rexW() ? 16 : 8;
            case "m" -> f.d.codeBits == 64 ? 8 : 4;
            default -> throw new IllegalStateException("operand size " + size + ": " + f.d.row);
        };
    }

    private static String immediate(String size, Fields f) {
        if (f.usedImmediate) {
            return "";
        }
        long value = f.d.imm;
        // The second one of two is a byte that the decoder keeps apart.
        if (size.equals("b")) {
            boolean second = f.d.row.operands.startsWith("Iw,");
            return hex((second ? f.d.imm2 : value) & 0xFF);
        }
        if (size.equals("w")) {
            return hex(value & 0xFFFF);
        }
        return hex(truncated(value, f.operandSize()));
    }

    private static long truncated(long value, int bytes) {
        return bytes == 8 ? value : value & (1L << 8 * bytes) - 1;
    }

    private static long target(String size, Fields f) {
        long next = f.lin + f.d.end;
        long target = next + f.d.imm;
        int bytes = f.d.operandSize;
        if (size.equals("z")) {
            bytes = f.operandSize();
        }
        if (bytes == 2) {
            long segment = f.d.codeBits == 16 ? next & ~0xFFFFL : 0;
            return segment | target & 0xFFFF;
        }
        return f.d.codeBits == 64 ? target : target & 0xFFFFFFFFL;
    }

    static String hex(long value) {
        return "0x" + Long.toHexString(value);
    }
}
