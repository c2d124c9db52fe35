// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.system;

import static dev.faultline.cpu.x86.insn.system.Rig.descriptor;
import static dev.faultline.cpu.x86.insn.system.Rig.gate;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.faultline.api.engine.VcpuContext;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** LAR LSL VERR VERW ARPL. */
class SegmentQueriesTest {
    private static Rig rig(int cpl, String code, int selector) {
        Rig r = new Rig().protected32(cpl).code(code);
        r.gdt(0x90, descriptor(0, 0x1234, 0x0040_99 & 0xF0FF)).gdt(0x98, gate(0xC, 3, 8, 0, 0));
        r.gdt(0xA0, descriptor(0, 0x67, 0x89)).gdt(0xA8, gate(0xE, 3, 8, 0, 0));
        r.v.gpr[1] = selector;
        r.v.gpr[0] = 0x5555_5555L;
        return r;
    }

    @ParameterizedTest(name = "lar {0} at {1}: {2}")
    @CsvSource({
        "0000, 0, -",
        "0008, 0, CF9B00",
        "0010, 0, CF9300",
        "0108, 0, -",
        "0010, 3, -",
        "0013, 0, -",
        "0063, 3, CF9F00",
        "0098, 3, EC00",
        "00A0, 0, 8900",
        "00A8, 3, -",
        "0023, 3, CFF300",
    })
    void lar(String selector, int cpl, String want) {
        Rig r = rig(cpl, "0f02c1", Integer.parseInt(selector, 16));
        r.step();
        boolean known = !want.equals("-");
        assertEquals(known, (r.v.getFlags() & VcpuContext.ZF) != 0);
        assertEquals(known ? Long.parseLong(want, 16) : 0x5555_5555L, r.v.gpr[0]);
    }

    @ParameterizedTest(name = "lsl {0}: {1}")
    @CsvSource({"0008, FFFFFFFF", "0050, FFFF", "00A0, 67", "0098, -", "0000, -"})
    void lsl(String selector, String want) {
        Rig r = rig(0, "0f03c1", Integer.parseInt(selector, 16));
        r.step();
        boolean known = !want.equals("-");
        assertEquals(known, (r.v.getFlags() & VcpuContext.ZF) != 0);
        assertEquals(known ? Long.parseLong(want, 16) : 0x5555_5555L, r.v.gpr[0]);
    }

    @Test
    void sixteenBitResultsKeepTheUpperHalf() {
        Rig r = rig(0, "66 0f03c1", 0x08);
        r.step();
        assertEquals(0x5555_FFFFL, r.v.gpr[0]);
    }

    @ParameterizedTest(name = "verr {0} at {1}: {2}, verw: {3}")
    @CsvSource({
        "0008, 0, true, false",
        "0010, 0, true, true",
        "0090, 0, false, false", // execute-only
        "0063, 3, true, false", // conforming
        "0010, 3, false, false",
        "00A0, 0, false, false",
        "0000, 0, false, false",
    })
    void verify(String selector, int cpl, boolean read, boolean write) {
        int s = Integer.parseInt(selector, 16);
        Rig r = rig(cpl, "0f00e1", s);
        r.step();
        assertEquals(read, (r.v.getFlags() & VcpuContext.ZF) != 0);
        r = rig(cpl, "0f00e9", s);
        r.step();
        assertEquals(write, (r.v.getFlags() & VcpuContext.ZF) != 0);
    }

    @ParameterizedTest(name = "arpl {0}, {1}: {2} ZF {3}")
    @CsvSource({"0010, 0003, 0013, true", "0013, 0001, 0013, false", "0011, 0001, 0011, false"})
    void arpl(String to, String from, String want, boolean zf) {
        // arpl ax, cx
        Rig r = new Rig().protected32(3).code("63c8");
        r.v.gpr[0] = 0xABCD_0000L | Integer.parseInt(to, 16);
        r.v.gpr[1] = Integer.parseInt(from, 16);
        r.step();
        assertEquals(0xABCD_0000L | Integer.parseInt(want, 16), r.v.gpr[0]);
        assertEquals(zf, (r.v.getFlags() & VcpuContext.ZF) != 0);
    }
}
