// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.translator.internal;

import static dev.faultline.api.cpu.Gpr.RAX;
import static dev.faultline.api.cpu.Gpr.RBX;
import static dev.faultline.api.cpu.Gpr.RSP;
import static dev.faultline.cpu.interpreter.internal.LongModeVcpu.CODE;
import static dev.faultline.cpu.interpreter.internal.LongModeVcpu.DATA;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.api.cpu.VcpuState;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.engine.VcpuLoop;
import dev.faultline.api.memory.HostBytes;
import dev.faultline.api.platform.CodeMemory;
import dev.faultline.api.platform.HostMemory;
import dev.faultline.cpu.interpreter.internal.LongModeVcpu;
import dev.faultline.platform.posix.internal.PosixHostMemoryComponent;
import java.lang.reflect.Proxy;
import java.util.HexFormat;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Lock-step finds generated code that is wrong: here, made wrong after it was verified. */
@ParameterizedClass
@ValueSource(strings = {"coded", "thrown"})
class LockStepTest {
    private final String style;
    private final AtomicReference<CodeMemory> memory = new AtomicReference<>();
    private LongModeVcpu cpu;
    private VcpuContext v;

    LockStepTest(String style) {
        this.style = style;
    }

    @BeforeEach
    void open() {
        Translators.at(1); // skipped where it cannot run
        cpu = new LongModeVcpu(new TranslatorFactory(host(), new Options(1, 1, true, true)), style);
        v = cpu.v;
        v.gpr[RBX] = DATA;
    }

    @AfterEach
    void close() {
        cpu.close();
    }

    /** The host, which remembers what memory it gave for code. */
    private HostMemory host() {
        HostMemory real = new PosixHostMemoryComponent();
        return (HostMemory)
                Proxy.newProxyInstance(
                        HostMemory.class.getClassLoader(),
                        new Class<?>[] {HostMemory.class},
                        (proxy, method, args) -> {
                            Object result = method.invoke(real, args);
                            if (result instanceof CodeMemory c) {
                                memory.set(c);
                            }
                            return result;
                        });
    }

    private void runs(String code) {
        cpu.put(CODE, code + "F4"); // hlt
        v.gpr[RAX] = 0;
        cpu.start(CODE);
        assertThat(cpu.engine.run()).isEqualTo(VcpuLoop.EXIT_HALT);
    }

    /** Replaces what was generated, wherever it stands: once. */
    private void replace(String generated, String by) {
        byte[] from = HexFormat.of().parseHex(generated.replace(" ", ""));
        byte[] to = HexFormat.of().parseHex(by.replace(" ", ""));
        CodeMemory m = memory.get();
        byte[] all = new byte[64 << 10];
        HostBytes.copyOut(m.writable(), all, 0, all.length);
        int found = 0;
        for (int at = 0; at <= all.length - from.length; at++) {
            if (java.util.Arrays.equals(all, at, at + from.length, from, 0, from.length)) {
                HostBytes.copyIn(to, 0, m.writable() + at, to.length);
                found++;
            }
        }
        assertThat(found).isEqualTo(1);
    }

    @ParameterizedTest
    @CsvSource({
        // add eax, 0x12345678: another number
        "05 78 56 34 12, 40 05 78 56 34 12, 40 05 79 56 34 12, rax 12345679",
        // cmp eax, 0x12345678: other flags
        "3D 78 56 34 12, 40 3D 78 56 34 12, 40 3D 00 00 00 00, flags",
        // mov dword [rbx], 0x12345678: another number, and no store
        "C7 03 78 56 34 12, 78 56 34 12, 77 56 34 12, memory at 20000",
        "C7 03 78 56 34 12, 43 C7 04 2E 78 56 34 12, 0F 1F 84 00 78 56 34 12, memory at 20000",
        // movd xmm3, eax is Java's; pcmpeqd xmm3, xmm3: another register
        "66 0F 76 DB, 66 40 0F 76, 66 40 0F EF, xmm3"
    })
    void aWrongTranslationIsFound(String code, String generated, String by, String expected) {
        v.cr4 |= VcpuState.CR4_OSFXSR;
        runs(code);
        runs(code);
        replace(generated, by);
        cpu.put64(DATA, 0);

        assertThatThrownBy(() -> runs(code))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContainingAll(
                        "lock-step",
                        expected,
                        "10000: " + code.replace(" ", "").toLowerCase(java.util.Locale.ROOT),
                        "before",
                        "translated",
                        "interpreted");
    }

    /** Not in each run, but soon: here code is written past all that reports it. */
    @Test
    void whatWasTranslatedFromOtherCodeIsFound() {
        String code = "05 78 56 34 12"; // add eax, 0x12345678
        runs(code);
        runs(code);

        assertThatThrownBy(
                        () -> {
                            for (int i = 0; i < 1000; i++) {
                                runs("05 79 56 34 12");
                            }
                        })
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("rax 12345678, interpreted 12345679");
    }

    /**
     * What is executed again fetches from a page that takes the other's place in the context; back
     * there, code is decoded that was not before.
     */
    @Test
    void thePageThatIsRunStaysThere() {
        int tables = 0x4_0000;
        int function = 0x3_0000;
        int far = CODE + (VcpuContext.FETCH_TLB_ENTRIES << 12);
        cpu.mapBehind(tables, far, function);
        cpu.put(function, "48 FF C0 C3" + "F4".repeat(0x80)); // inc rax; ret
        // mov ecx, 10; 1: call far; dec ecx; cmp ecx, 6; je 3f; 2: test ecx, ecx; jnz 1b; hlt
        cpu.put(CODE, "B9 0A 00 00 00" + call(CODE + 5, far) + "FF C9 83 F9 06 74 4F");
        cpu.put(CODE + 17, "85 C9 75 F0 F4");
        // 3: add rbx, 7; call far: a run that begins here and ends there; jmp 2b
        cpu.put(CODE + 0x60, "48 83 C3 07" + call(CODE + 0x64, far) + "EB A6");
        v.gpr[RAX] = 0;
        v.gpr[RSP] = DATA + 0x1000;
        cpu.start(CODE);
        assertThat(cpu.engine.run()).isEqualTo(VcpuLoop.EXIT_HALT);
        assertThat(v.gpr[RAX]).isEqualTo(11);
        assertThat(v.gpr[RBX]).isEqualTo(DATA + 7);
    }

    private static String call(int from, int to) {
        return "E8%08X".formatted(Integer.reverseBytes(to - from - 5));
    }

    /** What is stored is not stored twice, in pages more than can be saved at a time. */
    @Test
    void whatIsExecutedTwiceHappensOnce() {
        // mov ecx, 20; 1: add qword [rbx], rcx; add rbx, 0x1000; dec ecx; jnz 1b
        runs("B9 14 00 00 00 48 01 0B 48 81 C3 00 10 00 00 FF C9 75 F2");
        for (int i = 0; i < 17; i++) {
            assertThat(cpu.get64(DATA + 0x1000 * i)).isEqualTo(20 - i);
        }
        assertThat(v.instructions).isEqualTo(1 + 20 * 4 + 1);
    }

    @Test
    void itIsForMachinesWithOneVcpu() {
        assertThatThrownBy(() ->
                        new LongModeVcpu(
                                new TranslatorFactory(host(), new Options(1, 1, true, true)),
                                style,
                                cpu,
                                1))
                .hasMessageContaining("one vCPU");
    }
}
