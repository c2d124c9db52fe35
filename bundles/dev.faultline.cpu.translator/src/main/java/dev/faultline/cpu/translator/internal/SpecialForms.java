// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.translator.internal;

import static dev.faultline.cpu.translator.internal.Assembler.LOAD;
import static dev.faultline.cpu.translator.internal.Assembler.R13;
import static dev.faultline.cpu.translator.internal.Assembler.R14;
import static dev.faultline.cpu.translator.internal.Assembler.RAX;
import static dev.faultline.cpu.translator.internal.Assembler.RCX;
import static dev.faultline.cpu.translator.internal.Assembler.RDX;
import static dev.faultline.cpu.translator.internal.Assembler.STORE;

import dev.faultline.api.cpu.Segments;
import dev.faultline.api.cpu.VcpuState;
import dev.faultline.cpu.x86.isa.OperandCode;
import dev.faultline.cpu.x86.op.Decoded;

/** What is neither as it is nor a transfer. */
final class SpecialForms {
    private final Writer w;
    private final Assembler a;
    private final SameForm same;

    SpecialForms(Writer w, SameForm same) {
        this.w = w;
        this.same = same;
        a = w.a;
    }

    /** False: nothing was written. */
    boolean write(Decoded d) {
        return switch (d.mnemonic) {
            case "LEA" -> lea(d);
            case "PUSHF" -> pushf(d);
            case "CLI" -> cli();
            case "NOP", "PREFETCHW" -> true;
            // Of memory it is locked with or without the prefix.
            case "XCHG" -> isNop(d) || same.write(d, d.mem);
            case "BT", "BTS", "BTR", "BTC" ->
                    d.mem && hasRegister(d) ? bitString(d) : same.write(d);
            case "CMPXCHG8B" -> compareExchange(d);
            case "MOV_FROM_SREG" -> selector(d);
            default -> false;
        };
    }

    /** 90, which is no XCHG: it would clear the upper half of RAX. */
    private static boolean isNop(Decoded d) {
        return d.opcode == 0x90 && d.rm == 0;
    }

    private static boolean hasRegister(Decoded d) {
        return d.row.codes.stream().anyMatch(c -> c.kind() == OperandCode.Kind.REG);
    }

    /**
     * BT, and the others without LOCK: the bit's offset is signed, and so long as the register is.
     * The word that has the bit is changed in a register.
     */
    private boolean bitString(Decoded d) {
        int size = d.operandSize;
        boolean wide = size == 8;
        boolean test = d.mnemonic.equals("BT");
        if (d.lock || size == 2 || !test && NativeCode.host(d.reg) < 0) {
            return false;
        }
        w.address(d);
        int offset = w.at(d.reg, RCX);
        a.constant(R14, wide ? 6 : 5);
        a.shiftRightSigned(wide, RCX, offset, R14);
        if (!wide) {
            a.registers(true, SIGN_EXTEND, RCX, RCX);
        }
        a.lea(true, R13, R13, RCX, wide ? 3 : 2, 0);
        w.probe(size, test ? Writer.READ : Writer.READ | Writer.WRITE);
        a.guest(wide, LOAD, RCX);
        a.bits(wide, d.opcode, w.at(d.reg, R13), RCX);
        if (!test) {
            a.guest(wide, STORE, RCX);
        }
        return true;
    }

    /** CMPXCHG16B, which must be aligned also without LOCK. */
    private boolean compareExchange(Decoded d) {
        if (d.operandSize != 8) {
            return false;
        }
        w.address(d);
        w.probeLocked(16);
        a.move(RCX, NativeCode.host(1));
        if (d.lock) {
            a.b(0xF0);
        }
        a.b(0x4B, 0x0F, 0xC7);
        a.guestOperand(1);
        return true;
    }

    private boolean selector(Decoded d) {
        if (d.mem || d.reg > Segments.GS) {
            return false;
        }
        a.slot(true, LOAD, RCX, StateBlock.SELECTORS + 8 * d.reg);
        if (d.operandSize == 2) {
            int to = w.at(d.rm, R13);
            a.b(0x66);
            a.registers(false, STORE, RCX, to);
            w.store(to, d.rm);
        } else {
            w.store(RCX, d.rm);
        }
        return true;
    }

    private boolean lea(Decoded d) {
        int size = d.operandSize;
        int h = NativeCode.host(d.reg);
        if (size == 2) {
            w.effective(d, d.addressSize == 8, R13);
            int to = w.at(d.reg, RCX);
            a.b(0x66);
            a.registers(false, STORE, R13, to);
            w.store(to, d.reg);
        } else {
            w.effective(d, size == 8 && d.addressSize == 8, h < 0 ? R13 : h);
            if (h < 0) {
                w.store(R13, d.reg);
            }
        }
        return true;
    }

    /** MOVSXD. */
    private static final int SIGN_EXTEND = 0x63;

    /** {@code movzx ecx, ah}, which no REX prefix may precede. */
    private static final int[] AH_TO_ECX = {0x0F, 0xB6, 0xCC};

    private boolean pushf(Decoded d) {
        if (d.operandSize != 8) {
            return false;
        }
        int shift = Integer.numberOfTrailingZeros(VcpuState.OF);
        a.slot(true, STORE, RAX, StateBlock.TEMPORARY);
        a.b(0x0F, 0x90, 0xC0, 0x9F); // seto al; lahf
        a.b(AH_TO_ECX);
        a.b(0x44, 0x0F, 0xB6, 0xE8); // movzx r13d, al
        a.constant(R14, shift);
        a.shiftLeft(R13, R13, R14);
        a.lea(true, RCX, RCX, R13, 0, 0);
        a.slot(true, LOAD, R13, StateBlock.FLAGS_IMAGE);
        a.lea(true, RCX, RCX, R13, 0, -2); // the image has bit 1, as AH has
        a.slot(true, LOAD, R13, StateBlock.INTERRUPT_FLAG);
        a.lea(true, RCX, RCX, R13, 0, 0);
        a.slot(true, LOAD, RAX, StateBlock.TEMPORARY);
        a.slot(true, STORE, RCX, StateBlock.TEMPORARY);
        w.pushTemporary();
        return true;
    }

    private boolean cli() {
        a.slot(true, LOAD, RCX, StateBlock.CLI_REFUSED);
        w.leaveUnlessZero();
        a.slot(true, 0xC7, 0, StateBlock.INTERRUPT_FLAG);
        a.little(0, 4);
        return true;
    }

    /**
     * DIV and IDIV of 32 or 64 bits that cannot raise #DE: the upper half of the dividend is 0, or
     * the sign of the lower one; the divisor is not 0, nor -1 if there are signs. It is read once,
     * so that what was looked at is what divides.
     */
    boolean divide(Decoded d) {
        boolean wide = d.operandSize == 8;
        boolean signed = d.mnemonic.equals("IDIV");
        if (d.operandSize < 4
                || !signed && !d.mnemonic.equals("DIV")
                || (d.opcode & 1) == 0) { // of AX
            return false;
        }
        if (signed) {
            a.constant(R14, wide ? 63 : 31);
            a.shiftRight(wide, RCX, RAX, R14);
            a.lea(wide, RCX, RCX, RDX, 0, 0);
        } else {
            a.registers(wide, STORE, RDX, RCX);
        }
        w.leaveUnlessZero();
        divisor(d, wide);
        if (signed) {
            a.lea(wide, RCX, RCX, -1, 0, 1);
            w.leaveIfZero();
            a.lea(wide, RCX, RCX, -1, 0, -1);
        }
        w.leaveIfZero();
        a.registers(wide, 0xF7, signed ? 7 : 6, RCX);
        return true;
    }

    /** Puts it into rcx. */
    private void divisor(Decoded d, boolean wide) {
        int h = d.mem ? -1 : NativeCode.host(d.rm);
        if (d.mem) {
            w.address(d);
            w.probe(d.operandSize, Writer.READ);
            a.guest(wide, LOAD, RCX);
        } else if (h < 0) {
            a.slot(wide, LOAD, RCX, StateBlock.gpr(d.rm));
        } else {
            a.registers(wide, STORE, h, RCX);
        }
    }
}
