// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.translator.internal;

import static dev.faultline.cpu.translator.internal.Assembler.LOAD;
import static dev.faultline.cpu.translator.internal.Assembler.R13;
import static dev.faultline.cpu.translator.internal.Assembler.R14;
import static dev.faultline.cpu.translator.internal.Assembler.R15;
import static dev.faultline.cpu.translator.internal.Assembler.RAX;
import static dev.faultline.cpu.translator.internal.Assembler.RCX;
import static dev.faultline.cpu.translator.internal.Assembler.STORE;
import static dev.faultline.cpu.translator.internal.Writer.READ;
import static dev.faultline.cpu.translator.internal.Writer.WRITE;

import org.junit.jupiter.api.Test;

/** Accesses of the guest's memory that no probe allows, or not as they are. */
class VerifierAccessTest extends VerifierCase {
    @Test
    void aProbeAllowsWhatItLookedAt() {
        accepts(w -> {
            probe(w, 8, READ);
            w.a.guest(true, LOAD, RAX);
            w.a.guest(false, LOAD, RBX);
        });
        accepts(w -> {
            probe(w, 8, READ | WRITE);
            w.a.guest(true, 0x01, RAX); // add
            w.a.guest(true, STORE, RAX);
        });
    }

    @Test
    void anAccessNeedsAProbe() {
        refuses("no probe", w -> w.a.guest(true, STORE, RAX));
        refuses("no probe", w -> w.a.guest(true, LOAD, RAX));
    }

    @Test
    void anAccessNeedsItsRight() {
        refuses(
                "a write of 8 bytes",
                w -> {
                    probe(w, 8, READ);
                    w.a.guest(true, STORE, RAX);
                });
        refuses(
                "a read of 8 bytes",
                w -> {
                    probe(w, 8, WRITE);
                    w.a.guest(true, LOAD, RAX);
                });
        refuses(
                "a read of 4 bytes",
                w -> {
                    probe(w, 8, WRITE);
                    w.a.guest(false, 0x01, RAX); // add
                });
        refuses(
                "a write of 4 bytes",
                w -> {
                    probe(w, 8, READ);
                    w.a.guest(false, 0x01, RAX);
                });
    }

    @Test
    void anAccessIsNotLargerThanItsProbe() {
        refuses(
                "a read of 8 bytes",
                w -> {
                    probe(w, 4, READ);
                    w.a.guest(true, LOAD, RAX);
                });
        refuses(
                "a write of 4 bytes",
                w -> {
                    probe(w, 2, WRITE);
                    w.a.guest(false, STORE, RAX);
                });
        refuses(
                "a read of 16 bytes",
                w -> {
                    probe(w, 8, READ);
                    movups(w);
                });
    }

    @Test
    void aProbeIsOfOneAddress() {
        refuses(
                "no probe",
                w -> {
                    probe(w, 8, WRITE);
                    w.a.constant(R14, 7);
                    w.a.guest(true, STORE, RAX);
                });
        refuses(
                "no probe",
                w -> {
                    probe(w, 8, WRITE);
                    w.a.lea(true, R13, R13, -1, 0, 8);
                    w.a.guest(true, STORE, RAX);
                });
        refuses(
                "no probe",
                w -> {
                    probe(w, 8, READ);
                    w.a.guest(true, LOAD, R13);
                    w.a.guest(true, LOAD, R13);
                });
        refuses(
                "no probe",
                w -> {
                    probe(w, 8, WRITE);
                    w.a.b(0x41, 0xB5, 1); // mov r13b, 1
                    w.a.guest(true, STORE, RAX);
                });
    }

    @Test
    void theComparisonIsOfTheAddress() {
        // The tag of one address, the addend of another.
        refuses(
                "write of 8 bytes",
                w -> {
                    probe(w, 8, WRITE);
                    w.a.move(R13, RAX);
                    addend(w, StateBlock.addends(0));
                    w.a.guest(true, STORE, RAX);
                });
        // Compared, but not looked at.
        refuses(
                "write of 8 bytes",
                w -> {
                    w.a.move(R13, RBX);
                    sum(w, 8, StateBlock.writeTags(0));
                    addend(w, StateBlock.addends(0));
                    w.a.guest(true, STORE, RAX);
                });
        // Looked at the wrong way round.
        refuses(
                "write of 8 bytes",
                w -> {
                    w.a.move(R13, RBX);
                    sum(w, 8, StateBlock.writeTags(0));
                    w.leaveIfZero();
                    addend(w, StateBlock.addends(0));
                    w.a.guest(true, STORE, RAX);
                });
        // rcx was changed in between.
        refuses(
                "write of 8 bytes",
                w -> {
                    w.a.move(R13, RBX);
                    sum(w, 8, StateBlock.writeTags(0));
                    w.a.constant(RCX, 0);
                    w.leaveUnlessZero();
                    addend(w, StateBlock.addends(0));
                    w.a.guest(true, STORE, RAX);
                });
        // The address was, before the sum.
        refuses(
                "compares no tag",
                w -> {
                    w.a.move(R13, RBX);
                    w.a.lea(true, RCX, R13, -1, 0, 7);
                    w.a.shiftRight(RCX, RCX, R15);
                    w.a.move(R13, RAX);
                    w.a.shiftRight(R14, R13, R15);
                    w.a.low16ToIndex();
                    w.a.table(LOAD, R14, StateBlock.writeTags(0));
                    w.a.lea(true, RCX, RCX, R14, 0, 1);
                });
    }

    @Test
    void tablesAreThoseOfTheClass() {
        for (int at :
                new int[] {
                    StateBlock.readTags(1),
                    StateBlock.addends(2),
                    StateBlock.jumpTargets(0),
                    StateBlock.readTags(0) + 8,
                    0
                }) {
            refuses("no table of this class", w -> addend(w, at));
        }
        refuses(
                "index that is not its own",
                w -> {
                    w.a.b(0x45, 0x0F, 0xB7, 0xF5); // movzx r14d, r13w
                    w.a.table(LOAD, RCX, StateBlock.jumpTags(3));
                });
        refuses("index that is not its own", w -> w.a.table(LOAD, R14, StateBlock.readTags(0)));
        refuses("a register", w -> w.a.low16ToIndex());
        refuses(
                "a table that is not read",
                w -> {
                    w.a.shiftRight(R14, R13, R15);
                    w.a.low16ToIndex();
                    w.a.table(STORE, RAX, StateBlock.readTags(0));
                });
    }

    @Test
    void alignmentIsLookedAt() {
        refuses(
                "alignment",
                w -> {
                    probe(w, 16, READ);
                    w.a.b(0x43, 0x0F, 0x28); // movaps
                    w.a.guestOperand(0);
                });
        accepts(w -> {
            probe(w, 16, READ);
            movups(w);
        });
        refuses(
                "alignment",
                w -> {
                    probe(w, 8, READ | WRITE);
                    w.a.b(0xF0);
                    w.a.guest(true, 0x01, RAX);
                });
        refuses(
                "alignment",
                w -> {
                    probe(w, 8, READ | WRITE);
                    w.a.guest(true, 0x87, RAX); // xchg
                });
        refuses(
                "alignment",
                w -> {
                    w.a.move(R13, RBX);
                    w.leaveUnlessAligned(4);
                    w.probe(8, READ | WRITE);
                    w.a.guest(true, 0x87, RAX);
                });
        accepts(w -> {
            w.a.move(R13, RBX);
            w.probeLocked(8);
            w.a.guest(true, 0x87, RAX);
        });
    }
}
