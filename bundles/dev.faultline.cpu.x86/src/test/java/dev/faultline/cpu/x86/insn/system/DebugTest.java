// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.system;

import static dev.faultline.cpu.x86.insn.system.Rig.CODE;
import static dev.faultline.cpu.x86.insn.system.Rig.CS64;
import static dev.faultline.cpu.x86.insn.system.Rig.gate;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.protection.Rights;
import dev.faultline.cpu.x86.debug.Debug;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Single-stepping and breakpoints. SDM 3B, "Debug Exceptions". */
class DebugTest {
    private static final int HANDLER = 0x9000;

    private static Rig rig(String code) {
        Rig r = new Rig().long64(0).code(code).bytes(HANDLER, "48cf");
        r.idt64(1, gate(0xE, 0, CS64, HANDLER, 0), 0);
        r.idt64(0x30, gate(0xF, 0, CS64, HANDLER, 0), 0);
        return r;
    }

    private static void arm(Rig r, int index, long address, int kind, int length) {
        r.v.dr[index] = address;
        r.v.dr[7] |= 2L << 2 * index | (long) (length << 2 | kind) << 16 + 4 * index;
    }

    @Test
    void nothingIsNeededUnarmed() {
        assertFalse(Debug.needed(rig("f4").v));
    }

    @Test
    void trapFlagTrapsAfterTheNextInstruction() {
        // popfq sets TF; the instruction after it is trapped
        Rig r = rig("9d 0f09 0f09");
        r.put((int) r.v.gpr[4], 8, 0x102);
        r.step();
        assertEquals(CODE + 1, r.v.rip);
        assertTrue(Debug.needed(r.v));
        r.step();
        assertEquals(HANDLER, r.v.rip);
        assertEquals(CODE + 3, r.get(r.v.gpr[4], 8));
        assertEquals(Debug.DR6_BS, r.v.dr[6] & Debug.DR6_BS);
        assertEquals(VcpuContext.TF, r.get(r.v.gpr[4] + 16, 8) & VcpuContext.TF);
        assertEquals(0, r.v.eflags & VcpuContext.TF);
    }

    @Test
    void intnDoesNotTrapInTheHandler() {
        Rig r = rig("cd30");
        r.v.eflags |= VcpuContext.TF;
        r.step();
        assertEquals(HANDLER, r.v.rip);
        assertEquals(CODE + 2, r.get(r.v.gpr[4], 8));
    }

    @Test
    void movSsHoldsTheTrapOff() {
        Rig r = rig("8ed0 0f09");
        r.v.gpr[0] = Rig.DS0;
        r.v.eflags |= VcpuContext.TF;
        r.step();
        assertEquals(CODE + 2, r.v.rip);
        r.step();
        assertEquals(HANDLER, r.v.rip);
        assertEquals(CODE + 4, r.get(r.v.gpr[4], 8));
    }

    @Test
    void instructionBreakpointIsAFaultThatRfPasses() {
        Rig r = rig("0f09 0f09");
        arm(r, 1, CODE, 0, 0);
        r.step();
        assertEquals(HANDLER, r.v.rip);
        long sp = r.v.gpr[4];
        assertEquals(CODE, r.get(sp, 8));
        assertEquals(2, r.v.dr[6] & 0xF);
        // The handler sets RF in the image and returns.
        r.put((int) sp + 16, 8, VcpuContext.RF | 2);
        r.step();
        assertEquals(CODE, r.v.rip);
        r.step();
        assertEquals(CODE + 2, r.v.rip);
        assertEquals(0, r.v.eflags & VcpuContext.RF);
    }

    @ParameterizedTest(name = "{0} bytes, kind {1}, write of 8 at {2}: {3}")
    @CsvSource({
        "0, 1, A000, true", "0, 1, A007, true", "0, 1, A008, false", "0, 1, 9FFF, false",
        "3, 1, 9FFE, false", "3, 3, A006, true", "2, 1, 9FF9, false", "2, 1, A000, true",
    })
    void dataBreakpointOnWrites(int length, int kind, String address, boolean hit) {
        // str-like store of 8 bytes: mov [0xa000], rax
        Rig r = rig("4889042500a00000");
        arm(r, 2, Long.parseLong(address, 16), kind, length);
        r.step();
        assertEquals(hit ? HANDLER : CODE + 8, r.v.rip);
        assertEquals(hit ? 4 : 0, r.v.dr[6] & 0xF);
    }

    @Test
    void readsMeetOnlyReadWriteBreakpoints() {
        // mov rax, [0xa000] twice
        Rig r = rig("488b042500a00000 488b042500a00000");
        arm(r, 0, 0xA000, 1, 0);
        r.step();
        assertEquals(CODE + 8, r.v.rip);
        arm(r, 0, 0xA000, 3, 0);
        r.step();
        assertEquals(HANDLER, r.v.rip);
        assertEquals(CODE + 16, r.get(r.v.gpr[4], 8));
    }

    @Test
    void aFaultingInstructionReportsNoDataBreakpoint() {
        Rig r = rig("4889042500a00000 0f09");
        arm(r, 0, 0xA000, 1, 0);
        r.protection.userLayer().protectPage(0xA, Rights.NONE);
        r.step();
        r.protection.userLayer().protectPage(0xA, Rights.RWX);
        r.v.rip = CODE + 8;
        r.step();
        assertEquals(CODE + 10, r.v.rip);
    }

    @Test
    void portBreakpointUnderDe() {
        Rig r = rig("e4 61 e4 61");
        arm(r, 0, 0x60, 2, 1);
        r.step();
        assertEquals(CODE + 2, r.v.rip);
        r.v.cr4 |= VcpuContext.CR4_DE;
        r.step();
        assertEquals(HANDLER, r.v.rip);
    }

    // ---- after a load of SS: SDM 3A, "Masking Exceptions and Interrupts When Switching Stacks"

    /** What the memory operand of MOV SS is, where the stack pointer of POP SS points. */
    private static final int OPERAND = 0xA000;

    /** Loads of SS that read {@link #OPERAND}: 64-bit code can only move. */
    private static final String MOV_SS = "8e142500a00000";

    /** Vector 1 of a rig is a watch on the operand of a load of SS. */
    private static Rig watched(String code) {
        Rig r = rig(code).put(OPERAND, 2, Rig.DS0);
        arm(r, 0, OPERAND, 3, 1);
        return r;
    }

    private static long conditions(Rig r) {
        return r.v.dr[6] & 0xF00F;
    }

    @Test
    void instructionBreakpointAfterMovSsIsSuppressed() {
        // mov ss, eax; wbinvd; wbinvd
        Rig r = rig("8ed0 0f09 0f09");
        r.v.gpr[0] = Rig.DS0;
        arm(r, 0, CODE + 2, 0, 0);
        arm(r, 1, CODE + 4, 0, 0);
        r.steps(2);
        assertEquals(CODE + 4, r.v.rip);
        assertEquals(0, conditions(r));
        r.step();
        assertEquals(HANDLER, r.v.rip);
        assertEquals(CODE + 4, r.get(r.v.gpr[4], 8));
        assertEquals(2, conditions(r));
    }

    @Test
    void instructionBreakpointAfterPopSsIsSuppressed() {
        // pop ss; nop; nop
        Rig r = new Rig().protected32(0).code("17 90 90").bytes(HANDLER, "cf");
        r.idt32(1, gate(0xE, 0, Rig.CS0, HANDLER, 0));
        r.put((int) r.v.gpr[4], 4, Rig.DS0);
        arm(r, 0, CODE + 1, 0, 0);
        arm(r, 1, CODE + 2, 0, 0);
        r.steps(3);
        assertEquals(HANDLER, r.v.rip);
        assertEquals(CODE + 2, r.get(r.v.gpr[4], 4));
    }

    @Test
    void lssAndStiSuppressNothing() {
        // lss esp, [OPERAND] in 32-bit code: no shadow
        Rig r = new Rig().protected32(0).code("0fb22500a00000 90").bytes(HANDLER, "cf");
        r.idt32(1, gate(0xE, 0, Rig.CS0, HANDLER, 0));
        r.put(OPERAND, 4, Rig.STACK0).put(OPERAND + 4, 2, Rig.DS0);
        arm(r, 0, CODE + 7, 0, 0);
        r.steps(2);
        assertEquals(HANDLER, r.v.rip);
        // sti; wbinvd
        Rig sti = rig("fb 0f09");
        arm(sti, 0, CODE + 1, 0, 0);
        sti.steps(2);
        assertEquals(HANDLER, sti.v.rip);
    }

    @Test
    void ofConsecutiveLoadsOnlyTheFirstSuppresses() {
        // mov ss, eax; mov ss, eax; wbinvd
        Rig r = rig("8ed0 8ed0 0f09");
        r.v.gpr[0] = Rig.DS0;
        arm(r, 0, CODE + 2, 0, 0);
        arm(r, 1, CODE + 4, 0, 0);
        r.steps(2);
        assertFalse(r.v.interruptShadow);
        r.step();
        assertEquals(HANDLER, r.v.rip);
        assertEquals(CODE + 4, r.get(r.v.gpr[4], 8));
        assertEquals(2, conditions(r));
    }

    @Test
    void movSsAfterStiStillSuppresses() {
        // sti; mov ss, eax; wbinvd
        Rig r = rig("fb 8ed0 0f09");
        r.v.gpr[0] = Rig.DS0;
        arm(r, 0, CODE + 3, 0, 0);
        r.steps(2);
        assertTrue(r.v.interruptShadow);
        r.step();
        assertEquals(CODE + 5, r.v.rip);
        assertFalse(r.v.interruptShadow);
    }

    @Test
    void watchOnMovSsWaitsForTheNextInstruction() {
        Rig r = watched(MOV_SS + "0f09");
        r.v.eflags |= VcpuContext.TF;
        r.step();
        assertEquals(CODE + 7, r.v.rip);
        assertEquals(0, conditions(r));
        r.step();
        // One trap tells both.
        assertEquals(HANDLER, r.v.rip);
        assertEquals(CODE + 9, r.get(r.v.gpr[4], 8));
        assertEquals(1 | Debug.DR6_BS, conditions(r));
        assertEquals(0, r.v.pendingDebug);
    }

    @Test
    void watchOnMovSsAndBreakpointOnTheNextGiveOneTrap() {
        Rig r = watched(MOV_SS + "0f09");
        arm(r, 1, CODE + 7, 0, 0);
        r.steps(2);
        assertEquals(HANDLER, r.v.rip);
        assertEquals(CODE + 9, r.get(r.v.gpr[4], 8));
        assertEquals(1, conditions(r));
        r.step();
        assertEquals(CODE + 9, r.v.rip);
    }

    /** INT1 enters the handler without the trap that waited, also when TF is set. */
    @ParameterizedTest(name = "{0}")
    @CsvSource({"f1, 0", "2e2ef1, 0", "f1, 100"})
    void int1SupersedesTheTrapThatWaits(String int1, String flags) {
        Rig r = watched(MOV_SS + int1 + "0f09");
        r.v.eflags |= Integer.parseInt(flags, 16);
        r.steps(2);
        assertEquals(HANDLER, r.v.rip);
        assertEquals(CODE + 7 + int1.length() / 2, r.get(r.v.gpr[4], 8));
        assertEquals(0, conditions(r));
        assertEquals(0, r.v.pendingDebug);
        r.step();
        // iretq ran: no second #DB in the handler
        assertEquals(CODE + 7 + int1.length() / 2, r.v.rip);
    }

    /**
     * INT n, INT3, INTO enter their handlers; the trap comes before the first instruction there.
     */
    @ParameterizedTest(name = "{0}")
    @CsvSource({"cd30, 9800", "cc, 9800", "cd03, 9800", "2e2ecc, 9800", "cd01, 9000", "cd04, 9800"})
    void softwareInterruptsThenTrapInTheirHandlers(String code, String entry) {
        Rig r = watched(MOV_SS + code);
        int other = 0x9800;
        for (int vector : new int[] {3, 4, 0x30}) {
            r.idt64(vector, gate(0xF, 0, CS64, other, 0), 0);
        }
        r.steps(2);
        assertEquals(HANDLER, r.v.rip);
        assertEquals(Integer.parseInt(entry, 16), r.get(r.v.gpr[4], 8));
        assertEquals(1, conditions(r));
        r.step();
        assertEquals(Integer.parseInt(entry, 16), r.v.rip);
    }

    @Test
    void intoAfterMovSsTrapsInItsHandler() {
        // mov ss, [OPERAND]; into
        Rig r = new Rig().protected32(0).code("8e1500a00000 ce").put(OPERAND, 2, Rig.DS0);
        r.bytes(HANDLER, "cf").idt32(1, gate(0xE, 0, Rig.CS0, HANDLER, 0));
        r.idt32(4, gate(0xE, 0, Rig.CS0, 0x9800, 0));
        arm(r, 0, OPERAND, 3, 1);
        r.v.setFlags(VcpuContext.OF | 2);
        r.steps(2);
        assertEquals(HANDLER, r.v.rip);
        assertEquals(0x9800, r.get(r.v.gpr[4], 4));
    }

    @Test
    void syscallAndSysenterAfterMovSsTrapAtTheirTargets() {
        Rig r = watched(MOV_SS + "0f05");
        r.v.lstar = 0x9800;
        r.v.star = (long) CS64 << 32;
        r.steps(2);
        assertEquals(HANDLER, r.v.rip);
        assertEquals(0x9800, r.get(r.v.gpr[4], 8));
        Rig e = watched(MOV_SS + "0f34");
        e.v.sysenterCs = CS64;
        e.v.sysenterEip = 0x9800;
        e.v.sysenterEsp = Rig.STACK0;
        e.steps(2);
        assertEquals(HANDLER, e.v.rip);
        assertEquals(0x9800, e.get(e.v.gpr[4], 8));
    }

    /** UD2, a privileged instruction's #GP, #PF of a load, an INT n that may not. */
    @ParameterizedTest(name = "{0}: {1}")
    @CsvSource({"0f0b, 6", "0f22e0, 13", "8b042500002000, 14", "cd31, 13"})
    void aFaultDropsTheTrapThatWaits(String code, int vector) {
        Rig r = watched(MOV_SS + code);
        r.v.gpr[0] = -1; // no value for CR4
        r.idt64(vector, gate(0xE, 0, CS64, 0x9800, 0), 0);
        r.bytes(0x9800, "0f09");
        r.steps(3);
        assertEquals(0x9802, r.v.rip);
        assertEquals(0, conditions(r));
        assertEquals(0, r.v.pendingDebug);
        assertFalse(r.v.debugShadow);
    }

    @Test
    void generalDetectIsNotSuppressedAndDropsTheTrapThatWaits() {
        // mov ss, [OPERAND]; mov dr6, rax
        Rig r = watched(MOV_SS + "0f23f0");
        r.v.dr[7] |= Debug.DR7_GD;
        r.steps(2);
        assertEquals(HANDLER, r.v.rip);
        long sp = r.v.gpr[4];
        assertEquals(CODE + 7, r.get(sp, 8));
        assertEquals(Debug.DR6_BD, conditions(r));
        assertEquals(0, r.v.dr[7] & Debug.DR7_GD);
        // A fault that is no instruction breakpoint: RF is set in the image.
        assertEquals(VcpuContext.RF, r.get(sp + 16, 8) & VcpuContext.RF);
        r.step();
        r.step();
        assertEquals(CODE + 10, r.v.rip);
    }

    @Test
    void haltAfterMovSsIsLeftByTheTrapThatWaits() {
        Rig r = watched(MOV_SS + "f4");
        r.steps(2);
        assertEquals(HANDLER, r.v.rip);
        assertEquals(VcpuContext.RUNNING, r.v.activity);
        assertEquals(CODE + 8, r.get(r.v.gpr[4], 8));
    }

    @Test
    void haltTrapsWhenSingleStepped() {
        Rig r = rig("fb f4");
        r.v.eflags |= VcpuContext.TF;
        r.step();
        assertEquals(HANDLER, r.v.rip); // after STI: its shadow holds no trap off
        assertEquals(CODE + 1, r.get(r.v.gpr[4], 8));
        r.steps(2);
        assertEquals(HANDLER, r.v.rip);
        assertEquals(CODE + 2, r.get(r.v.gpr[4], 8));
    }

    @Test
    void interruptsAndNmisWaitForTheTrapAfterTheShadow() {
        Rig r = watched(MOV_SS + "0f09");
        r.idt64(2, gate(0xE, 0, CS64, 0x9800, 0), 0);
        r.step();
        r.interrupts.nmi = true;
        r.interrupts.vector = 0x30;
        r.v.eflags |= VcpuContext.IF;
        r.step();
        assertEquals(HANDLER, r.v.rip);
        assertEquals(1, conditions(r));
        r.step();
        assertEquals(0x9800, r.v.rip);
    }

    // ---- other ways into and out of single-stepping

    @Test
    void sysretThatLoadsTfTrapsAtOnce() {
        // Unlike IRET, whose TF takes effect after the next instruction.
        Rig r = rig("480f07");
        r.v.star = (long) (Rig.CS64_3 - 16) << 48;
        r.v.gpr[1] = 0x9800;
        r.v.gpr[11] = VcpuContext.TF | 2;
        r.bytes(0x9800, "90");
        r.step();
        assertEquals(0x9800, r.v.rip);
        assertEquals(3, r.v.cpl);
        r.interrupts.nmi = true; // the trap has priority
        r.step();
        assertEquals(HANDLER, r.v.rip);
        assertEquals(0x9800, r.get(r.v.gpr[4], 8));
        assertEquals(Rig.CS64_3, r.get(r.v.gpr[4] + 8, 8));
        assertEquals(Debug.DR6_BS, conditions(r));
    }

    @Test
    void syscallThatMasksTfDoesNotTrapAndSysenterDoes() {
        Rig r = rig("0f05").bytes(0x9800, "0f09");
        r.v.lstar = 0x9800;
        r.v.star = (long) CS64 << 32;
        r.v.fmask = VcpuContext.TF;
        r.v.eflags |= VcpuContext.TF;
        r.step();
        assertEquals(0x9800, r.v.rip);
        Rig e = rig("0f34");
        e.v.sysenterCs = CS64;
        e.v.sysenterEip = 0x9800;
        e.v.sysenterEsp = Rig.STACK0;
        e.v.eflags |= VcpuContext.TF;
        e.step();
        assertEquals(HANDLER, e.v.rip);
        assertEquals(0x9800, e.get(e.v.gpr[4], 8));
    }

    @Test
    void iretThatLoadsTfTrapsAfterTheNextInstruction() {
        Rig r = rig("48cf").bytes(0x9800, "0f09");
        long[] frame = {0x9800, CS64, VcpuContext.TF | 2, Rig.STACK0, Rig.DS0};
        for (int i = 0; i < frame.length; i++) {
            r.put((int) r.v.gpr[4] + 8 * i, 8, frame[i]);
        }
        r.step();
        assertEquals(0x9800, r.v.rip);
        r.step();
        assertEquals(HANDLER, r.v.rip);
        assertEquals(0x9802, r.get(r.v.gpr[4], 8));
    }

    /** The frame of a far transfer is data: IRETQ and far RET read it, INT n and far CALL push. */
    @ParameterizedTest(name = "{0}, {1} bytes from the stack pointer")
    @CsvSource({"48cf, 16", "48cb, 8", "cd31, -8", "cd31, -40", "48ff1c2500a00000, -16"})
    void framesMeetDataBreakpoints(String code, int delta) {
        Rig r = rig(code);
        r.idt64(0x31, gate(0xF, 0, CS64, 0x9800, 0), 0);
        r.put(OPERAND, 8, 0x9800).put(OPERAND + 8, 2, CS64);
        long sp = r.v.gpr[4];
        long[] frame = {0x9800, CS64, 2, Rig.STACK0, Rig.DS0};
        for (int i = 0; i < frame.length; i++) {
            r.put((int) sp + 8 * i, 8, frame[i]);
        }
        arm(r, 3, sp + delta, 3, 0);
        r.step();
        assertEquals(HANDLER, r.v.rip);
        assertEquals(0x9800, r.get(r.v.gpr[4], 8));
        assertEquals(8, conditions(r));
    }

    @Test
    void repeatedStringTrapsAfterEachIterationWithRf() {
        // rep stosb with a watch on its second byte, a breakpoint on itself that RF passes
        Rig r = rig("f3aa 0f09");
        r.v.gpr[1] = 3;
        r.v.gpr[7] = OPERAND;
        arm(r, 0, OPERAND + 1, 1, 0);
        r.steps(2);
        assertEquals(HANDLER, r.v.rip);
        long sp = r.v.gpr[4];
        assertEquals(CODE, r.get(sp, 8));
        assertEquals(VcpuContext.RF, r.get(sp + 16, 8) & VcpuContext.RF);
        assertEquals(1, r.v.gpr[1]);
        r.steps(2);
        assertEquals(CODE + 2, r.v.rip);
        assertEquals(0, r.v.eflags & VcpuContext.RF);
    }

    /**
     * An interrupt between iterations pushes RF; after the last, or between others, it does not.
     */
    @ParameterizedTest(name = "rcx {0}, NMI {1}: RF {2}")
    @CsvSource({"200, false, true", "200, true, true", "1, false, false", "1, true, false"})
    void interruptBetweenIterationsPushesRf(long rcx, boolean nmi, boolean rf) {
        // std; rep stosb: chunks of 64
        Rig r = rig("fd f3aa 0f09");
        r.idt64(2, gate(0xE, 0, CS64, 0x9800, 0), 0);
        r.idt64(0x31, gate(0xE, 0, CS64, 0x9800, 0), 0);
        r.v.gpr[1] = rcx;
        r.v.gpr[7] = OPERAND + 0x400;
        r.v.eflags |= VcpuContext.IF;
        r.steps(2);
        assertEquals(rf ? CODE + 1 : CODE + 3, r.v.rip);
        r.interrupts.nmi = nmi;
        r.interrupts.vector = nmi ? -1 : 0x31;
        r.step();
        assertEquals(0x9800, r.v.rip);
        assertEquals(rf, (r.get(r.v.gpr[4] + 16, 8) & VcpuContext.RF) != 0);
        assertEquals(0, r.v.eflags & VcpuContext.RF);
    }

    /** The same rip after as many instructions, but in a state that is given from outside. */
    @Test
    void aResetEndsARepetition() {
        Rig r = rig("fd f3aa 0f09");
        r.v.gpr[1] = 200;
        r.v.gpr[7] = OPERAND + 0x400;
        r.steps(2);
        assertTrue(r.v.repeating());
        long rip = r.v.rip;
        long instructions = r.v.instructions;
        r.v.reset(r.v.cpuid);
        r.v.rip = rip;
        r.v.instructions = instructions;
        assertFalse(r.v.repeating());
    }

    @Test
    void aBreakpointStopsARepetitionOnceAlthoughInterruptsComeBetween() {
        // rep stosb with a breakpoint on itself, whose handler sets RF in the image
        Rig r = rig("f3aa 0f09").bytes(0x9800, "48cf");
        r.idt64(0x31, gate(0xE, 0, CS64, 0x9800, 0), 0);
        r.v.gpr[1] = 3;
        r.v.gpr[7] = OPERAND;
        arm(r, 0, CODE, 0, 0);
        r.step();
        assertEquals(HANDLER, r.v.rip);
        r.put((int) r.v.gpr[4] + 16, 8, VcpuContext.RF | VcpuContext.IF | 2);
        r.steps(2);
        assertEquals(2, r.v.gpr[1]);
        r.interrupts.vector = 0x31;
        r.step();
        assertEquals(0x9800, r.v.rip);
        r.steps(4); // iretq, two iterations, wbinvd
        assertEquals(CODE + 4, r.v.rip);
        assertEquals(0, r.v.gpr[1]);
    }
}
