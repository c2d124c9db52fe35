// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.translator.internal;

import static dev.faultline.api.cpu.Gpr.RAX;
import static dev.faultline.api.cpu.Gpr.RBX;
import static dev.faultline.api.cpu.Gpr.RCX;
import static dev.faultline.api.cpu.Gpr.RDI;
import static dev.faultline.api.cpu.Gpr.RDX;
import static dev.faultline.cpu.interpreter.internal.LongModeVcpu.CODE;
import static dev.faultline.cpu.interpreter.internal.LongModeVcpu.DATA;
import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.engine.VcpuLoop;
import dev.faultline.api.protection.Rights;
import dev.faultline.cpu.interpreter.internal.LongModeVcpu;
import dev.faultline.cpu.x86.block.Limits;
import dev.faultline.testkit.HangGuard;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Nothing that was translated outlives what it was made of, and nothing translated runs forever.
 */
@ParameterizedClass
@ValueSource(strings = {"coded", "thrown"})
class TranslationsTest {
    private static final int FUNCTION = CODE + 0x3000;
    private static final int OTHER = 0x5_0000;
    private static final String HLT = "F4";

    /** mov ecx, 20; 1: call the function; dec ecx; jnz 1b; hlt. */
    private static final String CALLS = "B9 14 00 00 00 E8 F6 2F 00 00 FF C9 75 F7" + HLT;

    private static final String INC_RAX_RET = "48 FF C0 C3";
    private static final String DEC_RAX_RET = "48 FF C8 C3";

    private final String style;
    private final TranslatorFactory engines = Translators.at(1);
    private LongModeVcpu cpu;
    private VcpuContext v;

    TranslationsTest(String style) {
        this.style = style;
    }

    @BeforeEach
    void open() {
        cpu = new LongModeVcpu(engines, style);
        v = cpu.v;
    }

    @AfterEach
    void close() {
        cpu.close();
    }

    private void runsToHalt() {
        assertThat(cpu.engine.run()).isEqualTo(VcpuLoop.EXIT_HALT);
    }

    /** Twenty calls of the function, from {@code rax} 100 on. */
    private long calls() {
        v.gpr[RAX] = 100;
        cpu.start(CODE);
        runsToHalt();
        assertThat(v.instructions).isEqualTo(1 + 20 * 5 + 1);
        return v.gpr[RAX];
    }

    private void function() {
        cpu.put(CODE, CALLS);
        cpu.put(FUNCTION, INC_RAX_RET);
        assertThat(calls()).isEqualTo(120);
    }

    // ---- code

    @Test
    void lostWhenItsVcpuWritesTheCode() {
        function();
        cpu.put(CODE + 0x100, "C6 03 C8 F4"); // mov byte [rbx], 0xC8; hlt
        v.gpr[RBX] = FUNCTION + 2;
        cpu.start(CODE + 0x100);
        runsToHalt();
        assertThat(calls()).isEqualTo(80);
    }

    /** The tenth call writes the function that is called, and the caller's page is another one. */
    @Test
    void lostInTheMiddleOfALoop() {
        cpu.put(CODE, CALLS);
        // inc rax; cmp ecx, 11; sete dl; shl dl, 3; xor [rip-14], dl: from here on dec rax; ret
        cpu.put(FUNCTION, "48 FF C0 83 F9 0B 0F 94 C2 C0 E2 03 30 15 F0 FF FF FF C3");
        v.gpr[RAX] = 100;
        cpu.start(CODE);
        runsToHalt();
        assertThat(v.gpr[RAX]).isEqualTo(100 + 10 - 10);
        assertThat(v.instructions).isEqualTo(1 + 20 * 9 + 1);
    }

    @Test
    void lostWhenAnotherVcpuWritesTheCode() throws InterruptedException {
        function();
        try (LongModeVcpu other = new LongModeVcpu(engines, style, cpu, 1)) {
            other.put(0x1_8000, "C6 03 C8 F4");
            other.v.gpr[RBX] = FUNCTION + 2;
            other.start(0x1_8000);
            AtomicLong exit = new AtomicLong(-1);
            Thread t = new Thread(() -> exit.set(other.engine.run()));
            other.v.bindThread(t);
            t.start();
            HangGuard.join(t);
            other.v.bindThread(Thread.currentThread());
            assertThat(exit.get()).isEqualTo(VcpuLoop.EXIT_HALT);
            assertThat(calls()).isEqualTo(80);
        }
    }

    @Test
    void lostWhenADeviceWritesTheCode() {
        function();
        cpu.put(FUNCTION, DEC_RAX_RET);
        cpu.mmu.codeWritten(FUNCTION, 4);
        assertThat(calls()).isEqualTo(80);
    }

    @Test
    void lostWhenThePageOfCodeIsAnotherOne() {
        function();
        cpu.put(OTHER, DEC_RAX_RET);
        cpu.map(FUNCTION, OTHER);
        cpu.put(CODE + 0x100, "0F 01 3F F4"); // invlpg [rdi]; hlt
        v.gpr[RDI] = FUNCTION;
        cpu.start(CODE + 0x100);
        runsToHalt();
        assertThat(calls()).isEqualTo(80);
    }

    /** Shared code stands at another address in every process; only a few are kept. */
    @Test
    void onePageOfCodeAtManyAddresses() {
        // lea rax, [rip]; lea rcx, [rax+rbx]; hlt: each copy knows where it stands.
        cpu.put(FUNCTION, "48 8D 05 00 00 00 00 48 8D 0C 18 F4");
        v.gpr[RBX] = 5;
        for (int round = 0; round < 3; round++) {
            for (int i = 0; i < 9; i++) {
                int lin = OTHER + 0x1000 * i;
                cpu.map(lin, FUNCTION);
                cpu.start(lin);
                runsToHalt();
                assertThat(v.gpr[RAX]).isEqualTo(lin + 7);
                assertThat(v.gpr[RCX]).isEqualTo(lin + 12);
                assertThat(v.instructions).isEqualTo(3);
            }
        }
    }

    @Test
    void lostWhenThePageOfCodeMayNotBeExecuted() {
        function();
        cpu.protection.userLayer().protectPage(FUNCTION >>> 12, Rights.RW);
        cpu.start(CODE);
        assertThat(cpu.engine.run()).isEqualTo(VcpuLoop.EXIT_FAULT);
        assertThat(v.rip).isEqualTo(FUNCTION);
        assertThat(v.instructions).isEqualTo(2);
        cpu.protection.userLayer().protectPage(FUNCTION >>> 12, Rights.RWX);
        assertThat(calls()).isEqualTo(120);
    }

    // ---- data

    /** Reads [rbx] ten times, does something, reads it into rdx. */
    private void readsAround(String something) {
        cpu.put64(DATA, 1);
        cpu.put64(OTHER, 2);
        v.gpr[RBX] = DATA;
        // mov ecx, 10; 1: mov rdx, [rbx]; dec ecx; jnz 1b; ...; mov rdx, [rbx]; hlt
        cpu.put(CODE, "B9 0A 00 00 00 48 8B 13 FF C9 75 F9" + something + "48 8B 13" + HLT);
        runsToHalt();
        assertThat(v.gpr[RDX]).isEqualTo(2);
    }

    @Test
    void translationsGoWithInvlpg() {
        v.gpr[RDI] = 0x4000 + (DATA >>> 12) * 8;
        v.gpr[RAX] = OTHER | 3;
        readsAround("48 89 07 0F 01 3B"); // mov [rdi], rax; invlpg [rbx]
    }

    @Test
    void translationsGoWithCr3() {
        int tables = 0x6_0000;
        for (int i = 0; i < 512; i++) {
            cpu.put64(tables + 0x3000 + 8 * i, i << 12 | 3);
        }
        cpu.put64(tables + 0x3000 + (DATA >>> 12) * 8, OTHER | 3);
        for (int i = 0; i < 3; i++) {
            cpu.put64(tables + 0x1000 * i, tables + 0x1000 * (i + 1) | 3);
        }
        v.gpr[RAX] = tables;
        readsAround("0F 22 D8"); // mov cr3, rax
    }

    /**
     * A store that hit is stopped as soon as the right is gone, and goes on as soon as it is back.
     */
    @Test
    void translationsGoWithRights() {
        v.gpr[RBX] = DATA;
        // mov ecx, 10; 1: inc qword [rbx]; dec ecx; jnz 1b; hlt
        cpu.put(CODE, "B9 0A 00 00 00 48 FF 03 FF C9 75 F9" + HLT);
        for (int round = 1; round <= 3; round++) {
            cpu.protection.userLayer().protectPage(DATA >>> 12, Rights.RWX);
            cpu.start(CODE);
            runsToHalt();
            assertThat(cpu.get64(DATA)).isEqualTo(10L * round);
            cpu.protection
                    .userLayer()
                    .protectPage(DATA >>> 12, round == 2 ? Rights.NONE : Rights.R);
            cpu.start(CODE);
            assertThat(cpu.engine.run()).isEqualTo(VcpuLoop.EXIT_FAULT);
            assertThat(v.rip).isEqualTo(CODE + 5);
            assertThat(v.gpr[RCX]).isEqualTo(10);
            assertThat(v.instructions).isEqualTo(1);
            assertThat(cpu.get64(DATA)).isEqualTo(10L * round);
        }
    }

    /** The code is more than the memory for it, several times a round. */
    @Test
    void codeMemoryIsUsedAgain() {
        int blocks = 4096;
        int first = 0x8_0000;
        String add = "48 01 07"; // add [rdi], rax
        String block = "48 FF C0" + add.repeat(6) + "EB 29"; // inc rax; ...; jmp to the next
        for (int i = 0; i < blocks; i++) {
            cpu.put(first + 64 * i, block);
        }
        int end = first + 64 * blocks;
        cpu.put(end, "FF C9 0F 84 05 00 00 00 E9" + little(first - end - 13) + HLT);
        v.gpr[RCX] = 4;
        v.gpr[RDI] = DATA;
        cpu.start(first);
        runsToHalt();
        long n = 4L * blocks;
        assertThat(v.gpr[RAX]).isEqualTo(n);
        assertThat(cpu.get64(DATA)).isEqualTo(6 * n * (n + 1) / 2);
        assertThat(v.instructions).isEqualTo(8 * n + 4 * 2 + 3 + 1);
    }

    private static String little(int x) {
        return "%08X".formatted(Integer.reverseBytes(x));
    }

    /** What stands where a branch leads to is looked at while the branch is written. */
    @ParameterizedTest
    @ValueSource(strings = {"E3 0C", "E2 0C", "0F 85 08 00 00 00", "74 0C"}) // jrcxz, loop, jnz, jz
    void aBranchToTheEndOfItsPageIsNotTaken(String branch) {
        String fill = "90".repeat(Limits.LONGEST_BLOCK);
        for (String there : new String[] {"C3", "EB", "E8", "F4"}) {
            for (int before = 0; before <= Limits.LONGEST_BLOCK; before++) {
                int end = CODE + 0xFFF - 14; // of the page, less the branch
                cpu.put(end - before, fill.substring(0, 2 * before) + branch + "F4 0F 0B");
                cpu.put(CODE + 0xFFF, there);
                cpu.mmu.codeWritten(CODE, 0x1000);
                v.gpr[RCX] = branch.startsWith("E2") ? 1 : 2;
                v.setFlags(branch.startsWith("0F") ? 0x42 : 2);
                cpu.start(end - before);
                runsToHalt();
                assertThat(v.rip).isEqualTo(end + branch.replace(" ", "").length() / 2 + 1);
                assertThat(v.instructions).isEqualTo(before + 2);
            }
        }
    }

    // ---- other threads

    /** Loops without end, behind a store that tells that they have begun. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "EB FE", // jmp $
                "FF C9 83 C9 01 75 F9", // 1: dec ecx; or ecx, 1; jnz 1b
                "E9 F8 0F 00 00", // jmp to the next page, where there is a jump back
                "48 8D 05 00 00 00 00 48 8D 40 FF 48 FF C0 FF E0", // 1: lea rax, 1f; ..; jmp rax
                "E8 00 00 00 00 48 83 2C 24 05 C3" // call 1f; 1: sub qword [rsp], 5; ret
            })
    void aLoopWithoutEndObeysAStopRequest(String loop) throws InterruptedException {
        cpu.put(CODE, "C6 03 01" + loop); // mov byte [rbx], 1
        cpu.put(CODE + 0x1000, "E9 FE EF FF FF");
        v.gpr[RBX] = DATA;
        for (int i = 0; i < 20; i++) {
            cpu.put64(DATA, 0);
            Thread t =
                    new Thread(() -> {
                        HangGuard.until("the loop has begun", () -> cpu.get64(DATA) != 0);
                        v.post(VcpuContext.REQ_STOP);
                    });
            t.start();
            cpu.start(CODE);
            assertThat(cpu.engine.run()).isEqualTo(VcpuLoop.EXIT_REQUEST);
            HangGuard.join(t);
            assertThat(v.rip).isBetween(CODE + 3L, CODE + 0x1000L);
        }
    }

    /** protect() returns when no vCPU writes any more. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "48 FF 03 EB FB", // 1: inc qword [rbx]; jmp 1b
                "F0 48 FF 03 EB FA", // 1: lock inc qword [rbx]; jmp 1b
                "48 FF C0 48 89 03 E8 00 00 00 00 5A EB F2" // 1: inc rax; mov [rbx], rax; call 2f;
                // 2: pop rdx; jmp 1b
            })
    void nothingIsWrittenAfterProtect(String loop) throws InterruptedException {
        cpu.put(CODE, loop);
        v.gpr[RBX] = DATA;
        cpu.start(CODE);
        for (int i = 0; i < 20; i++) {
            long begun = cpu.get64(DATA);
            AtomicLong seen = new AtomicLong();
            Thread t =
                    new Thread(() -> {
                        HangGuard.until("the guest counts", () -> cpu.get64(DATA) != begun);
                        cpu.protection.userLayer().protectPage(DATA >>> 12, Rights.R);
                        seen.set(cpu.get64(DATA));
                    });
            t.start();
            int exit;
            do {
                exit = cpu.engine.run();
            } while (exit == VcpuLoop.EXIT_REQUEST);
            HangGuard.join(t);
            assertThat(exit).isEqualTo(VcpuLoop.EXIT_FAULT);
            assertThat(cpu.get64(DATA)).isEqualTo(seen.get());
            cpu.protection.userLayer().protectPage(DATA >>> 12, Rights.RWX);
        }
    }
}
