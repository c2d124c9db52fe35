// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.translator.internal;

import static dev.faultline.cpu.translator.internal.Assembler.LOAD;
import static dev.faultline.cpu.translator.internal.Assembler.R13;
import static dev.faultline.cpu.translator.internal.Assembler.R14;
import static dev.faultline.cpu.translator.internal.Assembler.R15;
import static dev.faultline.cpu.translator.internal.Assembler.RAX;
import static dev.faultline.cpu.translator.internal.Assembler.RCX;
import static dev.faultline.cpu.translator.internal.Assembler.RDX;
import static dev.faultline.cpu.translator.internal.Assembler.RSP;
import static dev.faultline.cpu.translator.internal.Assembler.STORE;
import static dev.faultline.cpu.translator.internal.Writer.READ;
import static dev.faultline.cpu.translator.internal.Writer.WRITE;
import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.cpu.translator.verify.Candidate;
import dev.faultline.cpu.translator.verify.Verifier;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Code that the translator does not write, and that the verifier has to refuse. */
class VerifierTest extends VerifierCase {
    // ---- the state block and registers

    @Test
    void slotsAreWhatTheyAreFor() {
        refuses("of kind NOTICE", w -> w.a.slot(true, STORE, RCX, StateBlock.NOTICE));
        refuses("of kind NOTICE", w -> w.a.slot(true, LOAD, RAX, StateBlock.NOTICE));
        refuses("of kind STEP", w -> w.a.slot(true, STORE, RAX, StateBlock.COUNTS + 16));
        refuses("of kind NONE", w -> w.a.slot(true, STORE, RCX, StateBlock.ENTRY));
        refuses("of kind CONSTANT", w -> w.a.slot(true, STORE, RAX, StateBlock.FS_BASE));
        refuses("of kind NONE", w -> w.a.slot(true, LOAD, RAX, StateBlock.gpr(0)));
        refuses("of kind NONE", w -> w.a.slot(true, STORE, RAX, StateBlock.readTags(0)));
        refuses("of kind NONE", w -> w.a.slot(true, STORE, RAX, -4096));
        refuses("of kind NONE", w -> w.a.slot(true, STORE, RAX, StateBlock.gpr(15) + 1));
        refuses(
                "of kind INTERRUPT_FLAG",
                w -> {
                    w.a.slot(true, 0xC7, 0, StateBlock.INTERRUPT_FLAG);
                    w.a.little(0, 4);
                });
        accepts(w -> w.a.slot(true, STORE, RAX, StateBlock.gpr(15)));
    }

    @Test
    void hostAddressesStayWhereTheyAre() {
        refuses(
                "a register",
                w -> {
                    w.a.slot(true, LOAD, RCX, StateBlock.NOTICE);
                    w.a.move(RAX, RCX);
                });
        refuses(
                "of kind REGISTER",
                w -> {
                    w.a.slot(true, LOAD, RCX, StateBlock.NOTICE);
                    w.a.slot(true, STORE, RCX, StateBlock.TEMPORARY);
                });
        refuses(
                "an address of the host",
                w -> {
                    w.a.slot(true, LOAD, RCX, StateBlock.NOTICE);
                    w.a.lea(true, RAX, RCX, -1, 0, 0);
                });
        refuses(
                "a register",
                w -> {
                    probe(w, 8, READ);
                    w.a.move(RAX, R14);
                });
        refuses("not polled", w -> w.a.b(0x8B, 0x09)); // mov ecx, [rcx]
        refuses(
                "neither",
                w -> {
                    w.a.slot(true, LOAD, RCX, StateBlock.NOTICE);
                    w.a.b(0x89, 0x41, 8); // mov [rcx + 8], eax
                });
    }

    @Test
    void someRegistersAreNotTouched() {
        for (int r : new int[] {RSP, R14, R15}) {
            refuses("a register", w -> w.a.move(r, RAX));
            refuses("a register", w -> w.a.move(RAX, r));
            refuses("a register", w -> w.a.lea(true, r, RAX, -1, 0, 1));
            refuses("a register", w -> w.a.lea(true, RAX, r, -1, 0, 1));
        }
        refuses("a register", w -> w.a.constant(R15, 1));
        refuses("a register", w -> w.a.constant(RSP, 1));
        refuses("a register", w -> w.a.b(0x49, 0x97)); // xchg r15, rax
    }

    @ParameterizedTest
    @CsvSource({
        "0, 0F 58 D9, a register", // addps xmm3, xmm1
        "0, 66 44 0F D4 F8, a register", // paddq xmm15, xmm0
        "3, 0F 58 D1, XMM", // addps xmm2, xmm1
        "5, 66 49 0F 7E C5, XMM", // movq r13, xmm0
    })
    void vectorRegisters(int codeClass, String bytes, String reason) {
        assertThat(translated.verdict(translated.written(codeClass, w -> raw(w, bytes))))
                .contains(reason);
    }

    @Test
    void divisionRaisesNothing() {
        refuses("may fault", w -> w.a.registers(true, 0xF7, 6, RCX));
        refuses(
                "may fault",
                w -> {
                    w.a.move(RCX, RDX);
                    w.leaveUnlessZero();
                    w.a.move(RCX, RBX);
                    w.a.registers(true, 0xF7, 6, RCX);
                });
        refuses(
                "may fault",
                w -> {
                    w.a.registers(false, STORE, RDX, RCX);
                    w.leaveUnlessZero();
                    w.a.move(RCX, RBX);
                    w.leaveIfZero();
                    w.a.registers(true, 0xF7, 6, RCX);
                });
        refuses(
                "may fault",
                w -> {
                    w.a.move(RCX, RDX);
                    w.leaveUnlessZero();
                    w.a.move(RCX, RBX);
                    w.leaveIfZero();
                    w.a.registers(false, 0xF7, 6, RCX); // its upper half may be what is not 0
                });
        refuses(
                "may fault",
                w -> {
                    w.a.move(RCX, RDX);
                    w.leaveUnlessZero();
                    w.a.move(RCX, RBX);
                    w.leaveIfZero();
                    w.a.move(RDX, RBX);
                    w.a.registers(true, 0xF7, 6, RCX);
                });
        refuses("may fault", w -> w.a.registers(true, 0xF7, 6, RBX));
    }

    // ---- instructions

    @ParameterizedTest
    @ValueSource(
            strings = {
                "50",
                "58",
                "FF F0",
                "E8 00 00 00 00",
                "C3",
                "C9",
                "9C",
                "9D", // stack
                "CC",
                "CD 80",
                "F4",
                "0F 05",
                "0F 34",
                "CF",
                "48 CF",
                "F1", // system
                "FA",
                "FB",
                "0F 30",
                "0F 32",
                "0F A2",
                "0F 01 D0",
                "0F 22 C0",
                "E4 00",
                "EC",
                "A4",
                "F3 AA",
                "AD",
                "A6",
                "D7", // string
                "D9 C0",
                "9B",
                "0F 77",
                "0F EF C0",
                "0F 6F 07", // x87 and MMX
                "8E D8",
                "8C D8",
                "64 48 8B 07",
                "65 48 8B 07",
                "2E 48 8B 07", // segments
                "67 8B 07",
                "67 41 8B 47 0C",
                "48 8B 05 00 00 00 00",
                "48 8D 05 00 00 00 00",
                "41 0F AE 57 10",
                "0F AE 14 24",
                "0F AE 38", // MXCSR, CLFLUSH
                "48 8B 04 24",
                "48 89 04 24",
                "C7 44 24 08 00 00 00 00",
                "48 8D 04 24", // rsp
                "48 8B 00",
                "48 89 07",
                "8B 04 25 00 00 00 00",
                "41 8B 06",
                "43 8B 44 2E 01",
                "43 8B 04 6E",
                "41 8B 04 2E", // addresses
                "FF E0",
                "FF 20",
                "43 FF 24 2E",
                "FF D0",
                "EB 00",
                "74 00",
                "E3 00",
                "E2 00",
                "F3 C3",
                "EA",
                "FF 2F",
                "CB", // jumps
                "F6 F1",
                "F7 F9",
                "48 F7 F3", // divisions
                "0F A3 07",
                "43 0F AB 04 2E", // bits anywhere
                "C5 F8 77",
                "C4 E2 7B F7 C0",
                "C4 E2 FB F7 04 24",
                "62 F1 7C 48 58 C0", // VEX
                "66 66 90",
                "F2 F3 90",
                "F0 48 01 C0",
                "F0 90",
                "48 48 89 C0",
                "40 66 89 C0",
                "B4 01",
                "88 E0",
                "0F B6 C4", // AH
                "66 0F 3A 61 C1 00",
                "F3 0F BC C0",
                "0F 0B",
                "0F C7 F0",
                "0F C7 0F",
                "0F AE E8 00"
            })
    void whatDoesNotBelongThere(String bytes) {
        refuses("", w -> raw(w, bytes));
    }

    // ---- jumps

    @Test
    void jumpsGoToInstructions() {
        refuses(
                "into the middle",
                w -> {
                    w.a.b(0xE9, 1, 0, 0, 0);
                    w.a.move(RAX, RBX);
                });
        refuses(
                "into the middle",
                w -> {
                    w.a.b(0x0F, 0x84, 3, 0, 0, 0); // into what JRCXZ skips
                    w.leaveUnlessZero();
                });
        refuses("out of the code", w -> w.a.b(0xE9, 0, 1, 0, 0));
        refuses("out of the code", w -> w.a.b(0x0F, 0x85, 0, 0, 0, 0x7F));
        refuses("backward", w -> w.a.b(0xE9, 0xFB, 0xFF, 0xFF, 0xFF));
        refuses("backward", w -> w.a.jumpTo(translated.exitHva()));
        refuses("skips no jump", w -> w.a.b(0xE3, 5, 0x90, 0x90, 0x90, 0x90, 0x90));
        refuses("skips no jump", w -> w.a.b(0xE3, 4, 0xE9, 0, 0, 0, 0));
    }

    @Test
    void nothingIsCertainWhereCodeComesFromElsewhere() {
        refuses(
                "no probe",
                w -> {
                    int end = w.a.jump(4);
                    probe(w, 8, WRITE);
                    w.a.land(end);
                    w.a.guest(true, STORE, RAX);
                });
        Candidate c =
                translated.written(
                        0,
                        w -> {
                            probe(w, 8, WRITE);
                            w.a.guest(true, STORE, RAX);
                        });
        int access = indexOf(c.code(), "4B 89 04 2E");
        assertThat(translated.verdict(c)).isNull();
        long[] entries = {c.entries()[0], c.hva() + access};
        assertThat(translated.verdict(with(c, c.code(), entries))).contains("no probe");
        entries[1]++;
        assertThat(translated.verdict(with(c, c.code(), entries))).contains("into the middle");
        entries[1] = c.hva() + c.code().length;
        assertThat(translated.verdict(with(c, c.code(), entries))).contains("outside");
    }

    @Test
    void waysOutAreTheTranslations() {
        accepts(Writer::leaveInstruction);
        refuses("not this translation's", w -> exit(w, 99));
        refuses("not this translation's", w -> exit(w, 1000));
        refuses("not this translation's", w -> exit(w, -1));
        refuses(
                "no way out",
                w -> {
                    w.a.b(0xC7, 0x04, 0x24, 100, 0, 0, 0);
                    w.a.move(RAX, RBX);
                });
        refuses(
                "not to the way out",
                w -> {
                    w.a.b(0xC7, 0x04, 0x24, 100, 0, 0, 0);
                    w.a.jump();
                });
        refuses(
                "between the number",
                w -> {
                    w.a.b(0x0F, 0x84, 7, 0, 0, 0);
                    exit(w, 100);
                });
    }

    @Test
    void indirectJumpsGoWhereTheTableSays() {
        accepts(w -> {
            w.a.move(R13, RAX);
            w.jumpToR13(8);
        });
        refuses(
                "without a comparison",
                w -> {
                    w.a.b(0x45, 0x0F, 0xB7, 0xF5); // movzx r14d, r13w
                    w.a.b(0x43, 0xFF, 0xA4, 0xF7);
                    w.a.little(StateBlock.jumpTargets(0), 4);
                });
        refuses(
                "index that is not its own",
                w -> {
                    w.a.b(0x45, 0x0F, 0xB7, 0xF5);
                    w.a.table(LOAD, RCX, StateBlock.jumpTargets(0));
                });
        refuses("access to slot", w -> w.a.slot(false, 0xFF, 4, StateBlock.ENTRY)); // jmp [entry]
        refuses(
                "not to the way out",
                w -> {
                    w.a.b(0xC7, 0x04, 0x24, 100, 0, 0, 0);
                    w.a.jumpTo(translated.jumpExitHva(1)); // of another class
                });
    }

    @Test
    void codeHasAnEnd() {
        Candidate c = translated.written(0, w -> w.a.move(RAX, RBX));
        for (int n = 0; n < c.code().length; n++) {
            byte[] part = Arrays.copyOf(c.code(), n);
            assertThat(translated.verdict(with(c, part, c.entries()))).isNotNull();
        }
        byte[] more = Arrays.copyOf(c.code(), c.code().length + 4);
        assertThat(translated.verdict(with(c, more, c.entries()))).isNotNull();
        byte[] large = Arrays.copyOf(c.code(), NativeCode.LARGEST + 1);
        assertThat(translated.verdict(with(c, large, c.entries()))).contains("bytes of code");
    }

    @Test
    void linksGoFromLinksToBeginningsOfTheSameClass() {
        Verifier v = new Verifier(translated.layout);
        Candidate one = translated.written(0, w -> w.a.move(RAX, RBX));
        assertThat(v.check(one)).isNull();
        long link = one.links()[0];
        assertThat(v.checkLink(link, one.hva())).isNull();
        assertThat(v.checkLink(link, one.hva() + 1)).contains("no beginning");
        assertThat(v.checkLink(link - 1, one.hva())).contains("no jump");
        Candidate other = translated.written(1, w -> w.a.move(RAX, RBX));
        Candidate moved =
                new Candidate(
                        other.code(),
                        one.hva(),
                        other.entries(),
                        1,
                        other.firstExit(),
                        other.endExit(),
                        new long[0]);
        assertThat(v.check(moved)).isNull();
        assertThat(v.checkLink(link, one.hva())).contains("of class 0 to code of class 1");
        v.forget();
        assertThat(v.checkLink(link, one.hva())).contains("no jump");
        Candidate wrong =
                new Candidate(
                        one.code(),
                        one.hva(),
                        one.entries(),
                        0,
                        one.firstExit(),
                        one.endExit(),
                        new long[] {link + 1});
        assertThat(v.check(wrong)).contains("may be changed is none");
    }

    @Test
    void aRefusalNamesThePlace() {
        assertThat(refusal(w -> w.a.guest(true, STORE, RAX)))
                .isEqualTo("offset 0x9: 4b 89 04 2e: an access that no probe allowed");
    }
}
