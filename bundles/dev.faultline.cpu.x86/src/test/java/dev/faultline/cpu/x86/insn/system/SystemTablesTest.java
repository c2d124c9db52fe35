// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.system;

import static dev.faultline.cpu.x86.insn.system.Rig.FREE;
import static dev.faultline.cpu.x86.insn.system.Rig.GDT;
import static dev.faultline.cpu.x86.insn.system.Rig.LDT;
import static dev.faultline.cpu.x86.insn.system.Rig.TR;
import static dev.faultline.cpu.x86.insn.system.Rig.TR2;
import static dev.faultline.cpu.x86.insn.system.Rig.TSS2;
import static dev.faultline.cpu.x86.insn.system.Rig.descriptor;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.faultline.api.cpu.Segments;
import dev.faultline.api.engine.VcpuContext;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** LGDT LIDT SGDT SIDT LLDT LTR SLDT STR LMSW SMSW. */
class SystemTablesTest {
    @Test
    void lgdtWith16BitOperandTakes24Bits() {
        // lgdt [0xa000] / o32 lgdt
        Rig r = new Rig().real().code("0f0116 00a0 66 0f0116 00a0");
        r.put(0xA000, 2, 0x1234).put(0xA002, 4, 0x89AB_CDEFL);
        r.step();
        assertEquals(0xAB_CDEFL, r.v.gdtBase);
        assertEquals(0x1234, r.v.gdtLimit);
        r.step();
        assertEquals(0x89AB_CDEFL, r.v.gdtBase);
    }

    @Test
    void lidtAndSidtIn64BitMode() {
        Rig r = new Rig().long64(0).code("0f011c25 00a00000 0f010c25 00b00000");
        r.put(0xA000, 2, 0xFFF).put(0xA002, 8, 0xFFFF_8000_0000_1000L).steps(2);
        assertEquals(0xFFFF_8000_0000_1000L, r.v.idtBase);
        assertEquals(0xFFF, r.get(0xB000, 2));
        assertEquals(0xFFFF_8000_0000_1000L, r.get(0xB002, 8));
    }

    @Test
    void nonCanonicalBaseIsRefused() {
        Rig r = new Rig().long64(0).code("0f011c25 00a00000").put(0xA002, 8, 1L << 47);
        assertEquals(13, r.raises());
    }

    @ParameterizedTest
    @ValueSource(strings = {"0f01142500a00000", "0f011c2500a00000", "0f00d8", "0f00d0", "0f01f0"})
    void privileged(String code) {
        assertEquals(13, new Rig().long64(3).code(code).raises());
    }

    @ParameterizedTest
    @ValueSource(strings = {"0f01042500a00000", "0f010c2500a00000", "0f00c0", "0f00c8", "0f01e0"})
    void umipHidesTheTables(String code) {
        Rig r = new Rig().long64(3).code(code);
        assertEquals(-1, r.raises());
        r = new Rig().long64(3).code(code);
        r.v.cr4 |= VcpuContext.CR4_UMIP;
        assertEquals(13, r.raises());
    }

    @ParameterizedTest
    @ValueSource(strings = {"0f00c0", "0f00c8", "0f00d0", "0f00d8", "0f00e0", "0f00e8"})
    void onlyInProtectedMode(String code) {
        assertEquals(6, new Rig().real().code(code).raises());
        assertEquals(6, new Rig().v86(3).code(code).raises());
    }

    @Test
    void ltrMarksTheTssBusy() {
        Rig r = new Rig().protected32(0).code("0f00d8");
        r.v.gpr[0] = TR2;
        r.step();
        assertEquals(0x8B, r.get(GDT + TR2 + 5, 1));
        assertEquals(TSS2, r.v.segBase[Segments.TR]);
        assertEquals(0x8B, r.v.segAttr[Segments.TR]);
    }

    @Test
    void ltrIn64BitModeReads16Bytes() {
        Rig r = new Rig().long64(0).code("0f00d8").gdt(FREE, descriptor(TSS2, 0x67, 0x89));
        r.gdt(FREE + 8, 0xFFFF_8000L);
        r.v.gpr[0] = FREE;
        r.step();
        assertEquals(0xFFFF_8000_0000_3400L, r.v.segBase[Segments.TR]);
    }

    @Test
    void lldt() {
        Rig r =
                new Rig()
                        .protected32(0)
                        .code("0f00d0 0f00d0")
                        .gdt(FREE, descriptor(LDT, 0x17, 0x82));
        r.v.gpr[0] = FREE;
        r.step();
        assertEquals(LDT, r.v.segBase[Segments.LDTR]);
        assertEquals(0x17, r.v.segLimit[Segments.LDTR]);
        r.v.gpr[0] = 0;
        r.step();
        assertEquals(Segments.UNUSABLE, r.v.segAttr[Segments.LDTR]);
    }

    @ParameterizedTest(name = "{0}, upper half {1}: #{2}")
    @CsvSource({
        "ltr, 00008000, 13", "ltr, FFFF7FFF, 13", "ltr, 00007FFF, -1", "ltr, FFFF8000, -1",
        "lldt, 00008000, 13", "lldt, FFFF7FFF, 13", "lldt, 00007FFF, -1", "lldt, FFFF8000, -1",
    })
    void basesIn64BitModeAreCanonical(String what, String high, int vector) {
        boolean task = what.equals("ltr");
        Rig r = new Rig().long64(0).code(task ? "0f00d8" : "0f00d0");
        r.gdt(FREE, descriptor(TSS2, 0x67, task ? 0x89 : 0x82));
        r.gdt(FREE + 8, Long.parseLong(high, 16));
        r.v.gpr[0] = FREE | 3;
        String before = r.state();
        assertEquals(vector, r.raises());
        if (vector >= 0) {
            assertEquals(FREE, r.v.fault.errorCode);
            assertEquals(before, r.state());
        }
    }

    @ParameterizedTest(name = "{0} {1}: #{2}({3})")
    @CsvSource({
        "ltr, 0000, 13, 0000",
        "ltr, 0040, 13, 0040", // busy
        "ltr, 006C, 13, 006C", // in the LDT
        "ltr, 0108, 13, 0108",
        "ltr, 0008, 13, 0008",
        "ltr, 0090, 11, 0090",
        "lldt, 0068, 13, 0068",
        "lldt, 0098, 11, 0098",
    })
    void refused(String what, String selector, int vector, String error) {
        Rig r = new Rig().protected32(0).code(what.equals("ltr") ? "0f00d8" : "0f00d0");
        r.gdt(0x90, descriptor(0, 0x67, 0x09)).gdt(0x98, descriptor(0, 0x67, 0x02));
        r.v.gpr[0] = Integer.parseInt(selector, 16);
        String before = r.state();
        assertEquals(vector, r.raises());
        assertEquals(Integer.parseInt(error, 16), r.v.fault.errorCode);
        assertEquals(before, r.state());
    }

    @Test
    void strAndSldtAndSmsw() {
        Rig r = new Rig().protected32(0).code("0f00c8 0f01e1");
        r.v.gpr[1] = 0;
        r.steps(2);
        assertEquals(TR, r.v.gpr[0]);
        assertEquals(r.v.cr0, r.v.gpr[1]);
    }

    @Test
    void lmswSetsButNeverClearsPe() {
        Rig r = new Rig().real().code("0f01f0 0f01f0");
        r.v.gpr[0] = 0xFFFB;
        r.step();
        assertEquals(0x6000_001BL, r.v.cr0);
        r.v.gpr[0] = 0;
        r.step();
        assertEquals(0x6000_0011L, r.v.cr0);
    }
}
