// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.system;

import static dev.faultline.cpu.x86.insn.system.Rig.TSS;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.faultline.api.cpu.Segments;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.engine.VcpuLoop;
import dev.faultline.api.protection.Rights;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * IN OUT INS OUTS: sizes, permission bitmap, and that a port is touched once, after everything that
 * can fault.
 */
class PortIoTest {
    @ParameterizedTest(name = "{0}: rax {1}, {2}")
    @CsvSource({
        "e4 60, FFFFFFFFFFFFFF78, in 60 1",
        "66e5 60, FFFFFFFFFFFF5678, in 60 2",
        "e5 60, 12345678, in 60 4",
        "ec, FFFFFFFFFFFFFF78, in 3f8 1",
        "48ed, 12345678, in 3f8 4",
    })
    void in(String code, String rax, String access) {
        Rig r = new Rig().long64(0).code(code);
        r.v.gpr[0] = -1;
        r.v.gpr[2] = 0x3F8;
        r.step();
        assertEquals(Long.parseUnsignedLong(rax, 16), r.v.gpr[0]);
        assertEquals(List.of(access), r.bus.log);
    }

    @Test
    void out() {
        Rig r = new Rig().long64(0).code("e6ff 66ef ef");
        r.v.gpr[0] = 0xFFFF_FFFF_89AB_CDEFL;
        r.v.gpr[2] = 0xABCD_0CF8L;
        r.steps(3);
        assertEquals(List.of("out ff 1 ef", "out cf8 2 cdef", "out cf8 4 89abcdef"), r.bus.log);
    }

    @ParameterizedTest(name = "port {0} size {1}, bitmap {2} at {3}, limit {4}: {5}")
    @CsvSource({
        "60, 1, 00, 68, FF, -1",
        "60, 1, 01, 68, FF, 13",
        "60, 4, 08, 68, FF, 13",
        "60, 4, 10, 68, FF, -1",
        "60, 1, 00, F3, FF, 13", // second byte beyond the limit
        "60, 1, 00, F2, FF, -1",
    })
    void permissionBitmap(String port, int size, String bits, String at, String limit, int vector) {
        Rig r = new Rig().protected32(3).code(size == 1 ? "ec" : "ed");
        int map = Integer.parseInt(at, 16);
        int p = Integer.parseInt(port, 16);
        r.put(TSS + 0x66, 2, map);
        r.put(TSS + map + p / 8, 1, Integer.parseInt(bits, 16));
        r.v.segLimit[Segments.TR] = Integer.parseInt(limit, 16);
        r.v.gpr[2] = p;
        assertEquals(vector, r.raises());
        assertEquals(vector < 0 ? 1 : 0, r.bus.log.size());
    }

    @Test
    void ioplAllowsWithoutABitmap() {
        Rig r = new Rig().protected32(3).code("ec");
        r.v.segAttr[Segments.TR] = 0;
        assertEquals(13, r.raises());
        r.v.eflags |= VcpuContext.IOPL;
        assertEquals(-1, r.raises());
    }

    @Test
    void v86AlwaysAsksTheBitmap() {
        Rig r = new Rig().v86(3).code("ec").put(TSS + 0x66, 2, 0x68).put(TSS + 0x68, 1, 1);
        r.v.gpr[2] = 0;
        assertEquals(13, r.raises());
    }

    @Test
    void repInsbGoesOnAfterAnInterruption() {
        // rep insb
        Rig r = new Rig().long64(0).code("f36c");
        r.v.gpr[1] = 3;
        r.v.gpr[2] = 0x1F0;
        r.v.gpr[7] = 0xA000;
        r.step();
        assertEquals(2, r.v.gpr[1]);
        assertEquals(0xA001, r.v.gpr[7]);
        assertEquals(Rig.CODE, r.v.rip);
        r.steps(2);
        assertEquals(0, r.v.gpr[1]);
        assertEquals(Rig.CODE + 2, r.v.rip);
        assertEquals(0x787878, r.get(0xA000, 4));
        assertEquals(3, r.bus.log.size());
    }

    @Test
    void repWithZeroDoesNothing() {
        Rig r = new Rig().protected32(3).code("f36c");
        r.v.gpr[1] = 0;
        assertEquals(-1, r.raises());
        assertEquals(Rig.CODE + 2, r.v.rip);
        assertEquals(List.of(), r.bus.log);
    }

    @Test
    void outsCountsDownAndUsesTheOverride() {
        // std-like: DF set; outsw fs:[si]
        Rig r = new Rig().real().code("64 6f");
        r.v.eflags |= VcpuContext.DF;
        r.v.segBase[Segments.FS] = 0xA000;
        r.v.gpr[6] = 0xFFFF_0000L;
        r.v.gpr[2] = 0x80;
        r.put(0xA000, 2, 0xBEEF);
        r.v.recompute();
        r.step();
        assertEquals(List.of("out 80 2 beef"), r.bus.log);
        assertEquals(0xFFFF_FFFEL, r.v.gpr[6]);
    }

    @Test
    void aStoppedInsDoesNotReadThePort() {
        Rig r = new Rig().long64(0).code("6d");
        r.v.gpr[7] = 0xA000;
        r.protection.userLayer().protectPage(0xA, Rights.NONE);
        assertEquals(VcpuLoop.EXIT_FAULT, r.step());
        assertEquals(List.of(), r.bus.log);
        r.protection.userLayer().protectPage(0xA, Rights.RWX);
        r.step();
        assertEquals(1, r.bus.log.size());
        assertEquals(0x1234_5678L, r.get(0xA000, 4));
    }
}
