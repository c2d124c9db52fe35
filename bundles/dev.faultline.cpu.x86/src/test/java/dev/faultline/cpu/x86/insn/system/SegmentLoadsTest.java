// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.system;

import static dev.faultline.cpu.x86.insn.system.Rig.CODE;
import static dev.faultline.cpu.x86.insn.system.Rig.FREE;
import static dev.faultline.cpu.x86.insn.system.Rig.GDT;
import static dev.faultline.cpu.x86.insn.system.Rig.STACK0;
import static dev.faultline.cpu.x86.insn.system.Rig.descriptor;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.faultline.api.cpu.Segments;
import dev.faultline.api.engine.VcpuContext;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * MOV, PUSH and POP of segment registers, far pointers, in every mode. SDM 2B, "MOV-Move",
 * protected-mode checks.
 */
class SegmentLoadsTest {
    @Test
    void realModeKeepsTheLimit() {
        // mov ds, ax
        Rig r = new Rig().real().code("8ed8");
        r.v.segLimit[Segments.DS] = -1;
        r.v.gpr[0] = 0x1234;
        r.step();
        assertEquals(0x12340, r.v.segBase[Segments.DS]);
        assertEquals(-1, r.v.segLimit[Segments.DS]);
        assertEquals(0x93, r.v.segAttr[Segments.DS]);
    }

    @ParameterizedTest(name = "mov {0}, {1} at CPL {2}: #{3}({4})")
    @CsvSource({
        "ss, 0000, 0, 13, 0000",
        "ss, 0013, 0, 13, 0010",
        "ss, 0023, 0, 13, 0020",
        "ss, 0008, 0, 13, 0008",
        "ss, 0090, 0, 12, 0090",
        "ss, 0108, 0, 13, 0108",
        "ss, 0010, 3, 13, 0010",
        "ds, 0098, 0, 13, 0098", // execute-only
        "ds, 0040, 0, 13, 0040", // TSS
        "ds, 0010, 3, 13, 0010", // DPL < CPL
        "ds, 0013, 0, 13, 0010", // RPL > DPL
        "ds, 00A0, 0, 11, 00A0",
        "ds, 0104, 0, 13, 0104", // no LDT
    })
    void refused(String seg, String selector, int cpl, int vector, String error) {
        Rig r = new Rig().protected32(cpl).code(seg.equals("ss") ? "8ed0" : "8ed8");
        r.gdt(0x90, descriptor(0, 0xFFFFF, 0xC013)).gdt(0x98, descriptor(0, 0xFFFFF, 0xC099));
        r.gdt(0xA0, descriptor(0, 0xFFFFF, 0xC073));
        r.v.gpr[0] = Integer.parseInt(selector, 16);
        String before = r.state();
        assertEquals(vector, r.raises());
        assertEquals(Integer.parseInt(error, 16), r.v.fault.errorCode);
        assertEquals(before, r.state());
    }

    @Test
    void loadSetsTheAccessedBitAndScalesTheLimit() {
        Rig r =
                new Rig()
                        .protected32(0)
                        .code("8ec0")
                        .gdt(FREE, descriptor(0x12345678, 0xABCDE, 0xC092));
        r.v.gpr[0] = FREE;
        r.step();
        assertEquals(0x93, r.get(GDT + FREE + 5, 1));
        assertEquals(0x12345678, r.v.segBase[Segments.ES]);
        assertEquals(0xABCDEFFF, r.v.segLimit[Segments.ES]);
        assertEquals(0xC093, r.v.segAttr[Segments.ES]);
    }

    @Test
    void nullDataSegmentIsUnusable() {
        Rig r = new Rig().protected32(0).code("8ed8");
        r.v.gpr[0] = 3;
        r.step();
        assertEquals(3, r.v.segSel[Segments.DS]);
        assertEquals(Segments.UNUSABLE, r.v.segAttr[Segments.DS]);
        assertEquals(0, r.v.segFast[Segments.DS]);
    }

    @Test
    void nullStackSegmentOnlyIn64BitModeBelowRing3() {
        Rig r = new Rig().long64(0).code("8ed0");
        r.v.gpr[0] = 0;
        r.step();
        assertEquals(Segments.UNUSABLE, r.v.segAttr[Segments.SS]);
        Rig user = new Rig().long64(3).code("8ed0");
        user.v.gpr[0] = 3;
        assertEquals(13, user.raises());
    }

    @Test
    void loadingSsHoldsInterruptsOff() {
        Rig r = new Rig().protected32(0).code("8ed0");
        r.v.gpr[0] = Rig.DS0;
        r.step();
        assertEquals(true, r.v.interruptShadow);
    }

    @Test
    void popSsTo16BitStackCountsWithTheOldSize() {
        // pop ss
        Rig r = new Rig().protected32(0).code("17").put(STACK0 - 0x400, 4, Rig.DS16);
        r.step();
        assertEquals(STACK0 - 0x400 + 4, r.v.gpr[4]);
        assertEquals(0xFFFF, r.v.stackMask);
    }

    @Test
    void pushWrites16BitsOfA32BitSlot() {
        // push es
        Rig r = new Rig().protected32(0).code("06").put(STACK0 - 0x404, 4, 0xDEAD_BEEFL);
        r.step();
        assertEquals(STACK0 - 0x404, r.v.gpr[4]);
        assertEquals(0xDEAD_0010L, r.get(STACK0 - 0x404, 4));
    }

    @Test
    void farPointer() {
        // lfs ecx, [0xa000]
        Rig r = new Rig().protected32(0).code("0fb40d 00a00000");
        r.put(0xA000, 4, 0x89AB_CDEFL).put(0xA004, 2, Rig.DS3);
        r.step();
        assertEquals(0x89AB_CDEFL, r.v.gpr[1]);
        assertEquals(Rig.DS3, r.v.segSel[Segments.FS]);
    }

    @ParameterizedTest
    @ValueSource(strings = {"8ec8", "8ef0", "8ef8", "8cf0"})
    void noSuchSegmentRegister(String code) {
        assertEquals(6, new Rig().protected32(0).code(code).raises());
    }

    @Test
    void storesExtendInRegistersAndAre16BitInMemory() {
        Rig r = new Rig().long64(0).code("48 8cd8 66 8cd9 8c1c25 00a00000");
        r.v.gpr[0] = -1;
        r.v.gpr[1] = -1;
        r.put(0xA000, 8, -1L).steps(3);
        assertEquals(Rig.DS0, r.v.gpr[0]);
        assertEquals(0xFFFF_FFFF_FFFF_0010L, r.v.gpr[1]);
        assertEquals(0xFFFF_FFFF_FFFF_0010L, r.get(0xA000, 8));
    }

    @Test
    void v86LoadsRing3RealSegments() {
        Rig r = new Rig().v86(0).code("8ed8");
        r.v.gpr[0] = 0x100;
        r.step();
        assertEquals(0xF3, r.v.segAttr[Segments.DS]);
        assertEquals(0xFFFF, r.v.segLimit[Segments.DS]);
        assertEquals(0x1000, r.v.segBase[Segments.DS]);
    }

    @Test
    void enteringProtectedModeWithOddCsKeepsRing0() {
        Rig r = new Rig().real();
        r.v.segSel[Segments.CS] = 0x0803;
        r.v.cr0 |= VcpuContext.CR0_PE;
        r.v.recompute();
        assertEquals(0, r.v.cpl);
        assertEquals(CODE, r.v.rip);
    }

    @Test
    void everyStoppedAccessLeavesNothingChanged() {
        Sweep.run(() -> {
            Rig r = new Rig().protected32(0).code("0fb40d 00a00000");
            r.gdt(FREE, descriptor(0, 0xFFFFF, 0xC092)).put(0xA004, 2, FREE);
            return r;
        });
    }
}
