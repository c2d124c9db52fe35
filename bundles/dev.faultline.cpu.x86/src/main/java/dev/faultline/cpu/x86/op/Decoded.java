// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.op;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.isa.InstructionTable;
import dev.faultline.cpu.x86.isa.Row;
import dev.faultline.cpu.x86.isa.Space;

/**
 * What the decoder found in one instruction, for the factories of semantics: they read it and make
 * an {@link Op}. Reused for the next instruction, so nothing may keep it. Terms of SDM 2A,
 * "Instruction Format".
 */
public final class Decoded {
    /** 16, 32 or 64: default code size of the segment. */
    public int codeBits;

    /** Offsets of the instruction and of its successor from {@code v.engineBase}. */
    public int start;

    public int end;

    /** That of the table; {@link InstructionTable#NONE} if the encoding does not exist. */
    public Row row = InstructionTable.NONE;

    public String mnemonic = row.mnemonic;

    /** Last opcode byte, and its map: 0 one-byte, 1 0F, 2 0F38, 3 0F3A. */
    public int opcode;

    public int map;

    /** Effective operand size of "v" operands in bytes: 2, 4 or 8. */
    public int operandSize;

    /** Effective address size in bytes: 2, 4 or 8. */
    public int addressSize;

    /** Bytes before the opcode: prefixes of all kinds, REX among them. */
    public int prefixes;

    /** 66 prefix present. */
    public boolean prefix66;

    /** Last of F2 / F3 present, or 0. */
    public int rep;

    public boolean lock;

    /** REX byte, or 0. */
    public int rex;

    public boolean rexW;

    /** What stands before the opcode; with VEX or EVEX its R, X, B and W are in {@link #rex}. */
    public Space space = Space.LEGACY;

    /** VEX.vvvv as a register; 0 without one. */
    public int vvvv;

    /** Vector length, VEX.L or EVEX.L'L: 0 is 128 bits, 1 is 256, 2 is 512. */
    public int length;

    /** Segment of the memory operand, or of a string instruction's source: override or default. */
    public int seg;

    /** Explicit override that counts in this mode, or -1. */
    public int segOverride;

    /** ModR/M byte, or -1 if the instruction has none. */
    public int modrm;

    public int mod;

    /**
     * ModR/M.reg with REX.R, and ModR/M.rm with REX.B; for opcodes with a register in their low
     * three bits, rm is that register with REX.B.
     */
    public int reg;

    public int rm;

    /** There is a memory operand (ModR/M with mod != 3, or an absolute offset). */
    public boolean mem;

    /** Memory operand: gpr indices (VcpuContext.ZERO if absent), shift 0..3, displacement. */
    public int base;

    public int index;
    public int scale;
    public long disp;
    public boolean ripRelative;

    /** Immediate, sign-extended from its size (Iw zero-extended); far pointers: the offset. */
    public long imm;

    /** Second immediate (ENTER's level; far pointers: the selector). */
    public int imm2;

    /** False: the table has no line for the encoding. */
    public boolean exists() {
        return row != InstructionTable.NONE;
    }

    /** True if register number {@code n} of a byte operand means AH CH DH BH. */
    public boolean highByte(int n) {
        return rex == 0 && n >= 4 && n < 8;
    }

    /** gpr index of byte register {@code n}; see {@link #highByte}. */
    public int byteRegister(int n) {
        return highByte(n) ? n - 4 : n;
    }

    /** Right shift of byte register {@code n} in its gpr: 0 or 8. */
    public int byteShift(int n) {
        return highByte(n) ? 8 : 0;
    }

    public void clearMemory() {
        mem = false;
        base = VcpuContext.ZERO;
        index = VcpuContext.ZERO;
        scale = 0;
        disp = 0;
        ripRelative = false;
        imm = 0;
        imm2 = 0;
        modrm = -1;
        mod = 0;
        reg = 0;
        rm = 0;
    }
}
