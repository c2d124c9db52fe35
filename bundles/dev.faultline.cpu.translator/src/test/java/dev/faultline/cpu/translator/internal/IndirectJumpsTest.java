// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.translator.internal;

import static dev.faultline.api.cpu.Gpr.RAX;
import static dev.faultline.api.cpu.Gpr.RCX;
import static dev.faultline.api.cpu.Gpr.RSP;
import static dev.faultline.cpu.interpreter.internal.LongModeVcpu.CODE;
import static dev.faultline.cpu.interpreter.internal.LongModeVcpu.DATA;
import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.engine.VcpuLoop;
import dev.faultline.cpu.interpreter.internal.LongModeVcpu;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Where jumps go that generated code looks up in tables. */
@ParameterizedClass
@ValueSource(strings = {"coded", "thrown"})
class IndirectJumpsTest {
    private static final int FUNCTION = CODE + 0x3000;
    private static final int GDT = 0x6000;
    private static final int IDT = 0x7000;
    private static final int HANDLER = 0x8000;
    private static final int GP = 13;
    private static final String INC_RAX_RET = "48 FF C0 C3";
    private static final long NOWHERE = 0x8000_0000_0000_0000L;

    private final String style;
    private LongModeVcpu cpu;
    private VcpuContext v;

    IndirectJumpsTest(String style) {
        this.style = style;
    }

    @BeforeEach
    void open() {
        cpu = new LongModeVcpu(Translators.at(1), style);
        v = cpu.v;
    }

    @AfterEach
    void close() {
        cpu.close();
    }

    private TranslatingEngine engine() {
        return (TranslatingEngine) cpu.engine;
    }

    private static String call(int from, int to) {
        return "E8" + little(to - from - 5);
    }

    /** Functions 64 KiB apart have the same place in the table that is looked at first. */
    @Test
    void whatSharesAPlaceIsFoundInGeneratedCode() {
        int rounds = 10_000;
        // 1: call the one; call the other; dec ecx; jnz 1b; hlt
        String calls =
                call(CODE, FUNCTION) + call(CODE + 5, FUNCTION + 0x1_0000) + "FF C9 75 F2 F4";
        cpu.put(CODE, calls);
        cpu.put(FUNCTION, INC_RAX_RET);
        cpu.put(FUNCTION + 0x1_0000, INC_RAX_RET);
        v.gpr[RCX] = rounds;
        cpu.start(CODE);
        assertThat(cpu.engine.run()).isEqualTo(VcpuLoop.EXIT_HALT);
        assertThat(v.gpr[RAX]).isEqualTo(2 * rounds);
        assertThat(v.instructions).isEqualTo(rounds * (4L + 4) + 1);
        assertThat(engine().left()).isLessThan(30);
    }

    /** What shares a place in the table after that, too, is still right. */
    @Test
    void whatSharesEveryPlaceIsRight() {
        int[] functions = new int[12];
        StringBuilder calls = new StringBuilder();
        for (int i = 0; i < functions.length; i++) {
            // The same sum of rip and page number, and then the same low bits, by turns.
            functions[i] = 0x8_0100 + i * 0x1_0000 - (i % 2 == 0 ? 0 : i * 16);
            cpu.put(functions[i], "48 83 C0" + "%02X".formatted(i + 1) + "C3"); // add rax, i + 1
            calls.append(call(CODE + 5 * i, functions[i]));
        }
        int size = 5 * functions.length;
        cpu.put(CODE, calls + "FF C9 75" + "%02X".formatted(-(size + 4) & 0xFF) + "F4");
        v.gpr[RCX] = 100;
        cpu.start(CODE);
        assertThat(cpu.engine.run()).isEqualTo(VcpuLoop.EXIT_HALT);
        assertThat(v.gpr[RAX]).isEqualTo(100 * 12 * 13 / 2);
        assertThat(v.instructions).isEqualTo(100 * (12 * 3 + 2) + 1);
    }

    /** Code that changes takes along the jumps to itself, and no others. */
    @Test
    void otherJumpsStayWhenCodeChanges() {
        int functions = 100;
        int rounds = 50;
        int changing = 0x9_0000;
        StringBuilder calls =
                new StringBuilder("FE 05" + little(changing + 3 - CODE - 6)); // inc byte
        for (int i = 0; i < functions; i++) {
            int at = 0x8_0000 + 0x10 * i;
            cpu.put(at, INC_RAX_RET);
            calls.append(call(CODE + 6 + 5 * i, at));
        }
        int size = 6 + 5 * functions;
        cpu.put(changing, "48 83 C0 00 C3"); // add rax, 0; ret
        cpu.put(
                CODE,
                calls
                        + call(CODE + size, changing)
                        + "FF C9 0F 85"
                        + little(-(size + 5 + 8))
                        + "F4");
        v.gpr[RCX] = rounds;
        cpu.start(CODE);
        assertThat(cpu.engine.run()).isEqualTo(VcpuLoop.EXIT_HALT);
        assertThat(v.gpr[RAX]).isEqualTo(rounds * functions + rounds * (rounds + 1) / 2);
        assertThat(v.instructions).isEqualTo(rounds * (1 + 3L * functions + 3 + 2) + 1);
        assertThat(engine().left()).isLessThan(3 * functions + 10 * rounds);
    }

    /** More addresses than a block keeps translations for. */
    @Test
    void codeIsGoneAtAllItsAddresses() {
        int places = 7;
        int function = 0x8_0000;
        StringBuilder calls = new StringBuilder();
        for (int i = 0; i < places; i++) {
            cpu.map(0xA_0000 + i * 0x1000, function);
            calls.append(call(CODE + 5 * i, 0xA_0010 + i * 0x1000));
        }
        cpu.put(function + 0x10, INC_RAX_RET);
        int size = 5 * places;
        cpu.put(CODE, calls + "FF C9 75" + "%02X".formatted(-(size + 4) & 0xFF) + "F4");
        v.gpr[RCX] = 10;
        cpu.start(CODE);
        assertThat(cpu.engine.run()).isEqualTo(VcpuLoop.EXIT_HALT);
        assertThat(v.gpr[RAX]).isEqualTo(10 * places);
        cpu.put(CODE + 0x1000, "C6 03 C8 E9" + little(-0x1008)); // mov byte [rbx], 0xC8; jmp
        v.gpr[3] = function + 0x12;
        v.gpr[RCX] = 10;
        cpu.start(CODE + 0x1000);
        assertThat(cpu.engine.run()).isEqualTo(VcpuLoop.EXIT_HALT);
        assertThat(v.gpr[RAX]).isZero(); // dec rax
    }

    private static String little(int x) {
        return "%08X".formatted(Integer.reverseBytes(x));
    }

    /** #GP belongs to the instruction that would go there, and nothing of it is done. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "C3", // ret
                "C2 10 00", // ret 16
                "FF D0", // call rax
                "FF E0", // jmp rax
                "FF 13", // call [rbx]
                "FF 23" // jmp [rbx]
            })
    void nothingIsDoneOfAJumpToNowhere(String jump) {
        goNowhere(jump);
        assertThat(engine().generated()).isEqualTo(1);
        long counted = v.instructions;
        cpu.close();
        cpu = new LongModeVcpu(Translators.at(Integer.MAX_VALUE), style); // interprets
        v = cpu.v;
        goNowhere(jump);
        assertThat(counted).isEqualTo(v.instructions);
    }

    private void goNowhere(String jump) {
        cpu.put64(GDT + 8, 0x00AF_9B00_0000_FFFFL);
        v.gdtBase = GDT;
        v.gdtLimit = 0xF;
        cpu.put64(IDT + 16 * GP, 0x8E00L << 32 | 8L << 16 | HANDLER);
        cpu.put64(IDT + 16 * GP + 8, 0);
        v.idtBase = IDT;
        v.idtLimit = 0xFFF;
        cpu.put(HANDLER, "F4");
        cpu.put(CODE, "48 FF C1" + jump); // inc rcx
        long rsp = v.gpr[RSP] - 64;
        v.gpr[RSP] = rsp;
        cpu.put64((int) rsp, NOWHERE);
        cpu.put64((int) rsp - 8, 0x1234);
        cpu.put64(DATA, NOWHERE);
        v.gpr[RAX] = NOWHERE;
        v.gpr[3] = DATA;
        v.gpr[RCX] = 7;
        cpu.start(CODE);
        assertThat(cpu.engine.run()).isEqualTo(VcpuLoop.EXIT_HALT);
        assertThat(v.gpr[RCX]).isEqualTo(8);
        int frame = (int) (rsp & ~15) - 48; // error code, rip, cs, rflags, rsp, ss
        assertThat(v.gpr[RSP]).isEqualTo(frame);
        assertThat(cpu.get64(frame)).isZero();
        assertThat(cpu.get64(frame + 8)).isEqualTo(CODE + 3);
        assertThat(cpu.get64(frame + 32)).isEqualTo(rsp);
    }
}
