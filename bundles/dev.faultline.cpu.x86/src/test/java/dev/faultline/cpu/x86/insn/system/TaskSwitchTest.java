// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.system;

import static dev.faultline.cpu.x86.insn.system.Rig.CODE;
import static dev.faultline.cpu.x86.insn.system.Rig.CS0;
import static dev.faultline.cpu.x86.insn.system.Rig.CS3;
import static dev.faultline.cpu.x86.insn.system.Rig.DS0;
import static dev.faultline.cpu.x86.insn.system.Rig.DS3;
import static dev.faultline.cpu.x86.insn.system.Rig.FREE;
import static dev.faultline.cpu.x86.insn.system.Rig.GDT;
import static dev.faultline.cpu.x86.insn.system.Rig.LDT;
import static dev.faultline.cpu.x86.insn.system.Rig.STACK3;
import static dev.faultline.cpu.x86.insn.system.Rig.TR;
import static dev.faultline.cpu.x86.insn.system.Rig.TR2;
import static dev.faultline.cpu.x86.insn.system.Rig.TSS;
import static dev.faultline.cpu.x86.insn.system.Rig.TSS2;
import static dev.faultline.cpu.x86.insn.system.Rig.descriptor;
import static dev.faultline.cpu.x86.insn.system.Rig.gate;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.faultline.api.cpu.Segments;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.debug.Debug;
import dev.faultline.cpu.x86.segment.SegmentLoads;
import dev.faultline.cpu.x86.transfer.Events;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Task switches: saved and loaded state, links, busy bits, and exceptions before and after the
 * switch commits. SDM 3A, "Task Switching".
 */
class TaskSwitchTest {
    private static final int ENTRY = 0x9000;

    /** A ring-3 task at {@link #ENTRY} in the second TSS. */
    private static Rig rig() {
        Rig r = new Rig().protected32(0);
        r.gdt(FREE, descriptor(LDT, 0x2F, 0x82));
        r.put(TSS2 + 0x1C, 4, 0x7_7000);
        r.put(TSS2 + 0x20, 4, ENTRY).put(TSS2 + 0x24, 4, 0x3202);
        for (int i = 0; i < 8; i++) {
            r.put(TSS2 + 0x28 + 4 * i, 4, 0x1111_1111L * (i + 1));
        }
        r.put(TSS2 + 0x38, 4, STACK3);
        for (int i = 0; i < 6; i++) {
            r.put(TSS2 + 0x48 + 4 * i, 4, DS3);
        }
        r.put(TSS2 + 0x4C, 4, CS3).put(TSS2 + 0x60, 4, FREE);
        return r;
    }

    private static Rig jump() {
        return rig().code("ea 00000000 6800");
    }

    private static Rig call() {
        return rig().code("9a 00000000 6800");
    }

    @Test
    void jumpSavesAndLoadsEverything() {
        Rig r = jump();
        for (int i = 0; i < 8; i++) {
            if (i != 4) {
                r.v.gpr[i] = 0xAAAA_0000L + i;
            }
        }
        long sp = r.v.gpr[4];
        r.step();
        assertEquals(ENTRY, r.v.rip);
        assertEquals(0x3202, r.v.eflags);
        assertEquals(0x1111_1111L, r.v.gpr[0]);
        assertEquals(0x8888_8888L, r.v.gpr[7]);
        assertEquals(STACK3, r.v.gpr[4]);
        assertEquals(3, r.v.cpl);
        assertEquals(CS3, r.v.segSel[Segments.CS]);
        assertEquals(DS3, r.v.segSel[Segments.GS]);
        assertEquals(FREE, r.v.segSel[Segments.LDTR]);
        assertEquals(LDT, r.v.segBase[Segments.LDTR]);
        assertEquals(TR2, r.v.segSel[Segments.TR]);
        assertEquals(TSS2, r.v.segBase[Segments.TR]);
        assertEquals(VcpuContext.CR0_TS, r.v.cr0 & VcpuContext.CR0_TS);
        assertEquals(CODE + 7, r.get(TSS + 0x20, 4));
        assertEquals(0xAAAA_0003L, r.get(TSS + 0x34, 4));
        assertEquals(sp, r.get(TSS + 0x38, 4));
        assertEquals(CS0, r.get(TSS + 0x4C, 2));
        assertEquals(DS0, r.get(TSS + 0x50, 2));
        // The old TSS is available, the new one busy; paging is off, so CR3 stays.
        assertEquals(0x89, r.get(GDT + TR + 5, 1));
        assertEquals(0x8B, r.get(GDT + TR2 + 5, 1));
        assertEquals(0, r.v.cr3);
    }

    @Test
    void pagingLoadsCr3() {
        Rig r = jump();
        r.v.cr0 |= 0x8000_0000L;
        r.step();
        assertEquals(0x7_7000, r.v.cr3);
    }

    @Test
    void callNestsAndIretReturns() {
        Rig r = call();
        r.put(TSS2 + 0x4C, 4, CS0).put(TSS2 + 0x50, 4, DS0);
        r.bytes(ENTRY, "cf");
        r.step();
        assertEquals(VcpuContext.NT, r.v.eflags & VcpuContext.NT);
        assertEquals(TR, r.get(TSS2, 2));
        assertEquals(0x8B, r.get(GDT + TR + 5, 1));
        assertEquals(0x8B, r.get(GDT + TR2 + 5, 1));
        r.step();
        assertEquals(CODE + 7, r.v.rip);
        assertEquals(TR, r.v.segSel[Segments.TR]);
        assertEquals(0x89, r.get(GDT + TR2 + 5, 1));
        assertEquals(0x8B, r.get(GDT + TR + 5, 1));
        assertEquals(0, r.get(TSS2 + 0x24, 4) & VcpuContext.NT);
        assertEquals(ENTRY + 1, r.get(TSS2 + 0x20, 4));
    }

    @Test
    void taskGateOfAnExceptionPushesTheErrorCodeOnTheNewStack() {
        Rig r = rig();
        r.idt32(13, gate(5, 0, TR2, 0, 0));
        assertEquals(0, Events.deliver(r.v, 13, 0x1234, Events.EXCEPTION, 0));
        assertEquals(STACK3 - 4, r.v.gpr[4]);
        assertEquals(0x1234, r.get(STACK3 - 4, 4));
        assertEquals(CODE, r.get(TSS + 0x20, 4));
        assertEquals(TR, r.get(TSS2, 2));
    }

    @Test
    void sixteenBitTss() {
        Rig r = new Rig().protected32(0).code("ea 00000000 6800");
        r.gdt(TR2, descriptor(TSS2, 0x2B, 0x81));
        r.put(TSS2 + 0xE, 2, ENTRY).put(TSS2 + 0x10, 2, 2).put(TSS2 + 0x12, 2, 0x4242);
        for (int i = 0; i < 4; i++) {
            r.put(TSS2 + 0x22 + 2 * i, 2, i == 1 ? CS0 : DS0);
        }
        r.v.segSel[Segments.FS] = DS0;
        r.step();
        assertEquals(ENTRY, r.v.rip);
        assertEquals(0xFFFF_4242L, r.v.gpr[0]);
        assertEquals(0, r.v.segSel[Segments.FS]);
        assertEquals(CODE + 7, r.get(TSS + 0x20, 4));
    }

    @Test
    void intoV86() {
        Rig r = jump();
        r.put(TSS2 + 0x24, 4, 0x2_3202).put(TSS2 + 0x4C, 4, 0x100);
        r.step();
        assertEquals(true, r.v.v86());
        assertEquals(0x1000, r.v.segBase[Segments.CS]);
        assertEquals(3, r.v.cpl);
    }

    @Test
    void debugTrapOfTheNewTask() {
        Rig r = jump().put(TSS2 + 0x64, 2, 1).idt32(1, gate(0xE, 0, CS0, 0xA000, 0));
        r.put(TSS2 + 4, 4, 0x7000).put(TSS2 + 8, 4, DS0).bytes(0xA000, "0f09");
        r.step();
        assertEquals(ENTRY, r.v.rip);
        r.step();
        assertEquals(0xA000, r.v.rip);
        assertEquals(Debug.DR6_BT, r.v.dr[6] & Debug.DR6_BT);
        assertEquals(ENTRY, r.get(0x7000 - 20, 4));
    }

    @Test
    void linksAndLocalBreakpoints() {
        Rig r = jump();
        r.v.dr[7] = 0x4FF;
        r.step();
        assertEquals(0x4AA, r.v.dr[7]);
    }

    // ---- checks

    static Stream<Arguments> before() {
        Consumer<Rig> busy = r -> r.put(GDT + TR2 + 5, 1, 0x8B);
        Consumer<Rig> absent = r -> r.put(GDT + TR2 + 5, 1, 0x09);
        Consumer<Rig> shortTss = r -> r.put(GDT + TR2, 2, 0x66);
        Consumer<Rig> dpl =
                r -> {
                    SegmentLoads.set(r.v, Segments.CS, CS3, descriptor(0, 0xFFFFF, 0xC0FB));
                    r.v.recompute();
                };
        return Stream.of(
                Arguments.of("busy", 13, TR2, busy),
                Arguments.of("absent", 11, TR2, absent),
                Arguments.of("limit", 10, TR2, shortTss),
                Arguments.of("DPL", 13, TR2, dpl));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("before")
    void refusedBeforeAnythingChanges(String name, int vector, int error, Consumer<Rig> how) {
        Rig r = jump();
        how.accept(r);
        String before = r.state();
        assertEquals(vector, r.raises());
        assertEquals(error, r.v.fault.errorCode);
        assertEquals(before, r.state());
    }

    @ParameterizedTest(name = "new {0}: #{2}({3})")
    @CsvSource({
        "60, 0040, 10, 0040", // LDT selector names a TSS
        "60, 0084, 10, 0084", // LDT in the LDT
        "50, 0000, 10, 0000", // SS null
        "50, 0013, 10, 0010", // SS DPL
        "50, 0093, 12, 0090", // SS absent
        "4C, 0010, 10, 0010", // CS is data
        "4C, 0000, 10, 0000",
        "48, 0203, 10, 0200", // ES outside
        "54, 009B, 11, 0098", // DS absent
        "58, 0013, 10, 0010", // FS of an inner ring
    })
    void anExceptionOfTheNewTaskIsTakenInIt(
            String field, String selector, int vector, String error) {
        Rig r = jump();
        r.gdt(0x90, descriptor(0, 0xFFFFF, 0xC073)).gdt(0x98, descriptor(0, 0xFFFFF, 0xC073));
        int sel = Integer.parseInt(selector, 16);
        r.put(TSS2 + Integer.parseInt(field, 16), 2, sel);
        r.step();
        assertEquals(TR2, r.v.segSel[Segments.TR]);
        assertEquals(ENTRY, r.v.rip);
        assertEquals(vector, r.v.pendingVector);
        assertEquals(Integer.parseInt(error, 16), r.v.pendingError);
    }

    @ParameterizedTest(name = "link {0}: #{1}")
    @CsvSource({"0000, 10", "0108, 10", "0068, 10", "0044, 10"})
    void iretToABadLink(String link, int vector) {
        Rig r = rig().code("cf").put(TSS, 2, Integer.parseInt(link, 16));
        r.v.eflags |= VcpuContext.NT;
        String before = r.state();
        assertEquals(vector, r.raises());
        assertEquals(Integer.parseInt(link, 16) & 0xFFFC, r.v.fault.errorCode);
        assertEquals(before, r.state());
    }

    // ---- restart

    static Stream<Arguments> restarts() {
        Supplier<Rig> paged =
                () -> {
                    Rig r = call();
                    r.v.cr0 |= 0x8000_0000L;
                    return r;
                };
        Supplier<Rig> back =
                () -> {
                    Rig r = rig().code("cf").put(TSS, 2, TR2);
                    r.put(GDT + TR2 + 5, 1, 0x8B);
                    r.v.eflags |= VcpuContext.NT;
                    return r;
                };
        return Stream.of(
                Arguments.of("jmp", (Supplier<Rig>) TaskSwitchTest::jump),
                Arguments.of("call with paging", paged),
                Arguments.of("iret", back));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("restarts")
    void everyStoppedAccessLeavesNothingChanged(String name, Supplier<Rig> make) {
        Sweep.run(make);
    }
}
