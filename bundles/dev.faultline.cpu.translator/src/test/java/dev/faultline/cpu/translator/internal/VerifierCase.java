// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.translator.internal;

import static dev.faultline.cpu.translator.internal.Assembler.LOAD;
import static dev.faultline.cpu.translator.internal.Assembler.R13;
import static dev.faultline.cpu.translator.internal.Assembler.R14;
import static dev.faultline.cpu.translator.internal.Assembler.R15;
import static dev.faultline.cpu.translator.internal.Assembler.RCX;
import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.cpu.translator.verify.Candidate;
import java.util.HexFormat;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

/** Writes code by hand, and asks the verifier. */
abstract class VerifierCase {
    static final int RBX = 3;

    @SuppressWarnings("NullAway.Init") // open
    Translated translated;

    @BeforeEach
    void open() {
        translated = new Translated();
    }

    @AfterEach
    void close() {
        translated.close();
    }

    static void probe(Writer w, int size, int access) {
        w.a.move(R13, RBX);
        w.probe(size, access);
    }

    static void sum(Writer w, int size, int tags) {
        w.a.shiftRight(R14, R13, R15);
        w.a.lea(true, RCX, R13, -1, 0, size - 1);
        w.a.shiftRight(RCX, RCX, R15);
        w.a.low16ToIndex();
        w.a.table(LOAD, R14, tags);
        w.a.lea(true, RCX, RCX, R14, 0, 1);
    }

    static void addend(Writer w, int table) {
        w.a.shiftRight(R14, R13, R15);
        w.a.low16ToIndex();
        w.a.table(LOAD, R14, table);
    }

    static void movups(Writer w) {
        w.a.b(0x43, 0x0F, 0x10);
        w.a.guestOperand(1);
    }

    void exit(Writer w, int number) {
        w.a.b(0xC7, 0x04, 0x24);
        w.a.little(number, 4);
        w.a.jumpTo(translated.exitHva());
    }

    static void raw(Writer w, String bytes) {
        for (byte b : HexFormat.ofDelimiter(" ").parseHex(bytes)) {
            w.a.b(b);
        }
    }

    static int indexOf(byte[] code, String bytes) {
        String all = HexFormat.ofDelimiter(" ").withUpperCase().formatHex(code);
        return all.indexOf(bytes) / 3;
    }

    static Candidate with(Candidate c, byte[] code, long[] entries) {
        return new Candidate(
                code, c.hva(), entries, c.codeClass(), c.firstExit(), c.endExit(), c.links());
    }

    String refusal(Consumer<Writer> instruction) {
        return translated.verdict(translated.written(0, instruction));
    }

    void accepts(Consumer<Writer> instruction) {
        assertThat(refusal(instruction)).isNull();
    }

    void refuses(String reason, Consumer<Writer> instruction) {
        assertThat(refusal(instruction)).isNotNull().contains(reason);
    }
}
