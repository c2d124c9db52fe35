// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.translator.internal;

import static dev.faultline.cpu.translator.internal.Assembler.LOAD;
import static dev.faultline.cpu.translator.internal.Assembler.R12;
import static dev.faultline.cpu.translator.internal.Assembler.R13;
import static dev.faultline.cpu.translator.internal.Assembler.RCX;
import static dev.faultline.cpu.translator.internal.Assembler.STORE;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.op.Decoded;

/**
 * Near transfers and the stack, of 64-bit operands. The guest's rsp is in r12. SDM 1, "Procedure
 * Calls, Interrupts, and Exceptions".
 */
final class TransferForms {
    /** Guest rcx. */
    private static final int COUNTER = NativeCode.host(1);

    private final Writer w;
    private final Assembler a;

    TransferForms(Writer w) {
        this.w = w;
        a = w.a;
    }

    /** False: nothing was written. */
    boolean write(Decoded d) {
        if (d.operandSize != 8) {
            return false;
        }
        return switch (d.mnemonic) {
            case "JCC" -> conditional(d);
            case "JMP" -> d.modrm >= 0 ? jumpIndirect(d) : jump(d);
            case "CALL" -> d.modrm >= 0 ? callIndirect(d) : call(d);
            case "RET" -> ret(d);
            case "LOOP", "JCXZ" -> counted(d);
            case "PUSH" -> push(d);
            case "POP" -> pop(d);
            case "LEAVE" -> leave();
            default -> false;
        };
    }

    /** Whether what is near {@code d} can be told now; what cannot raises #GP. */
    private boolean canonical(Decoded d) {
        return VcpuContext.canonical(w.next() + d.imm);
    }

    // ---- transfers

    private boolean conditional(Decoded d) {
        if (!canonical(d)) {
            return false;
        }
        w.jump(d.row.condition, w.next() + d.imm);
        return true;
    }

    private boolean jump(Decoded d) {
        if (!canonical(d)) {
            return false;
        }
        w.jump(w.next() + d.imm);
        return true;
    }

    /** LOOP and JRCXZ. */
    private boolean counted(Decoded d) {
        if (!canonical(d)) {
            return false;
        }
        boolean wide = d.addressSize == 8;
        boolean loop = d.mnemonic.equals("LOOP");
        if (loop) {
            a.lea(wide, COUNTER, COUNTER, -1, 0, -1);
        }
        a.registers(wide, STORE, COUNTER, RCX);
        int notZero = a.jumpUnlessZero();
        if (loop) {
            int zero = a.jump();
            a.land(notZero);
            w.jump(w.next() + d.imm);
            a.land(zero);
        } else {
            w.jump(w.next() + d.imm);
            a.land(notZero);
        }
        return true;
    }

    private boolean jumpIndirect(Decoded d) {
        target(d);
        w.jumpToR13(0);
        return true;
    }

    private boolean call(Decoded d) {
        if (!canonical(d)) {
            return false;
        }
        w.probePush();
        storeConstant(w.next());
        w.moveStack(-8);
        w.jump(w.next() + d.imm);
        return true;
    }

    private boolean callIndirect(Decoded d) {
        target(d);
        w.leaveUnlessCanonical(); // before anything is pushed
        a.slot(true, STORE, R13, StateBlock.TEMPORARY);
        w.probePush();
        storeConstant(w.next());
        w.moveStack(-8);
        a.slot(true, LOAD, R13, StateBlock.TEMPORARY);
        w.jumpToR13(0);
        return true;
    }

    /** Puts the operand into r13. */
    private void target(Decoded d) {
        if (d.mem) {
            w.address(d);
            w.probe(8, Writer.READ);
            a.guest(true, LOAD, R13);
        } else {
            w.load(R13, d.rm);
        }
    }

    private boolean ret(Decoded d) {
        int popped = 8 + (int) (d.imm & 0xFFFF);
        a.move(R13, R12);
        w.probe(8, Writer.READ);
        a.guest(true, LOAD, R13);
        w.moveStack(popped);
        w.jumpToR13(popped);
        return true;
    }

    // ---- the stack

    private boolean push(Decoded d) {
        if (d.mem) {
            w.address(d);
            w.probe(8, Writer.READ);
            a.guest(true, LOAD, RCX);
            a.slot(true, STORE, RCX, StateBlock.TEMPORARY);
            w.pushTemporary();
            return true;
        }
        w.probePush();
        if (d.row.immediates.length > 0) {
            storeConstant(d.imm);
        } else {
            a.guest(true, STORE, w.at(d.rm, RCX));
        }
        w.moveStack(-8);
        return true;
    }

    private boolean pop(Decoded d) {
        if (d.mem) {
            return false;
        }
        a.move(R13, R12);
        w.probe(8, Writer.READ);
        w.moveStack(8);
        int h = NativeCode.host(d.rm);
        a.guest(true, LOAD, h < 0 ? RCX : h);
        if (h < 0) {
            w.store(RCX, d.rm);
        }
        return true;
    }

    private boolean leave() {
        int rbp = NativeCode.host(5);
        a.move(R13, rbp);
        w.probe(8, Writer.READ);
        a.lea(true, R12, rbp, -1, 0, 8);
        a.guest(true, LOAD, rbp);
        return true;
    }

    /** Stores eight bytes at r14 + r13. Uses rcx. */
    private void storeConstant(long value) {
        if (value == (int) value) {
            a.guest(true, 0xC7, 0);
            a.little(value, 4);
        } else {
            a.constant(RCX, value);
            a.guest(true, STORE, RCX);
        }
    }
}
