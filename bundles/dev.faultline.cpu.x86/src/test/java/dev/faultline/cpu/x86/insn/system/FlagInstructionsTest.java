// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.system;

import static dev.faultline.cpu.x86.insn.system.Rig.STACK0;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.faultline.api.engine.VcpuContext;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * PUSHF POPF CLI STI CLAC STAC by CPL and IOPL. SDM 2B, table "Effect of POPF/POPFD on the EFLAGS
 * Register".
 */
class FlagInstructionsTest {
    @ParameterizedTest(name = "popf{1} in {0}, IOPL {2}, from {3}: {4}")
    @CsvSource({
        // All bits of the image set, EFLAGS otherwise 2.
        "p0, 32, 0, 0, 247FD7",
        "p0, 16, 0, 0, 7FD7",
        "p3, 32, 0, 0, 244DD7",
        "p3, 32, 3, 0, 247FD7",
        "p3, 16, 3, 0, 7FD7",
        "v86, 16, 3, 0, 27FD7",
        "real, 16, 0, 0, 7FD7",
        "real, 32, 0, 0, 247FD7",
    })
    void popfWithAllBitsSet(String mode, int bits, int iopl, String none, String want) {
        Rig r = mode(mode, iopl);
        boolean narrow = mode.equals("real") || mode.equals("v86");
        r.code((bits == 16) == narrow ? "9d" : "66 9d");
        r.put((int) r.v.gpr[4], 4, 0xFFFF_FFFFL);
        r.v.gpr[4] += 0;
        r.raises();
        assertEquals(Integer.parseInt(want, 16), r.v.getFlags());
    }

    private static Rig mode(String mode, int iopl) {
        Rig r =
                switch (mode) {
                    case "p0" -> new Rig().protected32(0);
                    case "p3" -> new Rig().protected32(3);
                    case "v86" -> new Rig().v86(iopl);
                    default -> new Rig().real();
                };
        r.v.eflags |= iopl << 12;
        return r;
    }

    @Test
    void popfAtRing3KeepsIfAndIopl() {
        Rig r = new Rig().protected32(3).code("9d").put(Rig.STACK3, 4, 0);
        r.v.eflags |= VcpuContext.IF | 0x2000;
        r.step();
        assertEquals(VcpuContext.IF | 0x2002, r.v.eflags);
    }

    @Test
    void v86NeedsIopl3() {
        assertEquals(13, new Rig().v86(2).code("9d").raises());
        assertEquals(13, new Rig().v86(2).code("9c").raises());
        assertEquals(-1, new Rig().v86(3).code("9c").raises());
    }

    @Test
    void pushfHidesRfAndVm() {
        Rig r = new Rig().protected32(0).code("9c");
        r.v.eflags |= VcpuContext.RF | VcpuContext.IF;
        r.step();
        assertEquals(0x202, r.get(STACK0 - 0x404, 4) & ~VcpuContext.STATUS_FLAGS);
    }

    @ParameterizedTest(name = "{0} IOPL {1}: {2}")
    @CsvSource({"p0, 0, -1", "p3, 0, 13", "p3, 3, -1", "v86, 2, 13", "v86, 3, -1", "real, 0, -1"})
    void cliAndSti(String mode, int iopl, int vector) {
        assertEquals(vector, mode(mode, iopl).code("fa").raises());
        assertEquals(vector, mode(mode, iopl).code("fb").raises());
    }

    @Test
    void stacAndClacChangeTheRights() {
        Rig r = new Rig().long64(0).code("0f01cb 0f01ca");
        r.v.cr4 |= VcpuContext.CR4_SMAP;
        r.v.recompute();
        assertEquals(1, r.v.tlbKey & 3);
        r.step();
        assertEquals(2, r.v.tlbKey & 3);
        r.step();
        assertEquals(1, r.v.tlbKey & 3);
        assertEquals(6, new Rig().long64(3).code("0f01cb").raises());
    }

    @Test
    void hltIsPrivileged() {
        assertEquals(13, new Rig().long64(3).code("f4").raises());
        Rig r = new Rig().long64(0).code("f4");
        assertEquals(dev.faultline.api.engine.VcpuLoop.EXIT_HALT, r.step());
        assertEquals(VcpuContext.HALTED, r.v.activity);
        assertEquals(Rig.CODE + 1, r.v.rip);
    }
}
