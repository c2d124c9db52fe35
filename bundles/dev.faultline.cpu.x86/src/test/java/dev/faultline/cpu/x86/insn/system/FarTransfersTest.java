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
import static dev.faultline.cpu.x86.insn.system.Rig.STACK0;
import static dev.faultline.cpu.x86.insn.system.Rig.STACK3;
import static dev.faultline.cpu.x86.insn.system.Rig.TSS;
import static dev.faultline.cpu.x86.insn.system.Rig.descriptor;
import static dev.faultline.cpu.x86.insn.system.Rig.gate;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.faultline.api.cpu.Segments;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.segment.SegmentLoads;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Far JMP, CALL, RET and IRET between rings, modes and sizes, and their checks. SDM 2A, "CALL",
 * "JMP", "IRET"; SDM 2B, "RET".
 */
class FarTransfersTest {
    private static final int HANDLER = 0x9000;

    // ---- JMP and CALL

    @Test
    void realModeFarJump() {
        // jmp 1234:5678
        Rig r = new Rig().real().code("ea 7856 3412");
        r.step();
        assertEquals(0x12340, r.v.segBase[Segments.CS]);
        assertEquals(0x5678, r.v.rip);
    }

    @Test
    void realModeFarCallAndReturn() {
        // call 0:9000; retf 2
        Rig r = new Rig().real().code("9a 0090 0000").bytes(HANDLER, "ca 0200");
        r.step();
        assertEquals(STACK0 - 4, r.v.gpr[4]);
        assertEquals(CODE + 5, r.get(STACK0 - 4, 2));
        r.step();
        assertEquals(CODE + 5, r.v.rip);
        assertEquals(STACK0 + 2, r.v.gpr[4]);
    }

    @Test
    void protectedModeJumpLoadsAFreshDescriptor() {
        Rig r = new Rig().protected32(0).code("ea 00900000 5000");
        r.step();
        assertEquals(CS16, r.v.segSel[Segments.CS]);
        assertEquals(16, r.v.codeBits);
        assertEquals(HANDLER, r.v.rip);
    }

    @Test
    void jumpFromCompatibilityModeTo64Bit() {
        Rig r = new Rig().long64(0);
        SegmentLoads.set(r.v, Segments.CS, CS0, descriptor(0, 0xFFFFF, 0xC09B));
        r.v.recompute();
        assertEquals(32, r.v.codeBits);
        r.code("ea 00900000 2800").step();
        assertEquals(64, r.v.codeBits);
        assertEquals(CS64, r.v.segSel[Segments.CS]);
    }

    @Test
    void indirect64BitCallPushesQuadwords() {
        // call far [rax] with REX.W
        Rig r = new Rig().long64(0).code("48 ff18").put(0xA000, 8, HANDLER).put(0xA008, 2, CS64);
        r.v.gpr[0] = 0xA000;
        long sp = r.v.gpr[4];
        r.step();
        assertEquals(HANDLER, r.v.rip);
        assertEquals(sp - 16, r.v.gpr[4]);
        assertEquals(CODE + 3, r.get(sp - 16, 8));
        assertEquals(CS64, r.get(sp - 8, 8));
    }

    @Test
    void callGateToRing0CopiesParameters() {
        Rig r = new Rig().protected32(3).code("9a 00000000 8300");
        r.gdt(FREE, gate(0xC, 3, CS0, HANDLER, 2));
        r.put(STACK3, 4, 0x1111).put(STACK3 + 4, 4, 0x2222);
        r.step();
        assertEquals(0, r.v.cpl);
        assertEquals(HANDLER, r.v.rip);
        assertEquals(STACK0 - 24, r.v.gpr[4]);
        assertEquals(CODE + 7, r.get(STACK0 - 24, 4));
        assertEquals(CS3, r.get(STACK0 - 20, 4));
        assertEquals(0x1111, r.get(STACK0 - 16, 4));
        assertEquals(0x2222, r.get(STACK0 - 12, 4));
        assertEquals(STACK3, r.get(STACK0 - 8, 4));
        assertEquals(DS3, r.get(STACK0 - 4, 4));
        // retf 8 goes back and releases both stacks' parameters.
        r.bytes(HANDLER, "ca 0800").step();
        assertEquals(3, r.v.cpl);
        assertEquals(CODE + 7, r.v.rip);
        assertEquals(STACK3 + 8, r.v.gpr[4]);
        assertEquals(DS3, r.v.segSel[Segments.SS]);
    }

    @Test
    void returnToAnOuterRingDropsInnerDataSegments() {
        Rig r = new Rig().protected32(0).code("cb");
        long sp = r.v.gpr[4];
        r.put((int) sp, 4, HANDLER).put((int) sp + 4, 4, CS3);
        r.put((int) sp + 8, 4, STACK3).put((int) sp + 12, 4, DS3);
        SegmentLoads.set(r.v, Segments.ES, DS3, descriptor(0, 0xFFFFF, 0xC0F3));
        SegmentLoads.set(r.v, Segments.FS, CONFORMING, descriptor(0, 0xFFFFF, 0xC09F));
        r.step();
        assertEquals(DS3, r.v.segSel[Segments.ES]);
        assertEquals(CONFORMING, r.v.segSel[Segments.FS]);
        assertEquals(0, r.v.segSel[Segments.DS]);
        assertEquals(Segments.UNUSABLE, r.v.segAttr[Segments.GS]);
    }

    @Test
    void callGate64() {
        Rig r = new Rig().long64(3).code("ff18").put(0xA004, 2, FREE | 3);
        r.gdt(FREE, gate(0xC, 3, CS64, HANDLER, 0)).gdt(FREE + 8, 0x1);
        r.put(TSS + 4, 8, STACK0);
        r.v.gpr[0] = 0xA000;
        r.step();
        assertEquals(0x1_0000_9000L, r.v.rip);
        assertEquals(0, r.v.segSel[Segments.SS]);
        assertEquals(STACK0 - 32, r.v.gpr[4]);
        assertEquals(CODE + 2, r.get(STACK0 - 32, 8));
        assertEquals(CS64_3, r.get(STACK0 - 24, 8));
        assertEquals(STACK3, r.get(STACK0 - 16, 8));
    }

    @ParameterizedTest(name = "{0} to {1} from ring {2}: #{3}({4})")
    @CsvSource({
        "jmp, 0000, 0, 13, 0000",
        "jmp, 0100, 0, 13, 0100",
        "jmp, 0010, 0, 13, 0010", // data
        "jmp, 0008, 3, 13, 0008", // inner, not conforming
        "jmp, 001B, 0, 13, 0018", // RPL and DPL outer
        "jmp, 0009, 0, 13, 0008", // RPL > CPL
        "jmp, 0090, 0, 11, 0090", // absent code
        "jmp, 0098, 0, 13, 0000", // offset beyond limit
        "jmp, 00A0, 3, 13, 00A0", // gate DPL
        "jmp, 00A8, 3, 13, 0008", // gate to inner code: CALL only
        "jmp, 00B0, 3, 11, 00B0", // absent gate
        "call, 00B8, 3, 13, 0000", // gate to null
        "call, 00C0, 3, 13, 0010", // gate to data
        "call, 00C8, 3, 11, 0090", // gate to absent code
        "call, 00D0, 0, 13, 00D0", // LDT
        "call, 0048, 0, 13, 0048", // empty
    })
    void jumpsAndCallsRefused(String what, String to, int cpl, int vector, String error) {
        int selector = Integer.parseInt(to, 16);
        Rig r = new Rig().protected32(cpl);
        r.code(what.equals("jmp") ? "ea 00100000" : "9a 00100000").put(CODE + 5, 2, selector);
        targets(r);
        String before = r.state();
        assertEquals(vector, r.raises());
        assertEquals(Integer.parseInt(error, 16), r.v.fault.errorCode);
        assertEquals(before, r.state());
    }

    private static void targets(Rig r) {
        r.gdt(0x90, descriptor(0, 0xFFFFF, 0xC01B));
        r.gdt(0x98, descriptor(0, 0xFFF, 0x409B));
        r.gdt(0xA0, gate(0xC, 0, CS0, HANDLER, 0));
        r.gdt(0xA8, gate(0xC, 3, CS0, HANDLER, 0));
        r.gdt(0xB0, gate(0xC, 3, CS0, HANDLER, 0) & ~(1L << 47));
        r.gdt(0xB8, gate(0xC, 3, 0, HANDLER, 0));
        r.gdt(0xC0, gate(0xC, 3, DS0, HANDLER, 0));
        r.gdt(0xC8, gate(0xC, 3, 0x90, HANDLER, 0));
        r.gdt(0xD0, descriptor(0, 0xFF, 0xE2));
    }

    @Test
    void conformingCodeIsReachableFromOutside() {
        Rig r = new Rig().protected32(3).code("ea 00900000 6000");
        r.step();
        assertEquals(CONFORMING | 3, r.v.segSel[Segments.CS]);
        assertEquals(3, r.v.cpl);
    }

    // ---- IRET

    private static void frame(Rig r, int size, long... values) {
        long sp = r.v.gpr[4];
        for (int i = 0; i < values.length; i++) {
            r.put((int) sp + i * size, size, values[i]);
        }
    }

    @Test
    void iretInRealMode() {
        Rig r = new Rig().real().code("cf");
        frame(r, 2, 0x1234, 0x0100, 0x3202);
        r.step();
        assertEquals(0x1234, r.v.rip);
        assertEquals(0x1000, r.v.segBase[Segments.CS]);
        assertEquals(0x3202, r.v.eflags);
        assertEquals(STACK0 + 6, r.v.gpr[4]);
    }

    @Test
    void iretdSameRing() {
        Rig r = new Rig().protected32(0).code("cf");
        long sp = r.v.gpr[4];
        frame(r, 4, HANDLER, CS0, 0x20_0246);
        r.step();
        assertEquals(HANDLER, r.v.rip);
        assertEquals(0x20_0246, r.v.getFlags());
        assertEquals(sp + 12, r.v.gpr[4]);
    }

    @Test
    void iretdToRing3() {
        Rig r = new Rig().protected32(0).code("cf");
        frame(r, 4, HANDLER, CS3, 0x3202, STACK3, DS3);
        r.step();
        assertEquals(3, r.v.cpl);
        assertEquals(STACK3, r.v.gpr[4]);
        assertEquals(0x3202, r.v.eflags);
        assertEquals(0, r.v.segSel[Segments.DS]);
    }

    /** The selector that DS, ES, FS and GS hold, what it is after a return from ring 0 to 3. */
    @ParameterizedTest(name = "{0}, {1}: {2} becomes {3}")
    @CsvSource({
        "iretd, 32, 0000, 0000",
        "iretd, 32, 0001, 0000",
        "iretd, 32, 0002, 0000",
        "iretd, 32, 0003, 0000",
        "iretd, 32, 0010, 0000",
        "iretd, 32, 0023, 0023",
        "iretd, 32, 0060, 0060", // conforming code
        "retf, 32, 0003, 0000",
        "retf, 32, 0010, 0000",
        "retf, 32, 0023, 0023",
        "iretq, 64, 0003, 0000",
        "iretq, 64, 0010, 0000",
        "iretq, 64, 0023, 0023",
        "retfq, 64, 0003, 0000",
        "retfq, 64, 0010, 0000",
        "retfq, 64, 0023, 0023",
    })
    void returnToAnOuterRingLeavesNoInnerAndNoOddNullSelectors(
            String how, int bits, String before, String after) {
        boolean wide = bits == 64;
        boolean iret = how.startsWith("iret");
        Rig r = wide ? new Rig().long64(0) : new Rig().protected32(0);
        r.code((wide ? "48" : "") + (iret ? "cf" : "cb"));
        int selector = Integer.parseInt(before, 16);
        int[] registers = {Segments.ES, Segments.DS, Segments.FS, Segments.GS};
        for (int s : registers) {
            assertEquals(0, SegmentLoads.load(r.v, s, selector));
        }
        Msrs.base(r.v, Segments.FS, 0x1234_5000L);
        long cs = wide ? CS64_3 : CS3;
        long[] to =
                iret
                        ? new long[] {HANDLER, cs, 2, STACK3, DS3}
                        : new long[] {HANDLER, cs, STACK3, DS3};
        frame(r, wide ? 8 : 4, to);
        r.step();
        assertEquals(3, r.v.cpl);
        for (int s : registers) {
            assertEquals(Integer.parseInt(after, 16), r.v.segSel[s]);
        }
        if (wide) {
            assertEquals(0x1234_5000L, r.v.segBase[Segments.FS]);
        }
    }

    @Test
    void returnInTheSameRingKeepsNullSelectors() {
        Rig r = new Rig().protected32(0).code("cf");
        SegmentLoads.load(r.v, Segments.DS, 3);
        frame(r, 4, HANDLER, CS0, 2);
        r.step();
        assertEquals(HANDLER, r.v.rip);
        assertEquals(3, r.v.segSel[Segments.DS]);
    }

    @Test
    void iretAtRing3KeepsIoplAndIf() {
        Rig r = new Rig().protected32(3).code("cf");
        frame(r, 4, HANDLER, CS3, 0x3202);
        r.step();
        assertEquals(2, r.v.eflags);
    }

    @Test
    void iretdToV86() {
        Rig r = new Rig().protected32(0).code("cf");
        frame(r, 4, 0x100, 0x200, 0x2_0202, 0x300, 0x400, 0x500, 0x600, 0x700, 0x800);
        r.step();
        assertEquals(true, r.v.v86());
        assertEquals(3, r.v.cpl);
        assertEquals(0x2000, r.v.segBase[Segments.CS]);
        assertEquals(0x4000, r.v.segBase[Segments.SS]);
        assertEquals(0x5000, r.v.segBase[Segments.ES]);
        assertEquals(0x6000, r.v.segBase[Segments.DS]);
        assertEquals(0x7000, r.v.segBase[Segments.FS]);
        assertEquals(0x8000, r.v.segBase[Segments.GS]);
        assertEquals(0x300, r.v.gpr[4]);
        assertEquals(16, r.v.codeBits);
        assertEquals(0xF3, r.v.segAttr[Segments.CS]);
    }

    @Test
    void iretInV86NeedsIopl3() {
        Rig r = new Rig().v86(2).code("cf");
        assertEquals(13, r.raises());
        r = new Rig().v86(3).code("cf");
        frame(r, 2, 0x1234, 0, 0x0202);
        r.step();
        assertEquals(0x1234, r.v.rip);
        assertEquals(VcpuContext.VM | 0x3202, r.v.eflags);
    }

    @Test
    void iretqPopsTheStackInTheSameRingToo() {
        Rig r = new Rig().long64(0).code("48cf");
        frame(r, 8, HANDLER, CS64, 0x202, 0x5000, DS0);
        r.step();
        assertEquals(HANDLER, r.v.rip);
        assertEquals(0x5000, r.v.gpr[4]);
        assertEquals(DS0, r.v.segSel[Segments.SS]);
    }

    @Test
    void iretqWithNullSs() {
        Rig r = new Rig().long64(0).code("48cf");
        frame(r, 8, HANDLER, CS64, 0x202, 0x5000, 0);
        r.step();
        assertEquals(0, r.v.segSel[Segments.SS]);
        assertEquals(0x5000, r.v.gpr[4]);
    }

    @Test
    void iretqToCompatibilityMode() {
        Rig r = new Rig().long64(0).code("48cf");
        frame(r, 8, 0x1_0000_9000L & 0xFFFF_FFFFL, CS3, 0x202, STACK3, DS3);
        r.step();
        assertEquals(32, r.v.codeBits);
        assertEquals(3, r.v.cpl);
    }

    @Test
    void iretTo16BitStackKeepsTheUpperHalf() {
        Rig r = new Rig().protected32(0).code("cf");
        r.gdt(FREE, descriptor(0, 0xFFFF, 0xF3));
        r.v.gpr[4] = 0x0006_C000L - 0x6_0000;
        frame(r, 4, HANDLER, CS3, 0x202, 0xDEAD_1234L, FREE | 3);
        r.step();
        assertEquals(0x1234, r.v.gpr[4] & 0xFFFF);
        assertEquals(0, r.v.gpr[4] >>> 16);
    }

    @ParameterizedTest(name = "CS {0} SS {1} RIP {2}: #{3}({4})")
    @CsvSource({
        "0000, 0010, 9000, 13, 0000",
        "0108, 0010, 9000, 13, 0108",
        "0010, 0010, 9000, 13, 0010", // data
        "001A, 0010, 9000, 13, 0018", // RPL differs from DPL
        "0090, 0010, 9000, 11, 0090",
        "0033, 0000, 9000, 13, 0000", // null SS at ring 3
        "0033, 0010, 9000, 13, 0010", // SS RPL
        "0033, 0013, 9000, 13, 0010", // SS DPL
        "0033, 0033, 9000, 13, 0030", // SS is code
        "0033, 009B, 9000, 12, 0098", // SS absent
        "0033, 0203, 9000, 13, 0200", // SS outside
        "0033, 0023, 800000000000, 13, 0000",
        "0028, 0010, 800000000000, 13, 0000",
    })
    void iretqRefused(String cs, String ss, String rip, int vector, String error) {
        Rig r = new Rig().long64(0).code("48cf");
        r.gdt(0x90, descriptor(0, 0xFFFFF, 0xA01B)).gdt(0x98, descriptor(0, 0xFFFFF, 0xC073));
        frame(
                r,
                8,
                Long.parseLong(rip, 16),
                Integer.parseInt(cs, 16),
                0x202,
                STACK3,
                Integer.parseInt(ss, 16));
        String before = r.state();
        assertEquals(vector, r.raises());
        assertEquals(Integer.parseInt(error, 16), r.v.fault.errorCode);
        assertEquals(before, r.state());
    }

    @Test
    void iretqWithNestedTaskIsRefused() {
        Rig r = new Rig().long64(0).code("48cf");
        r.v.eflags |= VcpuContext.NT;
        assertEquals(13, r.raises());
    }

    // ---- restart

    static Stream<Arguments> restarts() {
        Supplier<Rig> gate =
                () -> {
                    Rig r = new Rig().protected32(3).code("9a 00000000 8300");
                    return r.gdt(FREE, gate(0xC, 3, CS0, HANDLER, 2));
                };
        Supplier<Rig> call = () -> new Rig().protected32(0).code("9a 00900000 0800");
        Supplier<Rig> outer =
                () -> {
                    Rig r = new Rig().protected32(0).code("cb");
                    frame(r, 4, HANDLER, CS3, STACK3, DS3);
                    return r;
                };
        Supplier<Rig> iretq =
                () -> {
                    Rig r = new Rig().long64(0).code("48cf");
                    r.v.gpr[4] = 0x5FF4;
                    frame(r, 8, HANDLER, CS64_3, 0x202, STACK3, DS3);
                    return r;
                };
        Supplier<Rig> v86 =
                () -> {
                    Rig r = new Rig().protected32(0).code("cf");
                    frame(r, 4, 0x100, 0x200, 0x2_0202, 0x300, 0x400, 0x500, 0x600, 0x700, 0x800);
                    return r;
                };
        return Stream.of(
                Arguments.of("call gate", gate),
                Arguments.of("call", call),
                Arguments.of("retf to ring 3", outer),
                Arguments.of("iretq across pages", iretq),
                Arguments.of("iretd to V86", v86));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("restarts")
    void everyStoppedAccessLeavesNothingChanged(String name, Supplier<Rig> make) {
        Sweep.run(make);
    }
}
