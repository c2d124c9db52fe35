// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.interpreter.internal;

import static dev.faultline.api.cpu.Gpr.R8;
import static dev.faultline.api.cpu.Gpr.RAX;
import static dev.faultline.api.cpu.Gpr.RBX;
import static dev.faultline.api.cpu.Gpr.RDI;
import static dev.faultline.api.cpu.Gpr.RDX;
import static dev.faultline.api.cpu.Gpr.RSI;
import static dev.faultline.cpu.interpreter.internal.LongModeVcpu.CODE;
import static dev.faultline.cpu.interpreter.internal.LongModeVcpu.DATA;
import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.engine.VcpuEngineFactory;
import dev.faultline.api.engine.VcpuLoop;
import dev.faultline.api.fault.FaultOrigin;
import dev.faultline.api.fault.PendingFault;
import dev.faultline.api.protection.Rights;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Code that depends on the translations of two pages, and code of several address spaces. */
@ParameterizedClass
@ValueSource(strings = {"coded", "thrown"})
public abstract class CodeMappingContract {
    /** Three bytes before the end of a page: mov eax, imm32. */
    private static final int CROSSING = CODE + 0xFFD;

    private static final int NEXT = CODE + 0x1000;
    private static final String RET = "C3";
    private static final String HLT = "F4";

    /** mov ecx, 3; 1: call CROSSING; dec ecx; jnz 1b; mov r8d, eax. */
    private static final String THREE_CALLS = "B9 03 00 00 00 E8 F3 0F 00 00 FF C9 75 F7 41 89 C0";

    private final VcpuEngineFactory engines;
    private final String style;
    private LongModeVcpu cpu;
    private VcpuContext v;

    protected CodeMappingContract(VcpuEngineFactory engines, String style) {
        this.engines = engines;
        this.style = style;
    }

    @BeforeEach
    void open() {
        cpu = new LongModeVcpu(engines, style);
        v = cpu.v;
        cpu.put(CROSSING, "B8 11 22 33 44" + RET);
    }

    @AfterEach
    void close() {
        cpu.close();
    }

    private void runsToHalt() {
        assertThat(cpu.engine.run()).isEqualTo(VcpuLoop.EXIT_HALT);
    }

    @Test
    void aStoreIntoTheEndOfAnInstructionTakesEffect() {
        // mov byte [rbx], 0x55; call CROSSING
        cpu.put(CODE, THREE_CALLS + "C6 03 55 E8 E4 0F 00 00" + HLT);
        v.gpr[RBX] = NEXT;

        runsToHalt();

        assertThat(v.gpr[R8]).isEqualTo(0x44332211);
        assertThat(v.gpr[RAX]).isEqualTo(0x44552211);
        assertThat(v.instructions).isEqualTo(1 + 3 * 5 + 1 + 1 + 3 + 1);
    }

    @Test
    void theEndOfAnInstructionIsInThePageThatIsMappedNow() {
        // mov [rbx], rdx; invlpg [rdi]; call CROSSING
        cpu.put(CODE, THREE_CALLS + "48 89 13 0F 01 3F E8 E1 0F 00 00" + HLT);
        cpu.put(DATA, "55 66" + RET);
        v.gpr[RBX] = LongModeVcpu.entryOf(NEXT);
        v.gpr[RDX] = DATA | 3;
        v.gpr[RDI] = NEXT;

        runsToHalt();

        assertThat(v.gpr[R8]).isEqualTo(0x44332211);
        assertThat(v.gpr[RAX]).isEqualTo(0x66552211);
    }

    /** One page of code stands at two addresses, with another page behind it at each. */
    @Test
    void aPageMayHaveSeveralNextOnes() {
        cpu.map(0x50000, CODE);
        cpu.map(0x51000, DATA);
        cpu.put(DATA, "55 66" + RET);
        // mov ecx, 2; 1: call CROSSING; mov r8d, eax; call 0x50FFD; dec ecx; jnz 1b
        cpu.put(0x12000, "B9 02 00 00 00 E8 F3 EF FF FF 41 89 C0 E8 EB EF 03 00 FF C9 75 EF" + HLT);
        cpu.start(0x12000);

        runsToHalt();

        assertThat(v.gpr[R8]).isEqualTo(0x44332211);
        assertThat(v.gpr[RAX]).isEqualTo(0x66552211);
    }

    @Test
    void aFetchOfTheEndIsStoppedBeforeItsInstruction() {
        cpu.put(NEXT + 2, HLT);
        for (int i = 0; i < 3; i++) {
            cpu.start(CROSSING);
            runsToHalt();
        }
        cpu.protection.userLayer().protectPage(NEXT >>> 12, Rights.R);
        v.gpr[RAX] = 7;
        cpu.start(CROSSING);

        assertThat(cpu.engine.run()).isEqualTo(VcpuLoop.EXIT_FAULT);
        assertThat(v.fault.kind).isEqualTo(PendingFault.PROTECTED);
        assertThat(v.fault.origin).isEqualTo(FaultOrigin.FETCH);
        assertThat(v.fault.gva).isEqualTo(NEXT);
        assertThat(v.fault.rip).isEqualTo(CROSSING);
        assertThat(v.rip).isEqualTo(CROSSING);
        assertThat(v.instructions).isZero();
        assertThat(v.gpr[RAX]).isEqualTo(7);

        cpu.protection.userLayer().protectPage(NEXT >>> 12, Rights.RWX);
        runsToHalt();
        assertThat(v.gpr[RAX]).isEqualTo(0x44332211);
        assertThat(v.instructions).isEqualTo(2);
    }

    /** Two page tables map the same code, globally or not, but one page of code and one of data. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void eachAddressSpaceHasItsOwnPages(boolean global) {
        int second = 0x5000;
        int code = 0x70000;
        int data = 0x60000;
        v.cr4 |= VcpuContext.CR4_PGE;
        cpu.secondPageTables(second, lin -> lin == code || lin == data ? lin | 0x1000 : lin);
        if (global) {
            cpu.makeGlobal(lin -> lin != code && lin != data, second);
        }
        v.flushTranslations();
        cpu.put(code, "83 C0 01" + RET); // add eax, 1
        cpu.put(code + 0x1000, "83 C0 10" + RET);
        cpu.put64(data, 0x100);
        cpu.put64(data + 0x1000, 0x10000);
        // mov ecx, 50
        // 1: mov cr3, rsi; call 0x70000; add eax, [rbx]; the same with rdi; dec ecx; jnz 1b
        cpu.put(
                CODE,
                "B9 32 00 00 00"
                        + "0F 22 DE E8 F3 FF 05 00 03 03"
                        + "0F 22 DF E8 E9 FF 05 00 03 03"
                        + "FF C9 75 E8"
                        + HLT);
        v.gpr[RSI] = v.cr3;
        v.gpr[RDI] = second;
        v.gpr[RBX] = data;
        long whole = v.tlbFlushes;

        runsToHalt();

        assertThat(v.gpr[RAX]).isEqualTo(50 * (0x01 + 0x100 + 0x10 + 0x10000));
        assertThat(v.tlbLocalFlushes).isEqualTo(100);
        assertThat(v.tlbFlushes).isEqualTo(whole);
    }

    /** Bit 8 of an entry says nothing unless CR4.PGE is set. */
    @Test
    void nothingIsGlobalWithoutPge() {
        int second = 0x5000;
        int data = 0x60000;
        cpu.secondPageTables(second, lin -> lin == data ? lin | 0x1000 : lin);
        cpu.makeGlobal(lin -> true, second);
        v.flushTranslations();
        cpu.put64(data, 1);
        cpu.put64(data + 0x1000, 2);
        // mov eax, [rbx]; mov cr3, rdi; add eax, [rbx]
        cpu.put(CODE, "8B 03 0F 22 DF 03 03" + HLT);
        v.gpr[RDI] = second;
        v.gpr[RBX] = data;

        runsToHalt();

        assertThat(v.gpr[RAX]).isEqualTo(3);
    }
}
