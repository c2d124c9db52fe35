// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.interpreter.internal;

import static dev.faultline.api.cpu.Gpr.RAX;
import static dev.faultline.api.cpu.Gpr.RBX;
import static dev.faultline.api.cpu.Gpr.RCX;
import static dev.faultline.api.cpu.Gpr.RDI;
import static dev.faultline.cpu.interpreter.internal.LongModeVcpu.CODE;
import static dev.faultline.cpu.interpreter.internal.LongModeVcpu.DATA;
import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.cpu.Segments;
import dev.faultline.api.engine.EngineScratch;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.engine.VcpuEngineFactory;
import dev.faultline.api.engine.VcpuLoop;
import dev.faultline.api.fault.FaultOrigin;
import dev.faultline.api.fault.PendingFault;
import dev.faultline.api.protection.Rights;
import dev.faultline.testkit.HangGuard;
import java.lang.management.ManagementFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Blocks, their life and death, and what a fault finds. */
@ParameterizedClass
@ValueSource(strings = {"coded", "thrown"})
public abstract class CodeContract {

    private static final String INC_RAX = "48 FF C0";
    private static final String STORE_RAX_AT_RBX = "48 89 03";
    private static final String INVLPG_RDI = "0F 01 3F";
    private static final String HLT = "F4";

    private final VcpuEngineFactory engines;
    private final String style;
    private LongModeVcpu cpu;
    private VcpuContext v;

    protected CodeContract(VcpuEngineFactory engines, String style) {
        this.engines = engines;
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

    private void faults(FaultOrigin origin, long rip, long instructions) {
        assertThat(cpu.engine.run()).isEqualTo(VcpuLoop.EXIT_FAULT);
        assertThat(v.fault.kind).isEqualTo(PendingFault.PROTECTED);
        assertThat(v.fault.origin).isEqualTo(origin);
        assertThat(v.fault.rip).isEqualTo(rip);
        assertThat(v.rip).isEqualTo(rip);
        assertThat(v.instructions).isEqualTo(instructions);
    }

    @Test
    void everyInstructionIsCountedOnce() {
        // mov ecx, 1000; 1: inc rax; dec ecx; jnz 1b; hlt
        cpu.put(CODE, "B9 E8 03 00 00" + INC_RAX + "FF C9 75 F9" + HLT);

        runsToHalt();

        assertThat(v.gpr[RAX]).isEqualTo(1000);
        assertThat(v.instructions).isEqualTo(1 + 3 * 1000 + 1);
        assertThat(v.rip).isEqualTo(CODE + 13);
    }

    /**
     * As after an update of the bundle that the former engine came from: its classes are others.
     */
    @Test
    void whatAFormerEngineLeftIsNotTaken() {
        v.staged = new EngineScratch() {};
        v.fpu = new EngineScratch() {};
        v.system = new EngineScratch() {};
        v.debug = new EngineScratch() {};
        v.gpr[RBX] = DATA + 0xFFC; // crosses a page: staged
        // finit; fld1; fistp qword [rbx]; mov rax, [rbx]; int3 (through an empty IDT: a triple
        // fault)
        cpu.put(CODE, "9B DB E3 D9 E8 DF 3B 48 8B 03 CC");
        v.idtLimit = 0;

        assertThat(cpu.engine.run()).isEqualTo(VcpuLoop.EXIT_SHUTDOWN);

        assertThat(v.gpr[RAX]).isEqualTo(1);
    }

    /** Whatever was flushed before: no empty entry is a translation of the last page of all. */
    @Test
    void theLastPageIsNotThereUnderAlignmentChecking() {
        for (int at : new int[] {0x1000, 0x2000, 0x3000, LongModeVcpu.entryOf(CODE)}) {
            cpu.put64(at, cpu.get64(at) | 4); // user's
        }
        cpu.put(CODE, "48 8B 03"); // mov rax, [rbx]
        v.segSel[Segments.CS] = 0x1B;
        v.segSel[Segments.SS] = 0x23;
        v.segAttr[Segments.CS] |= 3 << Segments.DPL_SHIFT;
        v.segAttr[Segments.SS] |= 3 << Segments.DPL_SHIFT;
        v.cr0 |= VcpuContext.CR0_AM;
        v.setFlags(VcpuContext.AC);
        v.recompute();
        v.gpr[RAX] = 1;
        v.gpr[RBX] = -8;
        v.idtLimit = 0;
        for (int i = 0; i < 3000; i++) {
            v.flushTranslations();
            v.cr2 = 0;
            v.shutdownReason = null;
            cpu.start(CODE);
            assertThat(cpu.engine.run()).isEqualTo(VcpuLoop.EXIT_SHUTDOWN);
            assertThat(v.cr2).isEqualTo(-8);
            assertThat(v.gpr[RAX]).isEqualTo(1);
        }
    }

    /** The displacement, and the place in the page, are together more than an int holds. */
    @ParameterizedTest
    @CsvSource({"E9, 5", "E8, 5", "0F 83, 6"}) // jmp, call, jnc
    void aBranchGoesTwoGiBForward(String opcode, int length) {
        v.gdtLimit = 0;
        v.idtLimit = 0;
        for (boolean step : new boolean[] {true, false}) {
            cpu.put(CODE + 0xF80, opcode + "FE FF FF 7F");
            v.setFlags(2);
            cpu.start(CODE + 0xF80);
            int exit = step ? cpu.engine.step() : cpu.engine.run(); // nothing is mapped there
            assertThat(exit).isEqualTo(step ? VcpuLoop.EXIT_REQUEST : VcpuLoop.EXIT_SHUTDOWN);
            assertThat(v.rip).isEqualTo(CODE + 0xF80 + length + 0x7FFF_FFFEL);
        }
    }

    @Test
    void stepsCountLikeRuns() {
        cpu.put(CODE, "B9 03 00 00 00" + INC_RAX + "FF C9 75 F9" + HLT);
        int steps = 0;
        int exit;
        do {
            exit = cpu.engine.step();
            steps++;
            assertThat(v.instructions).isEqualTo(steps);
        } while (exit == VcpuLoop.EXIT_REQUEST);

        assertThat(exit).isEqualTo(VcpuLoop.EXIT_HALT);
        assertThat(steps).isEqualTo(1 + 3 * 3 + 1);
    }

    @Test
    void aFaultFindsItsInstructionWhereverItIsInTheBlock() {
        v.gpr[RBX] = DATA;
        for (int before = 0; before < 60; before++) {
            cpu.protection.userLayer().protectPage(DATA >>> 12, Rights.NONE);
            int code = CODE + before * 0x400;
            cpu.put(code, INC_RAX.repeat(before) + STORE_RAX_AT_RBX + INC_RAX + HLT);
            v.gpr[RAX] = 0;
            cpu.start(code);

            faults(FaultOrigin.DATA, code + 3 * before, before);
            assertThat(v.gpr[RAX]).isEqualTo(before);
            faults(FaultOrigin.DATA, code + 3 * before, before);

            cpu.protection.userLayer().protectPage(DATA >>> 12, Rights.RWX);
            runsToHalt();
            assertThat(cpu.get64(DATA)).isEqualTo(before);
            assertThat(v.instructions).isEqualTo(before + 3);
        }
    }

    @Test
    void aFaultAfterATakenAndAnUntakenBranchIsExact() {
        // test rcx, rcx; jnz +3; inc rax; mov [rbx], rax; hlt
        cpu.put(CODE, "48 85 C9 75 03" + INC_RAX + STORE_RAX_AT_RBX + HLT);
        v.gpr[RBX] = DATA;
        cpu.protection.userLayer().protectPage(DATA >>> 12, Rights.R);
        for (int taken = 0; taken < 2; taken++) {
            v.gpr[RCX] = taken;
            cpu.start(CODE);
            faults(FaultOrigin.DATA, CODE + 8, 3 - taken);
        }
    }

    @Test
    void accessesAndFaultsAllocateNothing() {
        // mov rcx, [rbx]; mov [rbx], rax; inc rax; jmp to the start
        cpu.put(CODE, "48 8B 0B" + STORE_RAX_AT_RBX + INC_RAX + "EB F5");
        v.gpr[RBX] = DATA;
        cpu.protection.userLayer().protectPage(DATA >>> 12, Rights.R);
        com.sun.management.ThreadMXBean threads =
                (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
        int rounds = 20_000;
        for (int i = 0; i < rounds; i++) {
            faultOnce();
        }
        long before = threads.getCurrentThreadAllocatedBytes();
        for (int i = 0; i < rounds; i++) {
            faultOnce();
        }
        long bytes = threads.getCurrentThreadAllocatedBytes() - before;

        // The JVM's own bookkeeping may allocate something once, whatever the number of faults.
        assertThat(bytes / rounds).as("bytes per fault; in all %d", bytes).isZero();
    }

    private void faultOnce() {
        v.rip = CODE;
        if (cpu.engine.run() != VcpuLoop.EXIT_FAULT || v.rip != CODE + 3) {
            throw new AssertionError("no fault, rip " + Long.toHexString(v.rip));
        }
    }

    @Test
    void aStoreIntoTheRunningBlockTakesEffectAtOnce() {
        // mov byte [rip+0], 0xC8 turns the "inc rax" behind it (48 FF C0) into "dec rax" (48 FF C8)
        String code = "C6 05 02 00 00 00 C8" + INC_RAX + HLT;
        cpu.put(CODE, code);
        v.gpr[RAX] = 5;

        runsToHalt();

        assertThat(v.gpr[RAX]).isEqualTo(4);
        assertThat(v.instructions).isEqualTo(3);
    }

    @Test
    void aStoreIntoCodeThatRanTakesEffect() {
        // 1: inc rax; cmp rax, 1; jne 2f; mov byte [rip-15], 0xC8; jmp 1b; 2: hlt
        cpu.put(CODE, INC_RAX + "48 83 F8 01 75 09 C6 05 F2 FF FF FF C8 EB EE" + HLT);

        runsToHalt();

        assertThat(v.gpr[RAX]).as("incremented once, then decremented").isZero();
    }

    @Test
    void codeWrittenThroughASecondMappingIsSeen() {
        int alias = 0x50000;
        cpu.map(alias, CODE);
        // inc rax; hlt; then after a restart: mov byte [rbx], 0xC8; jmp to the start
        cpu.put(CODE, INC_RAX + HLT);
        cpu.put(CODE + 0x100, "C6 03 C8 E9 F8 FE FF FF");
        runsToHalt();
        v.gpr[RBX] = alias + 2;
        cpu.start(CODE + 0x100);

        runsToHalt();

        assertThat(v.gpr[RAX]).isZero();
    }

    /** Not another linear page of one gfn, but another gfn of the same bytes. */
    @Test
    void codeWrittenThroughASecondSlotIsSeen() {
        int alias = 0x60000;
        cpu.memory.map(
                LongModeVcpu.RAM,
                0x1000,
                cpu.memory.slots().getFirst().block(),
                CODE + 0x1000,
                false);
        cpu.map(alias, LongModeVcpu.RAM);
        v.gpr[RBX] = alias;
        // In a page that nobody shares: mov byte [rbx+9], 0xC0; jmp to the second page
        cpu.put(CODE, "C6 43 09 C0" + "E9 F7 0F 00 00");
        // There: mov byte [rbx+9], 0xC8, which turns the "inc rax" behind it into "dec rax"
        cpu.put(CODE + 0x1000, "C6 83 09 00 00 00 C8" + INC_RAX + HLT);
        for (int round = 1; round <= 3; round++) {
            v.gpr[RAX] = 10;
            cpu.start(CODE);
            runsToHalt();
            assertThat(v.gpr[RAX]).as("round %d", round).isEqualTo(9);
        }
    }

    @Test
    void anInstructionMayCrossIntoAnotherPage() {
        int end = CODE + 0x1000;
        // mov eax, imm32, its last two bytes in the next page
        cpu.put(end - 3, "B8 11 22 33 44" + HLT);
        cpu.put(CODE + 0x5000, "55 66" + HLT);
        cpu.start(end - 3);
        runsToHalt();
        assertThat(v.gpr[RAX]).isEqualTo(0x44332211);

        // invlpg [rdi]; jmp: the second page is another one now
        cpu.map(end, CODE + 0x5000);
        v.gpr[RDI] = end;
        cpu.put(CODE, INVLPG_RDI + "E9 F5 0F 00 00");
        cpu.start(CODE);
        runsToHalt();
        assertThat(v.gpr[RAX]).isEqualTo(0x66552211);
    }

    @Test
    void aFetchIsStoppedBeforeItsInstruction() {
        int end = CODE + 0x1000;
        cpu.put(end - 6, INC_RAX + "B8 11 22 33 44" + HLT);
        cpu.protection.userLayer().protectPage(end >>> 12, Rights.R);
        cpu.start(end - 6);

        faults(FaultOrigin.FETCH, end - 3, 1);
        assertThat(v.gpr[RAX]).isEqualTo(1);

        cpu.protection.userLayer().protectPage(end >>> 12, Rights.RWX);
        runsToHalt();
        assertThat(v.gpr[RAX]).isEqualTo(0x44332211);
        assertThat(v.instructions).isEqualTo(3);
    }

    @Test
    void aJumpToAProtectedPageFaultsAtItsTarget() {
        int target = CODE + 0x2000;
        cpu.put(CODE, INC_RAX + "E9 F8 1F 00 00");
        cpu.put(target, HLT);
        cpu.protection.userLayer().protectPage(target >>> 12, Rights.NONE);

        faults(FaultOrigin.FETCH, target, 2);

        cpu.protection.userLayer().protectPage(target >>> 12, Rights.RWX);
        runsToHalt();
    }

    @Test
    void remappedCodeIsDecodedAnew() {
        int lin = CODE + 0x1000;
        int other = CODE + 0x5000;
        cpu.put(lin, INC_RAX + HLT);
        cpu.put(other, INC_RAX.repeat(7) + HLT);
        cpu.start(lin);
        runsToHalt();
        assertThat(v.gpr[RAX]).isEqualTo(1);

        cpu.map(lin, other);
        v.gpr[RDI] = lin;
        cpu.put(CODE, INVLPG_RDI + "E9 F8 0F 00 00");
        cpu.start(CODE);
        runsToHalt();
        assertThat(v.gpr[RAX]).isEqualTo(8);
    }

    @Test
    void codeThatAnotherThreadWritesIsSeen() throws InterruptedException {
        cpu.put(CODE, INC_RAX + HLT);
        runsToHalt();

        Thread t =
                new Thread(() -> {
                    cpu.put(CODE, "48 FF C8");
                    cpu.mmu.codeWritten(CODE, 3);
                });
        t.start();
        t.join();
        cpu.start(CODE);
        runsToHalt();

        assertThat(v.gpr[RAX]).isZero();
    }

    @Test
    void aLoopWithoutEndObeysAStopRequest() throws InterruptedException {
        v.gpr[RBX] = DATA;
        cpu.put(CODE, "48 FF 03 EB FB"); // inc qword [rbx]; jmp $-3
        Thread t =
                new Thread(() -> {
                    HangGuard.until("the guest counts", () -> cpu.get64(DATA) > 100_000);
                    v.post(VcpuContext.REQ_STOP);
                });
        t.start();

        assertThat(cpu.engine.run()).isEqualTo(VcpuLoop.EXIT_REQUEST);

        t.join();
        assertThat(v.rip).isIn((long) CODE, CODE + 3L);
    }
}
