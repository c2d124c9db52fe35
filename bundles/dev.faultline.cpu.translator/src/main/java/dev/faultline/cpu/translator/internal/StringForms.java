// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.translator.internal;

import static dev.faultline.cpu.translator.internal.Assembler.LOAD;
import static dev.faultline.cpu.translator.internal.Assembler.R13;
import static dev.faultline.cpu.translator.internal.Assembler.R14;
import static dev.faultline.cpu.translator.internal.Assembler.R15;
import static dev.faultline.cpu.translator.internal.Assembler.RCX;
import static dev.faultline.cpu.translator.internal.Assembler.RDI;
import static dev.faultline.cpu.translator.internal.Assembler.RSI;
import static dev.faultline.cpu.translator.internal.Assembler.STORE;

import dev.faultline.api.cpu.Segments;
import dev.faultline.cpu.x86.op.Decoded;

/**
 * REP MOVS and REP STOS that go upward inside one page each, by the host's own: fewer than 4096
 * elements. What is more, or longer, the interpreter executes a page at a time. SDM 2B, "REP/REPE/
 * REPZ/REPNE/REPNZ-Repeat String Operation Prefix".
 *
 * <p>The verifier knows these as a whole ({@code Strings}): meanwhile rsi, rdi and rcx are the
 * host's.
 */
final class StringForms {
    /** Guest rcx. */
    private static final int COUNTER = NativeCode.host(1);

    private final Writer w;
    private final Assembler a;

    StringForms(Writer w) {
        this.w = w;
        a = w.a;
    }

    /** False: nothing was written. */
    boolean write(Decoded d) {
        boolean move = d.mnemonic.equals("MOVS");
        if (!move && !d.mnemonic.equals("STOS")
                || d.rep == 0
                || d.addressSize != 8
                || d.segOverride == Segments.FS
                || d.segOverride == Segments.GS) {
            return false;
        }
        int size = (d.opcode & 1) == 0 ? 1 : d.operandSize;
        int scale = Integer.numberOfTrailingZeros(size);
        leaveUnlessShort();
        if (move) {
            a.move(R13, RSI);
            w.probeElements(COUNTER, scale, Writer.READ);
            a.lea(true, RCX, R14, R13, 0, 0);
            a.slot(true, STORE, RCX, StateBlock.SOURCE);
        }
        a.move(R13, RDI);
        w.probeElements(COUNTER, scale, Writer.WRITE);
        if (move) {
            a.slot(true, STORE, RSI, StateBlock.SAVED);
            a.slot(true, LOAD, RSI, StateBlock.SOURCE);
        }
        a.lea(true, RDI, R14, R13, 0, 0);
        a.move(RCX, COUNTER);
        repeat(size, d.opcode);
        a.lea(true, RDI, R13, COUNTER, scale, 0);
        if (move) {
            a.slot(true, LOAD, RSI, StateBlock.SAVED);
            a.lea(true, RSI, RSI, COUNTER, scale, 0);
        }
        a.constant(COUNTER, 0);
        return true;
    }

    /** The interpreter executes it if it goes downward, or does nothing, or much. */
    private void leaveUnlessShort() {
        a.slot(true, LOAD, RCX, StateBlock.DIRECTION);
        w.leaveUnlessZero();
        a.shiftRight(RCX, COUNTER, R15);
        w.leaveUnlessZero();
        a.move(RCX, COUNTER);
        w.leaveIfZero();
    }

    private void repeat(int size, int opcode) {
        if (size == 2) {
            a.b(0x66);
        }
        a.b(0xF3);
        if (size == 8) {
            a.b(0x48);
        }
        a.b(opcode);
    }
}
