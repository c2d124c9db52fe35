// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.translator.hostile;

import static dev.faultline.api.cpu.Gpr.RAX;
import static dev.faultline.api.cpu.Gpr.RBX;
import static dev.faultline.api.cpu.Gpr.RCX;
import static dev.faultline.api.cpu.Gpr.RDI;
import static dev.faultline.api.cpu.Gpr.RSI;
import static dev.faultline.cpu.interpreter.internal.LongModeVcpu.CODE;
import static dev.faultline.cpu.interpreter.internal.LongModeVcpu.DATA;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.faultline.api.engine.VcpuEngineFactory;
import dev.faultline.api.engine.VcpuLoop;
import dev.faultline.api.protection.Rights;
import dev.faultline.cpu.interpreter.internal.InterpreterFactory;
import dev.faultline.cpu.interpreter.internal.LongModeVcpu;
import dev.faultline.cpu.interpreter.sweep.SweepState;
import dev.faultline.cpu.translator.internal.VerifiedTranslator;
import java.lang.foreign.MemorySegment;
import java.util.Random;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/**
 * Guests that wear out what the translator keeps: memory for code, tables of jumps, translations of
 * addresses. After as many rounds as the interpreter's, state, counts and memory are the same.
 */
class StormsTest {
    /** Where functions are, and how many; as many as RAM has room for, one in 64 bytes. */
    private static final int FUNCTIONS = 0x8_0000;

    private static final int COUNT = 8_192;
    private static final int TABLE = 0x4_0000;
    private static final String HLT = "F4";

    private static final VerifiedTranslator TRANSLATOR = new VerifiedTranslator(1, 1);

    private static LongModeVcpu cpu(VcpuEngineFactory engines) {
        return new LongModeVcpu(engines, "coded");
    }

    /** What the guest's rounds are driven by, to its end. */
    private interface Drive {
        void run(LongModeVcpu cpu);
    }

    private static void runsToHalt(LongModeVcpu cpu) {
        assertThat(cpu.engine.run()).isEqualTo(VcpuLoop.EXIT_HALT);
    }

    private void agree(Consumer<LongModeVcpu> load, Drive drive) {
        assumeThat(TRANSLATOR.refusal()).isNull();
        long refused = TRANSLATOR.refused();
        try (LongModeVcpu model = cpu(new InterpreterFactory());
                LongModeVcpu tested = cpu(TRANSLATOR.factory())) {
            for (LongModeVcpu c : new LongModeVcpu[] {model, tested}) {
                load.accept(c);
                c.start(CODE);
                drive.run(c);
            }
            assertThat(SweepState.of(tested.v).difference(SweepState.of(model.v))).isEmpty();
            assertThat(ram(tested).mismatch(ram(model))).isEqualTo(-1);
            assertThat(VerifiedTranslator.generated(tested.engine)).isPositive();
        }
        assertThat(TRANSLATOR.refused()).isEqualTo(refused);
    }

    private static MemorySegment ram(LongModeVcpu cpu) {
        return MemorySegment.ofAddress(cpu.memory.hvaOf(0)).reinterpret(LongModeVcpu.RAM);
    }

    private static String little(int x) {
        return "%08X".formatted(Integer.reverseBytes(x));
    }

    /** Function i is at the table's place i; by chance in which order. */
    private static void functions(LongModeVcpu cpu, String body) {
        Random random = new Random(1);
        int[] order = random.ints(0, COUNT).distinct().limit(COUNT).toArray();
        for (int i = 0; i < COUNT; i++) {
            cpu.put(FUNCTIONS + 64 * order[i], body.formatted(little(order[i])));
            cpu.put64(TABLE + 8 * i, FUNCTIONS + 64L * order[i]);
        }
        cpu.v.gpr[RBX] = TABLE;
    }

    /**
     * Calls of 8,192 functions by a table, and their returns: more than the memory for code holds,
     * and eight for each place in the table of jumps.
     */
    @Test
    void callsAndReturns() {
        agree(
                cpu -> {
                    functions(cpu, "48 05 %s 48 31 04 24 48 31 04 24 C3");
                    // mov ecx, 3 * COUNT; 1: mov edx, ecx; imul edx, 7919; and edx, COUNT - 1;
                    // call [rbx + rdx * 8]; dec ecx; jnz 1b; hlt
                    cpu.put(
                            CODE,
                            "B9"
                                    + little(3 * COUNT)
                                    + "89 CA 69 D2 EF 1E 00 00 81 E2"
                                    + little(COUNT - 1)
                                    + "FF 14 D3 FF C9 75 EB"
                                    + HLT);
                },
                StormsTest::runsToHalt);
    }

    /** Each jumps to the next one by the table, for three rounds. */
    @Test
    void jumps() {
        agree(
                cpu -> {
                    // add rax, n; inc rcx; cmp rcx, rsi; cmovae rcx, rsi; jmp [rbx + rcx * 8]
                    functions(cpu, "48 05 %s 48 FF C1 48 39 F1 48 0F 43 CE FF 24 CB");
                    cpu.put(CODE, "FF 24 CB"); // jmp [rbx + rcx * 8]
                    cpu.put(CODE + 0x100, HLT);
                    cpu.v.gpr[RSI] = COUNT - 1;
                    cpu.put64(TABLE + 8 * (COUNT - 1), CODE + 0x100);
                },
                cpu -> {
                    for (int i = 0; i < 3; i++) {
                        cpu.v.gpr[RCX] = 0;
                        cpu.v.rip = CODE;
                        cpu.v.activity = 0;
                        runsToHalt(cpu);
                    }
                });
    }

    /**
     * Each round writes the immediate of the function that it calls, in the same page or another.
     */
    @Test
    void writesIntoCode() {
        agree(
                cpu -> {
                    functions(cpu, "48 05 %s C3");
                    // mov ecx, 20000; 1: mov edx, ecx; and edx, 0xFF; mov rdi, [rbx + rdx * 8];
                    // xor [rdi + 2], ecx; call rdi; add [rip + 1f], ecx; 1: add rax, imm32;
                    // dec ecx; jnz; hlt
                    cpu.put(
                            CODE,
                            "B9 20 4E 00 00 89 CA 81 E2 FF 00 00 00 48 8B 3C D3 31 4F 02 FF D7"
                                    + "01 0D 02 00 00 00 48 05 00 00 00 00 FF C9 75 DF"
                                    + HLT);
                },
                StormsTest::runsToHalt);
    }

    /** A page of data and one of code are another one in each round, by INVLPG and by CR3. */
    @Test
    void translations() {
        agree(
                cpu -> {
                    int tables = 0x7_0000;
                    cpu.secondPageTables(
                            tables,
                            lin ->
                                    lin == DATA
                                            ? DATA + 0x1000
                                            : lin == FUNCTIONS ? FUNCTIONS + 0x1000 : lin);
                    functions(cpu, "48 05 %s C3");
                    cpu.v.gpr[RDI] = LongModeVcpu.entryOf(DATA);
                    cpu.v.gpr[RBX] = DATA;
                    cpu.v.gpr[RSI] = FUNCTIONS;
                    cpu.v.gpr[8] = tables ^ 0x1000;
                    cpu.v.gpr[9] = 0x1000;
                    // mov ecx, 5000; 1: xor qword [rdi], 0x3000; invlpg [rbx]; inc qword [rbx];
                    // call rsi; xor r9, r8; mov cr3, r9; add [rbx], rax; call rsi;
                    // dec ecx; jnz 1b; hlt
                    cpu.put(
                            CODE,
                            "B9 88 13 00 00 48 81 37 00 30 00 00 0F 01 3B 48 FF 03 FF D6 4D 31 C1"
                                    + "41 0F 22 D9 48 01 03 FF D6 FF C9 75 E1"
                                    + HLT);
                },
                StormsTest::runsToHalt);
    }

    /** After every exit another page has less rights, and the one that stopped it all of them. */
    @Test
    void rights() {
        agree(
                cpu -> {
                    functions(cpu, "48 05 %s 48 89 83 00 00 FE FF C3"); // mov [rbx - 0x20000], rax
                    cpu.put(
                            CODE,
                            "B9"
                                    + little(COUNT)
                                    + "89 CA 69 D2 EF 1E 00 00 81 E2"
                                    + little(COUNT - 1)
                                    + "FF 14 D3 FF C9 75 EB"
                                    + HLT);
                },
                cpu -> {
                    Random random = new Random(2);
                    int exit;
                    for (int stops = 0; (exit = cpu.engine.run()) == VcpuLoop.EXIT_FAULT; stops++) {
                        cpu.protection.userLayer().protectPage(cpu.v.fault.gpa >>> 12, Rights.RWX);
                        if (stops < 3000) {
                            protect(cpu, random);
                        }
                    }
                    assertThat(exit).isEqualTo(VcpuLoop.EXIT_HALT);
                    assertThat(cpu.v.gpr[RAX]).isNotZero();
                });
    }

    /** A page of the functions, of the table, or of the stack and the data; or the code's. */
    private static void protect(LongModeVcpu cpu, Random random) {
        int[] pages = {
            FUNCTIONS / 4096 + random.nextInt(COUNT / 64),
            TABLE / 4096 + random.nextInt(COUNT / 512),
            DATA / 4096,
            LongModeVcpu.STACK / 4096 - random.nextInt(2),
            CODE / 4096
        };
        for (int i = 0; i < 4; i++) {
            int page = pages[random.nextInt(pages.length)];
            if (page != cpu.v.fault.gpa >>> 12) {
                cpu.protection.userLayer().protectPage(page, random.nextInt(8));
            }
        }
    }
}
