// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.interpreter.internal;

import static dev.faultline.api.cpu.Gpr.R14;
import static dev.faultline.api.cpu.Gpr.R15;
import static dev.faultline.cpu.interpreter.internal.LongModeVcpu.CODE;
import static dev.faultline.cpu.interpreter.internal.LongModeVcpu.DATA;
import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.cpu.Segments;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.engine.VcpuEngineFactory;
import dev.faultline.api.engine.VcpuLoop;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Debug exceptions in whole programs, where blocks and single instructions alternate. The handler
 * of #DB counts in R15, keeps the address it interrupts in R14 and goes on there.
 */
@ParameterizedClass
@ValueSource(strings = {"coded", "thrown"})
public abstract class DebugTrapsContract {
    private static final int GDT = 0x8000;
    private static final int IDT = 0x9000;
    private static final int TSS = 0xA000;
    private static final int HANDLER = 0xB000;
    private static final int CS = 8;
    private static final int SS = 16;

    private final VcpuEngineFactory engines;
    private final String style;
    private LongModeVcpu cpu;
    private VcpuContext v;

    protected DebugTrapsContract(VcpuEngineFactory engines, String style) {
        this.engines = engines;
        this.style = style;
    }

    @BeforeEach
    void open() {
        cpu = new LongModeVcpu(engines, style);
        v = cpu.v;
        cpu.put64(GDT + CS, 0x00AF_9B00_0000_FFFFL);
        cpu.put64(GDT + SS, 0x00CF_9300_0000_FFFFL);
        v.gdtBase = GDT;
        v.gdtLimit = 0x1F;
        v.idtBase = IDT;
        v.idtLimit = 0xFFF;
        cpu.put64(IDT + 16, 0x8E00L << 32 | (long) CS << 16 | HANDLER);
        v.segBase[Segments.TR] = TSS;
        v.segLimit[Segments.TR] = 0x67;
        v.segAttr[Segments.TR] = 0x8B;
        cpu.put64(TSS + 4, LongModeVcpu.STACK);
        // inc r15; mov r14, [rsp]; iretq
        cpu.put(HANDLER, "49 FF C7 4C 8B 34 24 48 CF");
        cpu.put64(DATA, SS);
    }

    @AfterEach
    void close() {
        cpu.close();
    }

    private void runsToHalt() {
        assertThat(cpu.engine.run()).isEqualTo(VcpuLoop.EXIT_HALT);
    }

    @Test
    void anInstructionBreakpointAfterMovSsIsSuppressedEveryTime() {
        // mov ecx, 100; 1: mov eax, ss; mov ss, eax; here: nop; dec ecx; jnz 1b; hlt
        cpu.put(CODE, "B9 64 00 00 00 8C D0 8E D0 90 FF C9 75 F7 F4");
        v.dr[0] = CODE + 9;
        v.dr[7] = 0x402;
        runsToHalt();
        assertThat(v.gpr[R15]).isZero();
        assertThat(v.gpr[1]).isZero();
        assertThat(v.dr[6] & 0xF).isZero();
    }

    @Test
    void movSsWithAWatchAndInt1GiveOneTrap() {
        // mov ss, [DATA]; int1; nop; hlt
        cpu.put(CODE, "8E 14 25 00 00 02 00 F1 90 F4");
        v.dr[0] = DATA;
        v.dr[7] = 0x7_0002;
        runsToHalt();
        assertThat(v.gpr[R15]).isEqualTo(1);
        assertThat(v.gpr[R14]).isEqualTo(CODE + 8);
    }

    @Test
    void movSsWithAWatchTrapsAfterTheNextInstruction() {
        // mov ss, [DATA]; nop; nop; hlt
        cpu.put(CODE, "8E 14 25 00 00 02 00 90 90 F4");
        v.dr[0] = DATA;
        v.dr[7] = 0x7_0002;
        runsToHalt();
        assertThat(v.gpr[R15]).isEqualTo(1);
        assertThat(v.gpr[R14]).isEqualTo(CODE + 8);
    }

    @Test
    void aSavedShadowGoesOnSuppressing() {
        // mov ss, [DATA]; nop; nop; hlt
        cpu.put(CODE, "8E 14 25 00 00 02 00 90 90 F4");
        v.dr[0] = DATA;
        v.dr[1] = CODE + 7;
        v.dr[7] = 0x7_000A;
        assertThat(cpu.engine.step()).isEqualTo(VcpuLoop.EXIT_REQUEST);
        assertThat(v.debugShadow).isTrue();
        assertThat(v.pendingDebug).isEqualTo(1);
        runsToHalt();
        assertThat(v.gpr[R15]).isEqualTo(1);
        assertThat(v.gpr[R14]).isEqualTo(CODE + 8);
    }

    @Test
    void sysretThatLoadsTfTrapsBeforeTheNextInstruction() {
        // sysretq to 1: in user pages; 1: nop
        cpu.put64(0x1000, 0x2007);
        cpu.put64(0x2000, 0x3007);
        cpu.put64(0x3000, 0x4007);
        cpu.put64(0x4000 + 8 * (CODE >>> 12), CODE | 7);
        v.efer |= VcpuContext.EFER_SCE;
        v.star = (long) (0x23 - 16) << 48;
        // inc r15; mov r14, [rsp]; hlt
        cpu.put(HANDLER, "49 FF C7 4C 8B 34 24 F4");
        cpu.put(CODE, "90 48 0F 07");
        cpu.put(CODE + 0x100, "49 FF C5 EB FE");
        v.gpr[1] = CODE + 0x100;
        v.gpr[11] = VcpuContext.TF | 2;
        runsToHalt();
        assertThat(v.gpr[R15]).isEqualTo(1);
        assertThat(v.gpr[R14]).isEqualTo(CODE + 0x100);
        assertThat(v.gpr[13]).isZero();
        assertThat(v.dr[6] & 0x400F).isEqualTo(0x4000);
    }
}
