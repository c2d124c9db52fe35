// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.interpreter.internal;

import static dev.faultline.cpu.interpreter.internal.LongModeVcpu.CODE;
import static dev.faultline.cpu.interpreter.internal.LongModeVcpu.DATA;
import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.engine.VcpuEngineFactory;
import dev.faultline.api.engine.VcpuLoop;
import dev.faultline.api.fault.FaultOrigin;
import dev.faultline.api.mmu.Mmu;
import dev.faultline.cpu.x86.block.BlockEngine;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.ValueSource;

/** vCPUs that decode and write the same pages: each gets on, whatever the others do. */
@ParameterizedClass
@ValueSource(strings = {"coded", "thrown"})
public abstract class SharedCodeContract {
    private static final int VCPUS = 16;
    private static final int PAGES = 256;
    private static final int FIRST = 0x8_0000;

    private final VcpuEngineFactory engines;
    private final String style;

    protected SharedCodeContract(VcpuEngineFactory engines, String style) {
        this.engines = engines;
        this.style = style;
    }

    /** As application processors do: all enter the same code, which another one has written. */
    @Test
    void sixteenVcpusEnterTheSamePagesAtOnce() throws InterruptedException {
        try (Vcpus cpus = new Vcpus(engines, style, VCPUS)) {
            LongModeVcpu first = cpus.get(0);
            for (int i = 0; i < PAGES - 1; i++) {
                first.put(FIRST + i * 0x1000, "E9 FB 0F 00 00"); // jmp to the next page
            }
            first.put(FIRST + (PAGES - 1) * 0x1000, "F0 FF 03 F4"); // lock inc dword [rbx]; hlt
            long[] before = new long[VCPUS];
            for (LongModeVcpu cpu : cpus.all) {
                for (int i = 0; i < PAGES; i++) {
                    int lin = FIRST + i * 0x1000;
                    cpu.mmu.fill(cpu.v, lin, Mmu.WRITE, FaultOrigin.DATA); // any may be its writer
                }
                cpu.start(FIRST);
                cpu.v.gpr[3] = DATA;
                before[cpu.v.index] = cpu.v.tlbFlushes;
            }

            cpus.runToHalt();

            assertThat(first.get64(DATA)).isEqualTo(VCPUS);
            for (LongModeVcpu cpu : cpus.all) {
                assertThat(cpu.v.instructions).isEqualTo(PAGES - 1 + 2);
                // A page costs each vCPU at most a fence, and a fence each vCPU at most a flush.
                assertThat(cpu.v.tlbFlushes - before[cpu.v.index])
                        .isLessThanOrEqualTo((long) PAGES * VCPUS);
            }
        }
    }

    /** The writer writes data into the page, then over the very instructions that are executed. */
    @Test
    void codeThatIsWrittenAllTheTimeIsExecuted() throws InterruptedException {
        for (int offset : new int[] {0x800, 0x10, 5}) {
            try (Vcpus cpus = new Vcpus(engines, style, 2)) {
                LongModeVcpu runner = cpus.get(0);
                // mov ecx, 300; 1: inc rax; dec ecx; jnz 1b; mov byte [rbx], 1; hlt
                runner.put(CODE, "B9 2C 01 00 00 48 FF C0 FF C9 75 F9 C6 03 01 F4");
                // 1: mov [rdi], dl; cmp byte [rbx], 1; jne 1b; hlt
                cpus.get(1).put(0x1_1000, "88 17 80 3B 01 75 F9 F4");
                VcpuContext writer = cpus.get(1).v;
                writer.gpr[7] = CODE + offset;
                writer.gpr[2] = runner.get64(CODE + offset) & 0xFF; // the same byte as is there
                writer.gpr[3] = DATA;
                runner.v.gpr[3] = DATA;
                runner.start(CODE);
                cpus.get(1).start(0x1_1000);

                cpus.runToHalt();

                assertThat(runner.v.gpr[0]).isEqualTo(300);
                assertThat(runner.v.instructions).isEqualTo(1 + 3 * 300 + 2);
            }
        }
    }

    /**
     * What another vCPU changed is seen by one that comes back to it, and costs one note a page.
     */
    @Test
    void changesForASleeperAreNotedOncePerPage() throws InterruptedException {
        try (Vcpus cpus = new Vcpus(engines, style, 2)) {
            LongModeVcpu sleeper = cpus.get(0);
            sleeper.put(CODE, "B0 01 F4"); // mov al, 1; hlt
            // mov ecx, 100000; 1: inc byte [rdi]; dec ecx; jnz 1b; mov byte [rdi], 42; hlt
            cpus.get(1).put(0x1_1000, "B9 A0 86 01 00 FE 07 FF C9 75 FA C6 07 2A F4");
            cpus.get(1).v.gpr[7] = CODE + 1;
            sleeper.start(CODE);
            assertThat(sleeper.engine.run()).isEqualTo(VcpuLoop.EXIT_HALT);
            assertThat(sleeper.v.gpr[0]).isEqualTo(1);
            cpus.get(1).start(0x1_1000);
            Thread t = new Thread(() -> cpus.get(1).engine.run());
            cpus.get(1).v.bindThread(t);
            t.start();
            t.join();
            cpus.get(1).v.bindThread(Thread.currentThread());

            assertThat(((BlockEngine) sleeper.engine).changesToServe()).isEqualTo(1);
            sleeper.start(CODE);
            assertThat(sleeper.engine.run()).isEqualTo(VcpuLoop.EXIT_HALT);
            assertThat(sleeper.v.gpr[0]).isEqualTo(42);
        }
    }
}
