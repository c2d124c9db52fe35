// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.translator.internal;

import dev.faultline.api.cpu.Gpr;
import dev.faultline.cpu.x86.decode.Decoder;
import dev.faultline.cpu.x86.isa.Family;
import dev.faultline.cpu.x86.isa.Immediate;
import dev.faultline.cpu.x86.isa.InstructionTable;
import dev.faultline.cpu.x86.isa.OperandCode;
import dev.faultline.cpu.x86.isa.Property;
import dev.faultline.cpu.x86.isa.Row;
import dev.faultline.cpu.x86.isa.Space;
import dev.faultline.cpu.x86.op.Decoded;
import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;

/**
 * Random instructions of 64-bit mode, one of a row of the instruction table. They go on to the next
 * one, and leave alone what the program lives on: rbx, rsp, r13, r14 and r15. Memory operands are
 * around rbx and r14, which are in RAM, with r13, which is small, as an index.
 */
public final class RandomInstruction {
    private static final Set<Integer> RESERVED =
            Set.of(Gpr.RBX, Gpr.RSP, Gpr.R13, Gpr.R14, Gpr.R15);

    /** Their memory operands are elsewhere, or they would move the stack. */
    private static final Set<String> LEFT_OUT =
            Set.of("ENTER", "LEAVE", "PUSH", "POP", "MASKMOVQ", "MASKMOVDQU", "CLFLUSH");

    private static final Set<String> BIT_TESTS = Set.of("BT", "BTS", "BTR", "BTC");

    private static final Set<String> WITH_STRINGS = Set.of("FXSAVE", "FXRSTOR");

    private final Random random;
    private final List<Row> integer = new ArrayList<>();
    private final List<Row> others = new ArrayList<>();
    private final Decoder decoder = new Decoder();
    private final int data;

    private Row row;
    private boolean p66;
    private int rex;
    private boolean memory;
    private boolean registers;
    private final ByteArrayOutputStream tail = new ByteArrayOutputStream();

    /**
     * @param data linear address in the middle of the operands, below 2^31
     */
    public RandomInstruction(Random random, int data) {
        this.random = random;
        this.data = data;
        for (Row r : InstructionTable.all()) {
            Family f = r.definition.family();
            boolean wanted =
                    r.space == Space.LEGACY
                            && f != Family.SYSTEM
                            && f != Family.BRANCH
                            && f != Family.STRING
                            && !r.definition.is(Property.ENDS)
                            && !r.definition.is(Property.CPL0)
                            && !LEFT_OUT.contains(r.mnemonic)
                            && !WITH_STRINGS.contains(r.mnemonic);
            if (wanted) {
                (f == Family.INTEGER || f == Family.BITS ? integer : others).add(r);
            }
        }
    }

    /** What the last one is. */
    Row row() {
        return row;
    }

    boolean chance(int in, int of) {
        return random.nextInt(of) < in;
    }

    /** A register that programs may change. */
    public int register() {
        int r;
        do {
            r = random.nextInt(16);
        } while (RESERVED.contains(r));
        return r;
    }

    public byte[] next() {
        for (; ; ) {
            List<Row> rows = chance(5, 6) ? integer : others;
            row = rows.get(random.nextInt(rows.size()));
            byte[] code = encode();
            if (code != null && isWhole(code)) {
                return code;
            }
        }
    }

    /** Whether it is one instruction, and that of the row. */
    private boolean isWhole(byte[] code) {
        byte[] padded = java.util.Arrays.copyOf(code, Decoder.MAX_LENGTH);
        if (code.length > Decoder.MAX_LENGTH
                || decoder.length(padded, padded.length, 64) != code.length) {
            return false;
        }
        Decoded d = decoder.fields(padded, padded.length, 64);
        return d != null && d.row == row;
    }

    /** Null: that was none. */
    private byte[] encode() {
        tail.reset();
        memory = false;
        registers = true;
        p66 = row.prefix.value == 0x66 || row.prefix.value == 0 && chance(1, 6);
        rex = chance(1, 2) ? 0x40 | random.nextInt(2) << 3 : 0;
        int opcode = row.opcode;
        if (row.modrm) {
            modrm();
        } else if (row.codes.stream().anyMatch(c -> c.kind() == OperandCode.Kind.OPCODE)) {
            int r = opcode & 7 | (chance(1, 2) ? 8 : 0);
            rex |= r > 7 ? 0x41 : 0;
            registers = !RESERVED.contains(r);
        }
        for (Immediate i : row.immediates) {
            immediate(i);
        }
        if (!registers || BIT_TESTS.contains(row.mnemonic) && memory && row.digit < 0) {
            return null;
        }
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        if (memory && row.lockable && chance(1, 6)) {
            out.write(0xF0);
        }
        if (memory && chance(1, 12)) {
            out.write(0x64 + random.nextInt(2)); // fs, gs
        }
        if (p66) {
            out.write(0x66);
        }
        if (row.prefix.value > 0x66) {
            out.write(row.prefix.value);
        }
        if (rex != 0) {
            out.write(rex);
        }
        if (row.map > 0) {
            out.write(0x0F);
        }
        if (row.map > 1) {
            out.write(row.map == 2 ? 0x38 : 0x3A);
        }
        out.write(opcode);
        out.writeBytes(tail.toByteArray());
        return out.toByteArray();
    }

    private void modrm() {
        if (row.exact >= 0) {
            tail.write(row.exact);
            return;
        }
        int reg = row.digit >= 0 ? row.digit : operand(OperandCode.Kind.REG, 4);
        boolean canBe = row.codes.stream().anyMatch(OperandCode::mayBeMemory);
        memory = row.form == Row.Form.MEMORY || canBe && row.form == Row.Form.ANY && chance(1, 2);
        if (memory) {
            memory(reg);
        } else {
            tail.write(0xC0 | reg << 3 | operand(null, 1));
        }
    }

    /** The low three bits of ModR/M.reg or rm; sets the bit of REX that belongs to it. */
    private int operand(OperandCode.Kind kind, int bit) {
        OperandCode code = null;
        for (OperandCode c : row.codes) {
            boolean isReg =
                    c.kind() == OperandCode.Kind.REG
                            || c.kind() == OperandCode.Kind.XMM_REG
                            || c.kind() == OperandCode.Kind.MMX_REG;
            boolean isRm =
                    c.kind() == OperandCode.Kind.RM || c.kind() == OperandCode.Kind.RM_OR_MEMORY;
            if (kind != null ? isReg : isRm) {
                code = c;
            }
        }
        boolean general =
                code != null
                        && (code.kind() == OperandCode.Kind.REG
                                || code.kind() == OperandCode.Kind.RM
                                || code.kind() == OperandCode.Kind.RM_OR_MEMORY);
        int r = random.nextInt(16);
        if (rex == 0) {
            r &= 7;
        }
        rex |= r > 7 ? bit : 0;
        if (general) {
            boolean high = code.size().equals("b") && rex == 0 && r >= 4;
            registers &= !RESERVED.contains(high ? r - 4 : r);
        }
        return r & 7;
    }

    /** ModR/M, SIB and displacement. */
    private void memory(int reg) {
        int d = random.nextInt(2) == 0 ? random.nextInt(256) - 128 : random.nextInt(0x1000) - 0x800;
        if (others.contains(row) && !chance(1, 10)) {
            d &= ~15; // most of them raise #GP otherwise
        }
        switch (random.nextInt(8)) {
            case 0 -> { // absolute
                tail.write(reg << 3 | 4);
                tail.write(0x25);
                little(data + d, 4);
            }
            case 1, 2 -> { // rbx, or with REX.B something else: r14 instead
                rex |= 0x41;
                tail.write(0x80 | reg << 3 | 6);
                little(d, 4);
            }
            case 3, 4 -> { // rbx + r13 * 2^n
                rex |= 0x42;
                rex &= ~1;
                tail.write(0x84 | reg << 3);
                tail.write(random.nextInt(4) << 6 | 5 << 3 | 3);
                little(d, 4);
            }
            default -> {
                rex &= ~1;
                tail.write((d == (byte) d ? 0x40 : 0x80) | reg << 3 | 3);
                little(d, d == (byte) d ? 1 : 4);
            }
        }
    }

    private void immediate(Immediate i) {
        boolean wide = (rex & 8) != 0;
        switch (i) {
            case BYTE, SECOND_BYTE -> tail.write(random.nextInt());
            case WORD -> little(random.nextInt(), 2);
            case UP_TO_DOUBLEWORD -> little(random.nextInt(), p66 && !wide ? 2 : 4);
            case FULL -> little(random.nextLong(), wide ? 8 : p66 ? 2 : 4);
            case ADDRESS -> little(data + random.nextInt(0x1000) - 0x800, 8);
            case FAR_POINTER -> registers = false;
        }
    }

    private void little(long x, int bytes) {
        for (int i = 0; i < bytes; i++) {
            tail.write((int) (x >>> 8 * i));
        }
    }
}
