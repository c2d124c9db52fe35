// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.translator.verify;

import org.jspecify.annotations.Nullable;

/**
 * Reads one instruction, and knows only as many forms of instructions as generated code may have.
 * Reused for the next one. SDM 2A, "Instruction Format".
 */
final class Reader {
    // The four instructions of BMI2, as their opcodes and prefixes.
    static final int SHLX = 0xF701;
    static final int SARX = 0xF702;
    static final int SHRX = 0xF703;
    static final int RORX = 0xF003;

    static final int NONE = -1;

    /** Base of a memory operand that is relative to rip. */
    static final int RIP = -2;

    private byte[] code = {};
    private int at;

    /** Offset behind it. */
    int end;

    boolean lock;
    boolean p66;
    int rex;

    /** 0, or one of BMI2's: then {@link #reg}, {@link #rm} and {@link #vvvv} are its operands. */
    int vex;

    int vvvv;

    /** 0: one byte, 1: 0F, 2: 0F 38, 3: 0F 3A. */
    int map;

    /** 0: none, 1: 66, 2: F3, 3: F2. */
    int prefix;

    int opcode;

    /** See {@link Opcodes}. */
    int flags;

    int mod;
    int reg;
    int rm;
    boolean memory;
    int base;
    int index;
    int scale;
    int displacement;
    long immediate;

    /**
     * Reads the instruction at offset {@code from}.
     *
     * @return null, or why it is none that may occur
     */
    @Nullable String read(byte[] bytes, int from) {
        code = bytes;
        at = from;
        memory = false;
        vex = 0;
        mod = 3;
        reg = 0;
        rm = 0;
        flags = 0;
        immediate = 0;
        lock = take(0xF0);
        p66 = take(0x66);
        boolean f3 = take(0xF3);
        boolean f2 = !f3 && take(0xF2);
        prefix = f3 ? 2 : f2 ? 3 : p66 ? 1 : 0;
        if (!lock && prefix == 0 && take(0xC4)) {
            return bmi2();
        }
        rex = (peek() & 0xF0) == 0x40 ? next() : 0;
        opcode();
        flags = Opcodes.of(prefix, map, opcode, peek());
        if (flags == 0) {
            end = at;
            return "an instruction that does not belong here";
        }
        if ((flags & Opcodes.MODRM) != 0) {
            modrm();
        }
        immediate();
        end = at;
        return at > code.length ? "an instruction without an end" : null;
    }

    /** Bytes of the operand that ModR/M.rm names. */
    int size() {
        return switch (flags & Opcodes.SIZE) {
            case Opcodes.B -> 1;
            case Opcodes.W -> 2;
            case Opcodes.D -> 4;
            case Opcodes.Q -> 8;
            case Opcodes.DQ -> 16;
            case Opcodes.V -> wide() ? 8 : p66 ? 2 : 4;
            case Opcodes.Y -> wide() ? 8 : 4;
            default -> 0;
        };
    }

    boolean has(int flag) {
        return (flags & flag) != 0;
    }

    boolean wide() {
        return (rex & 8) != 0;
    }

    /** Whether it is this one, without 66, F2, F3 and LOCK. */
    boolean is(int itsMap, int itsOpcode) {
        return map == itsMap && opcode == itsOpcode && prefix == 0 && !lock;
    }

    /** 32 bits at the offset. */
    static int doubleword(byte[] bytes, int offset) {
        int x = 0;
        for (int i = 0; i < 4; i++) {
            x |= (bytes[offset + i] & 0xFF) << 8 * i;
        }
        return x;
    }

    // ---- parts

    private int peek() {
        return at < code.length ? code[at] & 0xFF : 0;
    }

    /** Behind the end there are zeros. */
    private int next() {
        int b = peek();
        at++;
        return b;
    }

    private boolean take(int value) {
        if (at < code.length && peek() == value) {
            at++;
            return true;
        }
        return false;
    }

    private long little(int bytes) {
        long x = 0;
        for (int i = 0; i < bytes; i++) {
            x |= (long) next() << 8 * i;
        }
        return x;
    }

    private @Nullable String bmi2() {
        int rxb = next();
        int rest = next();
        map = rxb & 0x1F;
        opcode = next();
        int m = next();
        rex = (rest & 0x80) >> 4 | 0x40;
        vex = opcode << 8 | rest & 3;
        vvvv = ~rest >> 3 & 15;
        reg = m >> 3 & 7 | (rxb & 0x80 ^ 0x80) >> 4;
        rm = m & 7 | (rxb & 0x20 ^ 0x20) >> 2;
        boolean shift = map == 2 && (vex == SHLX || vex == SHRX || vex == SARX);
        boolean rotate = map == 3 && vex == RORX && vvvv == 0;
        if (rotate) {
            immediate = next();
        }
        end = at;
        boolean form =
                (rxb & 0x40) != 0
                        && (rest & 4) == 0
                        && (wide() || vex == SARX || vex == SHRX)
                        && m >= 0xC0;
        return at <= code.length && form && (shift || rotate)
                ? null
                : "an instruction with VEX that does not belong here";
    }

    private void opcode() {
        map = 0;
        opcode = next();
        if (opcode == 0x0F) {
            map = 1;
            opcode = next();
            if (opcode == 0x38 || opcode == 0x3A) {
                map = opcode == 0x38 ? 2 : 3;
                opcode = next();
            }
        }
    }

    private void modrm() {
        int m = next();
        mod = m >> 6;
        reg = m >> 3 & 7 | (has(Opcodes.DIGIT) ? 0 : (rex & 4) << 1);
        rm = m & 7;
        memory = mod != 3;
        base = rm | (rex & 1) << 3;
        index = NONE;
        scale = 0;
        displacement = 0;
        if (!memory) {
            rm = base;
            return;
        }
        if (rm == 4) {
            int sib = next();
            base = sib & 7 | (rex & 1) << 3;
            index = sib >> 3 & 7 | (rex & 2) << 2;
            index = index == 4 ? NONE : index;
            scale = sib >> 6;
            if (mod == 0 && (base & 7) == 5) {
                base = NONE;
                displacement = (int) little(4);
                return;
            }
        } else if (mod == 0 && rm == 5) {
            base = RIP;
            displacement = (int) little(4);
            return;
        }
        displacement = mod == 1 ? (byte) next() : mod == 2 ? (int) little(4) : 0;
    }

    private void immediate() {
        if (has(Opcodes.IMM8)) {
            immediate = (byte) next();
        } else if (has(Opcodes.IMM_Z)) {
            immediate = p66 && !wide() ? (short) little(2) : (int) little(4);
        } else if (has(Opcodes.IMM_V)) {
            immediate = wide() ? little(8) : little(p66 ? 2 : 4);
        }
    }
}
