// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.system;

import static dev.faultline.cpu.x86.insn.system.Rig.CODE;
import static dev.faultline.cpu.x86.insn.system.Rig.CONFORMING;
import static dev.faultline.cpu.x86.insn.system.Rig.CS0;
import static dev.faultline.cpu.x86.insn.system.Rig.CS16;
import static dev.faultline.cpu.x86.insn.system.Rig.CS3;
import static dev.faultline.cpu.x86.insn.system.Rig.CS64;
import static dev.faultline.cpu.x86.insn.system.Rig.CS64_3;
import static dev.faultline.cpu.x86.insn.system.Rig.DS0;
import static dev.faultline.cpu.x86.insn.system.Rig.DS3;
import static dev.faultline.cpu.x86.insn.system.Rig.FREE;
import static dev.faultline.cpu.x86.insn.system.Rig.GDT;
import static dev.faultline.cpu.x86.insn.system.Rig.STACK0;
import static dev.faultline.cpu.x86.insn.system.Rig.STACK3;
import static dev.faultline.cpu.x86.insn.system.Rig.TR;
import static dev.faultline.cpu.x86.insn.system.Rig.TSS;
import static dev.faultline.cpu.x86.insn.system.Rig.descriptor;
import static dev.faultline.cpu.x86.insn.system.Rig.gate;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.faultline.api.cpu.Segments;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.fault.PendingFault;
import dev.faultline.cpu.x86.debug.Debug;
import dev.faultline.cpu.x86.run.RunLoop;
import dev.faultline.cpu.x86.transfer.Events;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Delivery through the IVT and IDT: frames, flags, rings, and each check with its error code. SDM
 * 3A, "Interrupt and Exception Handling".
 */
class EventsTest {
    private static final int NO_CODE = PendingFault.NO_ERROR_CODE;
    private static final int HANDLER = 0x9000;

    private static int deliver(Rig r, int vector, int code, int kind) {
        return Events.deliver(r.v, vector, code, kind, 0);
    }

    @Test
    void realModePushesFlagsCsIpAndClearsIf() {
        Rig r = new Rig().real();
        r.put(4 * 0x21, 4, 0x0123_4567);
        r.v.eflags |= VcpuContext.IF | VcpuContext.TF;
        assertEquals(0, deliver(r, 0x21, NO_CODE, Events.EXTERNAL));
        assertEquals(0x0123, r.v.segSel[Segments.CS]);
        assertEquals(0x1230, r.v.segBase[Segments.CS]);
        assertEquals(0x4567, r.v.rip);
        assertEquals(STACK0 - 6, r.v.gpr[4]);
        assertEquals(CODE, r.get(STACK0 - 6, 2));
        assertEquals(0x302, r.get(STACK0 - 2, 2) & 0x302);
        assertEquals(0, r.v.eflags & (VcpuContext.IF | VcpuContext.TF));
    }

    @Test
    void realModeStackWrapsInItsSegment() {
        Rig r = new Rig().real();
        r.v.gpr[4] = 0xABCD_0002L;
        assertEquals(0, deliver(r, 0x21, NO_CODE, Events.EXTERNAL));
        assertEquals(0xABCD_FFFCL, r.v.gpr[4]);
        assertEquals(CODE, r.get(0xFFFC, 2));
    }

    @Test
    void long64SameRingAlignsTheStack() {
        Rig r = new Rig().long64(0);
        r.idt64(0x40, gate(0xE, 0, CS64, HANDLER, 0), 0x1);
        r.idt64(0x41, gate(0xE, 0, CS64, HANDLER, 0), 0);
        r.v.gpr[4] = STACK0 - 3;
        r.v.eflags |= VcpuContext.IF;
        assertEquals(0, deliver(r, 0x41, NO_CODE, Events.EXTERNAL));
        assertEquals(STACK0 - 16 - 40, r.v.gpr[4]);
        assertEquals(CODE, r.get(r.v.gpr[4], 8));
        assertEquals(CS64, r.get(r.v.gpr[4] + 8, 8));
        assertEquals(0x202, r.get(r.v.gpr[4] + 16, 8) & 0x302);
        assertEquals(STACK0 - 3, r.get(r.v.gpr[4] + 24, 8));
        assertEquals(DS0, r.get(r.v.gpr[4] + 32, 8));
        assertEquals(DS0, r.v.segSel[Segments.SS]);
        assertEquals(HANDLER, r.v.rip);
        assertEquals(0, r.v.eflags & VcpuContext.IF);
    }

    @Test
    void long64InnerRingLoadsRsp0AndNullSs() {
        Rig r = new Rig().long64(3);
        r.idt64(14, gate(0xF, 0, CS64, 0x8000_9000L, 0), 0xFFFF_FFFFL);
        r.v.eflags |= VcpuContext.IF;
        assertEquals(0, deliver(r, 14, 7, Events.EXCEPTION));
        assertEquals(0xFFFF_FFFF_8000_9000L, r.v.rip);
        assertEquals(0, r.v.cpl);
        assertEquals(0, r.v.segSel[Segments.SS]);
        assertEquals(STACK0 - 48, r.v.gpr[4]);
        assertEquals(7, r.get(STACK0 - 48, 8));
        assertEquals(CS64_3, r.get(STACK0 - 32, 8));
        assertEquals(DS3, r.get(STACK0 - 8, 8));
        // A fault pushes RF; a trap gate keeps IF.
        assertEquals(VcpuContext.RF, r.get(STACK0 - 24, 8) & VcpuContext.RF);
        assertEquals(VcpuContext.IF, r.v.eflags & VcpuContext.IF);
    }

    @Test
    void istReplacesTheStackInAnyRing() {
        Rig r = new Rig().long64(0);
        r.idt64(2, gate(0xE, 0, CS64, HANDLER, 3), 0);
        r.put(TSS + 0x24 + 16, 8, 0x5008);
        assertEquals(0, deliver(r, 2, NO_CODE, Events.NMI));
        assertEquals(0x5000 - 40, r.v.gpr[4]);
        assertEquals(DS0, r.v.segSel[Segments.SS]);
    }

    @Test
    void protectedSameRing() {
        Rig r = new Rig().protected32(0);
        r.idt32(13, gate(0xE, 0, CS0, HANDLER, 0));
        long sp = r.v.gpr[4];
        assertEquals(0, deliver(r, 13, 0x18, Events.EXCEPTION));
        assertEquals(sp - 16, r.v.gpr[4]);
        assertEquals(0x18, r.get(sp - 16, 4));
        assertEquals(CODE, r.get(sp - 12, 4));
        assertEquals(CS0, r.get(sp - 8, 4));
        assertEquals(0x1_0002, r.get(sp - 4, 4) & 0x1_0002);
    }

    @Test
    void protectedInnerRing() {
        Rig r = new Rig().protected32(3);
        r.idt32(0x80, gate(0xF, 3, CS0, HANDLER, 0));
        r.code("cd80");
        r.step();
        assertEquals(HANDLER, r.v.rip);
        assertEquals(CS0, r.v.segSel[Segments.CS]);
        assertEquals(DS0, r.v.segSel[Segments.SS]);
        assertEquals(STACK0 - 20, r.v.gpr[4]);
        assertEquals(CODE + 2, r.get(STACK0 - 20, 4));
        assertEquals(CS3, r.get(STACK0 - 16, 4));
        assertEquals(STACK3, r.get(STACK0 - 8, 4));
        assertEquals(DS3, r.get(STACK0 - 4, 4));
    }

    @Test
    void sixteenBitGatePushesWords() {
        Rig r = new Rig().protected32(3);
        r.idt32(0x80, gate(6, 3, CS0, 0xFFFF_9000L, 0));
        r.code("cd80");
        r.step();
        assertEquals(HANDLER, r.v.rip);
        assertEquals(STACK0 - 10, r.v.gpr[4]);
        assertEquals(CODE + 2, r.get(STACK0 - 10, 2));
        assertEquals(DS3, r.get(STACK0 - 2, 2));
    }

    @Test
    void conformingHandlerKeepsTheRing() {
        Rig r = new Rig().protected32(3);
        r.idt32(0x80, gate(0xE, 3, CONFORMING, HANDLER, 0));
        r.code("cd80");
        r.step();
        assertEquals(3, r.v.cpl);
        assertEquals(CONFORMING | 3, r.v.segSel[Segments.CS]);
        assertEquals(STACK3 - 12, r.v.gpr[4]);
    }

    @Test
    void fromV86PushesAndClearsTheDataSegments() {
        Rig r = new Rig().v86(3);
        r.idt32(13, gate(0xE, 0, CS0, HANDLER, 0));
        r.v.segSel[Segments.GS] = 0x1111;
        r.v.segSel[Segments.ES] = 0x4444;
        assertEquals(0, deliver(r, 13, 0, Events.EXCEPTION));
        assertEquals(STACK0 - 40, r.v.gpr[4]);
        assertEquals(0x1111, r.get(STACK0 - 4, 4));
        assertEquals(0x4444, r.get(STACK0 - 16, 4));
        assertEquals(VcpuContext.VM, r.get(STACK0 - 28, 4) & VcpuContext.VM);
        assertEquals(0, r.v.eflags & VcpuContext.VM);
        assertEquals(Segments.UNUSABLE, r.v.segAttr[Segments.GS]);
        assertEquals(0, r.v.cpl);
    }

    @Test
    void generalDetectIsClearedByTheDebugException() {
        Rig r = new Rig().protected32(0);
        r.idt32(1, gate(0xE, 0, CS0, HANDLER, 0));
        r.v.dr[7] |= Debug.DR7_GD;
        assertEquals(0, deliver(r, 1, NO_CODE, Events.EXCEPTION));
        assertEquals(0x400, r.v.dr[7]);
    }

    // ---- checks

    private static Arguments bad(
            String name, Supplier<Rig> mode, int kind, int vector, int code, Consumer<Rig> how) {
        return Arguments.of(name, mode, kind, vector, code, how);
    }

    static Stream<Arguments> checks() {
        Supplier<Rig> p0 = () -> new Rig().protected32(0);
        Supplier<Rig> p3 = () -> new Rig().protected32(3);
        Supplier<Rig> l0 = () -> new Rig().long64(0);
        Supplier<Rig> l3 = () -> new Rig().long64(3);
        Supplier<Rig> v86 = () -> new Rig().v86(3);
        int x = Events.EXTERNAL;
        int n = Events.SOFTWARE;
        int idt = 8 * 0x20 + 2;
        return Stream.of(
                bad("IDT limit", p0, x, 13, idt | 1, r -> r.v.idtLimit = 0x106),
                bad("IDT limit, INT n", p0, n, 13, idt, r -> r.v.idtLimit = 0x106),
                bad("IDT limit", l0, x, 13, idt | 1, r -> r.v.idtLimit = 0x20E),
                bad("type", p0, x, 13, idt | 1, r -> r.idt32(0x20, gate(0xC, 0, CS0, 0, 0))),
                bad("type", l0, x, 13, idt | 1, r -> r.idt64(0x20, gate(6, 0, CS64, 0, 0), 0)),
                bad("DPL, INT n", p3, n, 13, idt, r -> r.idt32(0x20, gate(0xE, 0, CS0, 0, 0))),
                bad("DPL, INT n", l3, n, 13, idt, r -> r.idt64(0x20, gate(0xE, 0, CS64, 0, 0), 0)),
                bad(
                        "absent",
                        p0,
                        x,
                        11,
                        idt | 1,
                        r -> r.idt32(0x20, gate(0xE, 0, CS0, 0, 0) & ~(1L << 47))),
                bad(
                        "absent",
                        l0,
                        x,
                        11,
                        idt | 1,
                        r -> r.idt64(0x20, gate(0xE, 0, CS64, 0, 0) & ~(1L << 47), 0)),
                bad("CS null", p0, x, 13, 1, r -> r.idt32(0x20, gate(0xE, 0, 3, 0, 0))),
                bad("CS null", l0, x, 13, 1, r -> r.idt64(0x20, gate(0xE, 0, 0, 0, 0), 0)),
                bad("CS outside", p0, x, 13, 0x101, r -> r.idt32(0x20, gate(0xE, 0, 0x100, 0, 0))),
                bad("CS is data", p0, x, 13, DS0 | 1, r -> r.idt32(0x20, gate(0xE, 0, DS0, 0, 0))),
                bad(
                        "CS outer",
                        p0,
                        x,
                        13,
                        CS3 & ~3 | 1,
                        r -> r.idt32(0x20, gate(0xE, 0, CS3, 0, 0))),
                bad(
                        "CS not 64-bit",
                        l0,
                        x,
                        13,
                        CS0 | 1,
                        r -> r.idt64(0x20, gate(0xE, 0, CS0, 0, 0), 0)),
                bad("CS absent", p0, x, 11, FREE | 1, r -> absentCode(r)),
                bad(
                        "target not canonical",
                        l0,
                        x,
                        13,
                        1,
                        r -> r.idt64(0x20, gate(0xE, 0, CS64, 0, 0), 0x1_0000)),
                bad(
                        "target beyond limit",
                        p0,
                        x,
                        13,
                        1,
                        r -> r.idt32(0x20, gate(0xE, 0, CS16, 0x1_0000, 0))),
                bad("TSS limit", p3, x, 10, TR | 1, r -> r.v.segLimit[Segments.TR] = 8),
                bad("TSS limit", l3, x, 10, TR | 1, r -> r.v.segLimit[Segments.TR] = 10),
                bad("RSP0 not canonical", l3, x, 12, 1, r -> r.put(TSS + 4, 8, 1L << 47)),
                bad("SS null", p3, x, 10, 1, r -> r.put(TSS + 8, 2, 0)),
                bad("SS outside", p3, x, 10, 0x201, r -> r.put(TSS + 8, 2, 0x200)),
                bad("SS RPL", p3, x, 10, DS0 | 1, r -> r.put(TSS + 8, 2, DS0 | 3)),
                bad("SS DPL", p3, x, 10, DS3 & ~3 | 1, r -> r.put(TSS + 8, 2, DS3 & ~3)),
                bad("SS is code", p3, x, 10, CS0 | 1, r -> r.put(TSS + 8, 2, CS0)),
                bad("SS absent", p3, x, 12, FREE | 1, r -> absentStack(r)),
                bad("inner stack too small", p3, x, 12, FREE | 1, r -> smallStack(r)),
                bad("same stack too small", p0, x, 12, 1, r -> r.v.segLimit[Segments.SS] = 0x100),
                bad("V86 to ring 1", v86, x, 13, FREE | 1, r -> ringOne(r)),
                bad(
                        "V86 to conforming",
                        v86,
                        x,
                        13,
                        CONFORMING | 1,
                        r -> r.idt32(0x20, gate(0xE, 3, CONFORMING, 0, 0))));
    }

    private static void absentCode(Rig r) {
        r.gdt(FREE, descriptor(0, 0xFFFFF, 0xC01B)).idt32(0x20, gate(0xE, 0, FREE, 0, 0));
    }

    private static void absentStack(Rig r) {
        r.gdt(FREE, descriptor(0, 0xFFFFF, 0xC013)).put(TSS + 8, 2, FREE);
    }

    private static void smallStack(Rig r) {
        r.gdt(FREE, descriptor(0, 0x6000, 0x4093)).put(TSS + 8, 2, FREE);
    }

    private static void ringOne(Rig r) {
        r.gdt(FREE, descriptor(0, 0xFFFFF, 0xC0BB)).idt32(0x20, gate(0xE, 3, FREE, 0, 0));
    }

    @ParameterizedTest(name = "{0} #{3}({4})")
    @MethodSource("checks")
    void refusedWithoutAChange(
            String name, Supplier<Rig> mode, int kind, int vector, int code, Consumer<Rig> how) {
        Rig r = mode.get();
        r.idt32(0x20, gate(0xE, 3, CS0, HANDLER, 0));
        if (r.v.longMode()) {
            r.idt64(0x20, gate(0xE, 3, CS64, HANDLER, 0), 0);
        }
        how.accept(r);
        String before = r.state();
        assertEquals(-1, deliver(r, 0x20, NO_CODE, kind));
        assertEquals(vector, r.v.fault.vector);
        assertEquals(code, r.v.fault.errorCode);
        assertEquals(before, r.state());
    }

    @Test
    void accessedBitsAreSetInTheTable() {
        Rig r = new Rig().protected32(3);
        r.gdt(FREE, descriptor(0, 0xFFFFF, 0xC09A)).idt32(0x20, gate(0xE, 0, FREE, HANDLER, 0));
        assertEquals(0, deliver(r, 0x20, NO_CODE, Events.EXTERNAL));
        assertEquals(0x9B, r.get(GDT + FREE + 5, 1));
    }

    // ---- INT n and the run loop

    @Test
    void intInV86NeedsIopl3ButInt3DoesNot() {
        Rig r = new Rig().v86(0).code("cd20");
        assertEquals(13, r.raises());
        assertEquals(0, r.v.fault.errorCode);
        r.code("cc").idt32(3, gate(0xE, 3, CS0, HANDLER, 0));
        assertEquals(-1, r.raises());
        assertEquals(HANDLER, r.v.rip);
    }

    @Test
    void int1IgnoresTheGatesDpl() {
        Rig r = new Rig().protected32(3).code("f1").idt32(1, gate(0xE, 0, CS0, HANDLER, 0));
        assertEquals(-1, r.raises());
        assertEquals(CODE + 1, r.get(STACK0 - 20, 4));
    }

    @Test
    void intoOnlyWithOverflow() {
        Rig r = new Rig().protected32(3).code("ce").idt32(4, gate(0xE, 3, CS0, HANDLER, 0));
        r.step();
        assertEquals(CODE + 1, r.v.rip);
        r.v.rip = CODE;
        r.v.setStatusFlags(VcpuContext.OF);
        r.step();
        assertEquals(HANDLER, r.v.rip);
    }

    @Test
    void aBadGateOfAnExceptionIsADoubleFault() {
        // #GP (from INT n) whose own gate is absent: contributory, contributory.
        Rig r = new Rig().protected32(0).code("0f32").idt32(8, gate(0xE, 0, CS0, HANDLER, 0));
        r.v.gpr[1] = 0x1234_5678;
        r.step();
        assertEquals(HANDLER, r.v.rip);
        assertEquals(0, r.get(r.v.gpr[4], 4));
    }

    @Test
    void noGateAtAllIsATripleFault() {
        Rig r = new Rig().protected32(0).code("0f32");
        r.v.idtLimit = 0;
        r.v.gpr[1] = 0x1234_5678;
        assertEquals(dev.faultline.api.engine.VcpuLoop.EXIT_SHUTDOWN, r.step());
        assertEquals(VcpuContext.SHUTDOWN, r.v.activity);
        String reason = r.v.shutdownReason;
        assertEquals("rdmsr", reason.substring(reason.lastIndexOf(": ") + 2));
    }

    @Test
    void whereItIsMayBeUnreadable() {
        Rig r = new Rig().protected32(0);
        r.v.idtLimit = 0;
        r.v.rip = Rig.SIZE + 0x1000;
        RunLoop.deliver(r.v, 8, 0, Events.EXCEPTION, 0);
        String reason = r.v.shutdownReason;
        assertEquals("unreadable", reason.substring(reason.lastIndexOf(": ") + 2));
    }

    @Test
    void stiHoldsInterruptsOffForOneInstruction() {
        Rig r = new Rig().protected32(0).code("fb 0f09 0f09").bytes(HANDLER, "0f09");
        r.idt32(0x30, gate(0xE, 0, CS0, HANDLER, 0));
        r.interrupts.vector = 0x30;
        r.step();
        assertEquals(CODE + 1, r.v.rip);
        r.step();
        assertEquals(CODE + 3, r.v.rip);
        r.step();
        assertEquals(HANDLER, r.v.rip);
        assertEquals(CODE + 3, r.get(r.v.gpr[4], 4));
    }

    @Test
    void nmiIsBlockedUntilIret() {
        Rig r = new Rig().protected32(0).code("0f09 0f09").bytes(HANDLER, "0f09 cf");
        r.idt32(2, gate(0xE, 0, CS0, HANDLER, 0));
        r.interrupts.nmi = true;
        r.step();
        r.interrupts.nmi = true;
        assertEquals(HANDLER, r.v.rip);
        r.steps(2);
        assertEquals(CODE, r.v.rip);
        r.step();
        assertEquals(HANDLER, r.v.rip);
    }

    // ---- restart

    static Stream<Arguments> restarts() {
        Supplier<Rig> int80 =
                () ->
                        new Rig()
                                .protected32(3)
                                .code("cd20")
                                .idt32(0x20, gate(0xE, 3, CS0, HANDLER, 0));
        Supplier<Rig> crossing =
                () -> {
                    Rig r = int80.get();
                    r.put(TSS + 4, 4, 0x7002);
                    return r;
                };
        Supplier<Rig> int64 =
                () ->
                        new Rig()
                                .long64(3)
                                .code("cd20")
                                .idt64(0x20, gate(0xE, 3, CS64, HANDLER, 0), 0);
        Supplier<Rig> real = () -> new Rig().real().code("cd20");
        Supplier<Rig> v86 =
                () -> new Rig().v86(3).code("cd20").idt32(0x20, gate(0xE, 3, CS0, HANDLER, 0));
        return Stream.of(
                Arguments.of("protected", int80),
                Arguments.of("stack across pages", crossing),
                Arguments.of("64-bit", int64),
                Arguments.of("real", real),
                Arguments.of("V86", v86));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("restarts")
    void everyStoppedAccessLeavesNothingChanged(String name, Supplier<Rig> make) {
        Sweep.run(make);
    }
}
