// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.system;

import static dev.faultline.cpu.x86.insn.system.Rig.CODE;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.faultline.api.cpu.Segments;
import dev.faultline.api.engine.VcpuContext;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** SYSCALL SYSRET SYSENTER SYSEXIT SWAPGS RDFSBASE... */
class FastSystemCallsTest {
    private static Rig rig(int cpl, String code) {
        Rig r = new Rig().long64(cpl).code(code);
        r.v.star = 0x0023_0010L << 32;
        r.v.lstar = 0xFFFF_FFFF_8100_0000L;
        r.v.fmask = 0x4_7700;
        r.v.sysenterCs = 0x10;
        r.v.sysenterEsp = 0xFFFF_8000_0000_7000L;
        r.v.sysenterEip = 0xFFFF_8000_0000_9000L;
        return r;
    }

    @Test
    void syscall() {
        Rig r = rig(3, "0f05");
        r.v.eflags |= VcpuContext.IF;
        r.v.setStatusFlags(VcpuContext.CF);
        r.step();
        assertEquals(0xFFFF_FFFF_8100_0000L, r.v.rip);
        assertEquals(CODE + 2, r.v.gpr[1]);
        assertEquals(0x203, r.v.gpr[11]);
        assertEquals(3, r.v.getFlags());
        assertEquals(0x10, r.v.segSel[Segments.CS]);
        assertEquals(0x18, r.v.segSel[Segments.SS]);
        assertEquals(0, r.v.cpl);
        assertEquals(64, r.v.codeBits);
        assertEquals(0xA09B, r.v.segAttr[Segments.CS]);
        assertEquals(0xC093, r.v.segAttr[Segments.SS]);
    }

    @Test
    void sysretq() {
        Rig r = rig(0, "480f07");
        r.v.gpr[1] = 0x1234_5678_9ABCL;
        r.v.gpr[11] = 0xFFFF_FFFF_FFFFL;
        r.step();
        assertEquals(0x1234_5678_9ABCL, r.v.rip);
        assertEquals(0x33, r.v.segSel[Segments.CS]);
        assertEquals(0x2B, r.v.segSel[Segments.SS]);
        assertEquals(3, r.v.cpl);
        assertEquals(0x3C_7FD7, r.v.getFlags());
    }

    @Test
    void sysretToCompatibilityMode() {
        Rig r = rig(0, "0f07");
        r.v.gpr[1] = 0xFFFF_FFFF_0000_9000L;
        r.step();
        assertEquals(0x9000, r.v.rip);
        assertEquals(0x23, r.v.segSel[Segments.CS]);
        assertEquals(32, r.v.codeBits);
    }

    @Test
    void sysretChecks() {
        Rig r = rig(0, "480f07");
        r.v.gpr[1] = 1L << 47;
        assertEquals(13, r.raises());
        assertEquals(13, rig(3, "480f07").raises());
        r = rig(0, "480f07");
        r.v.efer &= ~(long) VcpuContext.EFER_SCE;
        assertEquals(6, r.raises());
    }

    @Test
    void syscallOnlyIn64BitMode() {
        assertEquals(6, new Rig().protected32(3).code("0f05").raises());
    }

    @Test
    void sysenterAndSysexit64() {
        Rig r = rig(3, "0f34");
        r.v.eflags |= VcpuContext.IF;
        r.step();
        assertEquals(0xFFFF_8000_0000_9000L, r.v.rip);
        assertEquals(0xFFFF_8000_0000_7000L, r.v.gpr[4]);
        assertEquals(0x10, r.v.segSel[Segments.CS]);
        assertEquals(0x18, r.v.segSel[Segments.SS]);
        assertEquals(0, r.v.eflags & VcpuContext.IF);
        r = rig(0, "480f35");
        r.v.gpr[1] = 0x7000;
        r.v.gpr[2] = 0x9000;
        r.step();
        assertEquals(0x33, r.v.segSel[Segments.CS]);
        assertEquals(0x3B, r.v.segSel[Segments.SS]);
        assertEquals(0x7000, r.v.gpr[4]);
        assertEquals(0x9000, r.v.rip);
    }

    @Test
    void sysenterWithoutACodeSegmentIsRefused() {
        Rig r = rig(3, "0f34");
        r.v.sysenterCs = 3;
        assertEquals(13, r.raises());
        assertEquals(13, new Rig().real().code("0f34").raises());
    }

    @Test
    void swapgs() {
        Rig r = rig(0, "0f01f8");
        r.v.kernelGsBase = 0xFFFF_8880_0000_0000L;
        r.v.segBase[Segments.GS] = 0x7000;
        r.step();
        assertEquals(0xFFFF_8880_0000_0000L, r.v.effBase[Segments.GS]);
        assertEquals(0x7000, r.v.kernelGsBase);
        assertEquals(13, rig(3, "0f01f8").raises());
    }

    @ParameterizedTest
    @ValueSource(strings = {"f3480faec0", "f30faec8", "f3480faed0", "f30faed8"})
    void fsgsbaseNeedsCr4(String code) {
        assertEquals(6, rig(3, code).raises());
    }

    @Test
    void fsgsbase() {
        // wrgsbase rax; rdgsbase ecx
        Rig r = rig(3, "f3480faed8 f30faec9");
        r.v.cr4 |= VcpuContext.CR4_FSGSBASE;
        r.v.gpr[0] = 0x1234_5678_9ABCL;
        r.steps(2);
        assertEquals(0x1234_5678_9ABCL, r.v.effBase[Segments.GS]);
        assertEquals(0x5678_9ABCL, r.v.gpr[1]);
        r = rig(3, "f3480faed0");
        r.v.cr4 |= VcpuContext.CR4_FSGSBASE;
        r.v.gpr[0] = 1L << 47;
        assertEquals(13, r.raises());
    }
}
