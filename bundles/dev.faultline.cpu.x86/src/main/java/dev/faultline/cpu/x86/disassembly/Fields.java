// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.disassembly;

import dev.faultline.cpu.x86.op.Decoded;

/**
 * The fields of an instruction that is being written, and which prefixes its text has made use of:
 * the others are written in front of it.
 */
final class Fields {
    static final int REX_B = 1;
    static final int REX_X = 2;
    static final int REX_R = 4;
    static final int REX_W = 8;

    final Decoded d;
    final byte[] code;
    final long lin;

    /** 66, F2 or F3 if it is part of the opcode, or 0. */
    final int mandatoryPrefix;

    /** That prefix is no override: branch targets are not tracked. */
    final boolean notrack;

    /** Bits of the REX prefix that the text has made use of, and that it needs a REX at all. */
    private int usedRex;

    private boolean needsRex;
    boolean usedOperandSize;
    boolean usedAddressSize;
    boolean usedSegment;

    /** The name has said what the immediate is. */
    boolean usedImmediate;

    Fields(Decoded d, int mandatoryPrefix, byte[] code, long lin) {
        this.d = d;
        this.mandatoryPrefix = mandatoryPrefix;
        this.code = code;
        this.lin = lin;
        int last = 0;
        for (int i = 0; i < d.prefixes; i++) {
            if (Prefixes.segment(code[i] & 0xFF) != null) {
                last = code[i] & 0xFF;
            }
        }
        boolean near = d.row.mnemonic.equals("JMP") || d.row.mnemonic.equals("CALL");
        notrack = last == 0x3E && near && d.modrm >= 0;
    }

    /** Bytes of operands whose size 66 and REX.W choose: 2, 4 or 8. */
    int operandSize() {
        if (d.codeBits == 64 && d.row.forced64) {
            return 8;
        }
        if (!(d.codeBits == 64 && d.row.default64) && rexW()) {
            return 8;
        }
        usedOperandSize |= !d.rexW;
        return d.operandSize;
    }

    /** Bytes of operands whose size 66 chooses though it is part of the opcode: 2, 4 or 8. */
    int operandSizeOfMandatory() {
        return rexW() ? 8 : d.codeBits == 16 ? 4 : 2;
    }

    /** Bytes of operands whose size 66 chooses alone: 2 or 4. */
    int operandSizeWithoutRex() {
        usedOperandSize |= !d.rexW;
        return Math.min(d.operandSize, 4);
    }

    /** Whether the operand size would be 16 without REX.W. */
    boolean narrow() {
        usedOperandSize = true;
        return (d.codeBits == 16) != d.prefix66;
    }

    /** 2, 4 or 8. */
    int addressSize() {
        usedAddressSize = true;
        return d.addressSize;
    }

    boolean rexW() {
        return rex(REX_W);
    }

    /** Whether that bit of REX is 1, which the text shows. */
    boolean rex(int bit) {
        usedRex |= d.rex & bit;
        return (d.rex & bit) != 0;
    }

    /** Any REX changes what the text says: SPL instead of AH. */
    void needRex() {
        needsRex = true;
    }

    /** Whether everything that the REX prefix says is in the text. */
    boolean rexUsed() {
        int bits = d.rex & 0xF;
        return bits == usedRex && (bits != 0 || needsRex);
    }

    /** SIB byte; only if there is one. */
    int sib() {
        int opcodeBytes = d.map < 2 ? d.map + 1 : 3;
        return code[d.prefixes + opcodeBytes + 1] & 0xFF;
    }

    boolean hasSib() {
        return d.mem && d.modrm >= 0 && d.addressSize != 2 && (d.modrm & 7) == 4;
    }
}
