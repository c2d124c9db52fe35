// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.system;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.faultline.api.cpu.Segments;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.debug.Debug;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * MOV to and from CRn and DRn, CLTS: checks and mode transitions. SDM 2B, "MOV-Move to/from Control
 * Registers".
 */
class ControlRegistersTest {
    @ParameterizedTest(name = "{0}: cr{1} = {2}")
    @CsvSource({
        "32, 0, 80000000", // PG without PE
        "32, 0, 20000011", // NW without CD
        "64, 0, 11", // PG cleared in 64-bit mode
        "64, 0, 180000011", // upper half
        "64, 4, 0", // PAE cleared in IA-32e mode
        "64, 4, 20020", // PCIDE
        "64, 4, 40020", // OSXSAVE
        "64, 4, 80000020",
        "64, 3, 400000000000", // beyond the physical address width
        "64, 8, 10",
    })
    void refused(int bits, int cr, String value) {
        Rig r = bits == 64 ? new Rig().long64(0) : new Rig().protected32(0);
        r.code(cr == 8 ? "44 0f22c0" : "0f22" + Integer.toHexString(0xC0 | cr << 3));
        r.v.gpr[0] = Long.parseUnsignedLong(value, 16);
        String before = r.state();
        assertEquals(13, r.raises());
        assertEquals(0, r.v.fault.errorCode);
        assertEquals(before, r.state());
    }

    @ParameterizedTest
    @ValueSource(strings = {"0f22c0", "0f20c0", "0f20d8", "0f23c0", "0f21f8", "0f06"})
    void privileged(String code) {
        assertEquals(13, new Rig().long64(3).code(code).raises());
    }

    @ParameterizedTest
    @ValueSource(strings = {"0f22c8", "0f20e8", "0f20f0", "44 0f20c8", "44 0f21c0"})
    void noSuchRegister(String code) {
        assertEquals(6, new Rig().long64(0).code(code).raises());
    }

    @Test
    void modBitsAreIgnored() {
        // mov eax, cr0 with mod = 0 is still a register form
        Rig r = new Rig().protected32(0).code("0f2000");
        r.step();
        assertEquals(r.v.cr0, r.v.gpr[0]);
        assertEquals(Rig.CODE + 3, r.v.rip);
    }

    @Test
    void pagingWithLmeEntersIa32e() {
        Rig r = new Rig().protected32(0).code("0f22c0 0f22c0");
        r.v.cr4 = VcpuContext.CR4_PAE;
        r.v.efer = VcpuContext.EFER_LME;
        r.v.gpr[0] = 0x8000_0011L;
        r.step();
        assertEquals(VcpuContext.EFER_LMA | VcpuContext.EFER_LME, r.v.efer);
        assertEquals(32, r.v.codeBits);
        assertTrue(r.flushes > 0);
        r.v.gpr[0] = 0x11;
        r.step();
        assertEquals(VcpuContext.EFER_LME, r.v.efer);
    }

    @Test
    void pagingWithLmeNeedsPae() {
        Rig r = new Rig().protected32(0).code("0f22c0");
        r.v.efer = VcpuContext.EFER_LME;
        r.v.gpr[0] = 0x8000_0011L;
        assertEquals(13, r.raises());
    }

    @Test
    void paeLoadsThePdptes() {
        Rig r = new Rig().protected32(0).code("0f22c0");
        r.v.cr4 = VcpuContext.CR4_PAE;
        r.badPdptes = true;
        r.v.gpr[0] = 0x8000_0011L;
        assertEquals(13, r.raises());
        assertEquals(0, r.v.cr0 & 0x8000_0000L);
    }

    @Test
    void etIsAlwaysSetAndReservedBitsStayClear() {
        Rig r = new Rig().protected32(0).code("0f22c0");
        r.v.gpr[0] = 0x5FFF_FFEFL & ~0x2000_0000L;
        r.step();
        assertEquals(0x4005_003FL, r.v.cr0);
    }

    @Test
    void leavingProtectedModeMakesCsWritable() {
        Rig r = new Rig().protected32(0).code("0f22c0");
        r.v.gpr[0] = 0x10;
        r.step();
        assertEquals(0, r.v.cpl);
        assertEquals(0xC093, r.v.segAttr[Segments.CS]);
    }

    @Test
    void cr8IsTheTaskPriority() {
        Rig r = new Rig().long64(0).code("44 0f22c0 44 0f20c1");
        r.v.gpr[0] = 9;
        r.steps(2);
        assertEquals(9, r.interrupts.priority);
        assertEquals(9, r.v.gpr[1]);
    }

    @Test
    void clts() {
        Rig r = new Rig().protected32(0).code("0f06");
        r.v.cr0 |= VcpuContext.CR0_TS;
        r.step();
        assertEquals(0, r.v.cr0 & VcpuContext.CR0_TS);
    }

    // ---- debug registers

    @Test
    void dr6AndDr7HaveFixedBits() {
        Rig r = new Rig().long64(0).code("0f23f0 0f23f8");
        r.v.gpr[0] = 0xFFFF_FFFFL;
        r.steps(1);
        assertEquals(0xFFFF_EFFFL, r.v.dr[6]);
        r.v.gpr[0] = 0xFFFF_DF00L;
        r.step();
        assertEquals(0xFFFF_0700L, r.v.dr[7]);
    }

    @Test
    void upperHalvesOfDr6AndDr7AreReserved() {
        Rig r = new Rig().long64(0).code("0f23f8");
        r.v.gpr[0] = 1L << 32;
        assertEquals(13, r.raises());
    }

    @Test
    void dr4IsDr6UnlessDe() {
        Rig r = new Rig().protected32(0).code("0f21e0");
        r.step();
        assertEquals(0xFFFF_0FF0L, r.v.gpr[0]);
        r = new Rig().protected32(0).code("0f21e0");
        r.v.cr4 |= VcpuContext.CR4_DE;
        assertEquals(6, r.raises());
    }

    @Test
    void generalDetect() {
        Rig r = new Rig().protected32(0).code("0f21c0");
        r.v.dr[7] |= Debug.DR7_GD;
        assertEquals(1, r.raises());
        assertEquals(Debug.DR6_BD, r.v.dr[6] & Debug.DR6_BD);
    }
}
