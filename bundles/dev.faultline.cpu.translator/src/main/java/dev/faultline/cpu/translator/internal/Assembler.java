// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.translator.internal;

import dev.faultline.api.address.Hva;
import dev.faultline.api.memory.HostBytes;
import java.util.Arrays;

/**
 * Writes x86-64 machine code into a buffer that knows the address it will be executed at. Registers
 * are numbers 0..15 as in SDM 2A, "Instruction Format". One thread.
 *
 * <p>In generated code r15 holds the address of the {@link StateBlock}; what a method calls a slot
 * is an offset from there.
 */
final class Assembler {
    static final int RAX = 0;
    static final int RCX = 1;
    static final int RDX = 2;
    static final int RBX = 3;
    static final int RSP = 4;
    static final int RSI = 6;
    static final int RDI = 7;
    static final int R12 = 12;
    static final int R13 = 13;
    static final int R14 = 14;
    static final int R15 = 15;

    // Opcodes with a ModR/M byte.
    static final int LOAD = 0x8B;
    static final int STORE = 0x89;

    private byte[] bytes = new byte[4096];
    private int n;
    private @Hva long start;

    /** Begins afresh, with code that will be executed at {@code hva}. */
    void begin(@Hva long hva) {
        n = 0;
        start = hva;
    }

    int length() {
        return n;
    }

    @Hva
    long here() {
        return start + n;
    }

    /** Puts all of it where it is written. */
    void copyTo(@Hva long writable) {
        HostBytes.copyIn(bytes, 0, writable, n);
    }

    byte[] bytes() {
        return Arrays.copyOf(bytes, n);
    }

    void b(int value) {
        if (n == bytes.length) {
            bytes = Arrays.copyOf(bytes, 2 * n);
        }
        bytes[n++] = (byte) value;
    }

    void b(int... values) {
        for (int x : values) {
            b(x);
        }
    }

    void little(long value, int size) {
        for (int i = 0; i < size; i++) {
            b((int) (value >> 8 * i));
        }
    }

    // ---- forms

    private void rex(boolean wide, int reg, int index, int base) {
        int x = 0x40 | (wide ? 8 : 0) | reg >> 3 << 2 | index >> 3 << 1 | base >> 3;
        if (x != 0x40) {
            b(x);
        }
    }

    /** {@code op reg, rm}, both registers, one-byte opcode. */
    void registers(boolean wide, int op, int reg, int rm) {
        rex(wide, reg, 0, rm);
        b(op, 0xC0 | (reg & 7) << 3 | rm & 7);
    }

    /** {@code op rm, reg}, both registers, of BT and its like: an opcode behind 0F. */
    void bits(boolean wide, int op, int reg, int rm) {
        rex(wide, reg, 0, rm);
        b(0x0F, op, 0xC0 | (reg & 7) << 3 | rm & 7);
    }

    /** {@code mov to, from} of 64 bits. */
    void move(int to, int from) {
        registers(true, STORE, from, to);
    }

    /** {@code op reg, [r15 + slot]}, one-byte opcode. */
    void slot(boolean wide, int op, int reg, int slot) {
        rex(wide, reg, 0, R15);
        b(op);
        slotOperand(reg, slot);
    }

    /** ModR/M and displacement of {@code [r15 + slot]}. */
    void slotOperand(int reg, int slot) {
        boolean near = slot == (byte) slot;
        b((near ? 0x40 : 0x80) | (reg & 7) << 3 | R15 & 7);
        little(slot, near ? 1 : 4);
    }

    /** {@code op reg, [r15 + r14 * 8 + table]} of 64 bits. */
    void table(int op, int reg, int table) {
        rex(true, reg, R14, R15);
        b(op, 0x84 | (reg & 7) << 3, 0xC0 | (R14 & 7) << 3 | R15 & 7);
        little(table, 4);
    }

    /** {@code jmp [r15 + r14 * 8 + table]}. */
    void jumpByTable(int table) {
        b(0x43, 0xFF, 0xA4, 0xF7);
        little(table, 4);
    }

    /** {@code op reg, [r14 + r13]}, one-byte opcode. */
    void guest(boolean wide, int op, int reg) {
        rex(wide, reg, R13, R14);
        b(op);
        guestOperand(reg);
    }

    /** ModR/M and SIB of {@code [r14 + r13]}; the REX prefix has X and B. */
    void guestOperand(int reg) {
        b(0x04 | (reg & 7) << 3, (R13 & 7) << 3 | R14 & 7);
    }

    /**
     * {@code lea to, [base + index << scale + displacement]}.
     *
     * @param base or -1
     * @param index or -1; not 4
     */
    void lea(boolean wide, int to, int base, int index, int scale, int displacement) {
        rex(wide, to, Math.max(index, 0), Math.max(base, 0));
        b(0x8D);
        boolean near = base >= 0 && displacement == (byte) displacement;
        int mod = base < 0 ? 0 : near ? 0x40 : 0x80;
        if (index < 0 && base >= 0 && (base & 7) != 4) {
            b(mod | (to & 7) << 3 | base & 7);
        } else {
            b(mod | (to & 7) << 3 | 4);
            b(scale << 6 | (index < 0 ? 4 : index & 7) << 3 | (base < 0 ? 5 : base & 7));
        }
        little(displacement, near ? 1 : 4);
    }

    /** {@code mov to, value}, in as few bytes as it takes. */
    void constant(int to, long value) {
        if (value >>> 32 == 0) {
            rex(false, 0, 0, to);
            b(0xB8 | to & 7);
            little(value, 4);
        } else if (value == (int) value) {
            rex(true, 0, 0, to);
            b(0xC7, 0xC0 | to & 7);
            little(value, 4);
        } else {
            rex(true, 0, 0, to);
            b(0xB8 | to & 7);
            little(value, 8);
        }
    }

    /** {@code shrx to, from, count} of 64 bits: BMI2, leaves the flags alone. */
    void shiftRight(int to, int from, int count) {
        shiftRight(true, to, from, count);
    }

    /** {@code shrx to, from, count}. */
    void shiftRight(boolean wide, int to, int from, int count) {
        bmi2Shift(wide, 3, to, from, count);
    }

    /** {@code shlx to, from, count} of 64 bits. */
    void shiftLeft(int to, int from, int count) {
        bmi2Shift(true, 1, to, from, count);
    }

    /** {@code sarx to, from, count}. */
    void shiftRightSigned(boolean wide, int to, int from, int count) {
        bmi2Shift(wide, 2, to, from, count);
    }

    private void bmi2Shift(boolean wide, int prefix, int to, int from, int count) {
        b(0xC4, (to < 8 ? 0x80 : 0) | 0x40 | (from < 8 ? 0x20 : 0) | 2);
        b((wide ? 0x80 : 0) | (~count & 15) << 3 | prefix, 0xF7, 0xC0 | (to & 7) << 3 | from & 7);
    }

    /** {@code rorx to, from, count} of 64 bits: leaves the flags alone. */
    void rotateRight(int to, int from, int count) {
        b(0xC4, (to < 8 ? 0x80 : 0) | 0x40 | (from < 8 ? 0x20 : 0) | 3, 0xFB, 0xF0);
        b(0xC0 | (to & 7) << 3 | from & 7, count);
    }

    /** {@code movzx r14d, r14w}. */
    void low16ToIndex() {
        b(0x45, 0x0F, 0xB7, 0xF6);
    }

    // ---- jumps

    /** A near jump with a displacement to be filled in; returns where that ends. */
    int jump() {
        b(0xE9);
        little(0, 4);
        return n;
    }

    /** The same under a condition (the low four bits of Jcc's opcode). */
    int jump(int condition) {
        b(0x0F, 0x80 | condition);
        little(0, 4);
        return n;
    }

    /** Makes the jump that ends at {@code end} go here. */
    void land(int end) {
        int distance = n - end;
        for (int i = 0; i < 4; i++) {
            bytes[end - 4 + i] = (byte) (distance >> 8 * i);
        }
    }

    void jumpTo(@Hva long target) {
        b(0xE9);
        little(target - (here() + 4), 4);
    }

    /** Jumps away unless rcx is 0; returns as {@link #jump()}. No flag is read or changed. */
    int jumpUnlessZero() {
        b(0xE3, 5); // jrcxz: over the jump
        return jump();
    }
}
