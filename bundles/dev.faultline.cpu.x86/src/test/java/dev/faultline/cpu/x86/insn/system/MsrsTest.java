// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.system;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.faultline.api.cpu.Segments;
import dev.faultline.api.engine.VcpuContext;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** RDMSR and WRMSR. SDM 4, "Model-Specific Registers (MSRs)". */
class MsrsTest {
    private static Rig write(long msr, long value) {
        Rig r = new Rig().long64(0).code("0f30 0f32");
        r.v.gpr[1] = msr;
        r.v.gpr[0] = value & 0xFFFF_FFFFL;
        r.v.gpr[2] = value >>> 32;
        return r;
    }

    @ParameterizedTest(name = "{0} = {1}")
    @CsvSource({
        "10, 123456789A",
        "3B, 5",
        "48, 401",
        "174, 10",
        "175, FFFF800000001000",
        "176, 1000",
        "277, 0007010600070106",
        "C0000081, 23001000000000",
        "C0000082, FFFFFFFF81000000",
        "C0000083, 1",
        "C0000084, 47700",
        "C0000100, 7FFFFFFFFFFF",
        "C0000101, FFFF888000000000",
        "C0000102, 0",
        "C0000103, 5",
        "2FF, C06",
        "200, 6",
        "201, 3FFFC0000800",
        "250, 0606060606060606",
        "269, 0",
        "6E0, 77",
        "1B, FEE00900",
    })
    void readsBackWhatWasWritten(String msr, String value) {
        long x = Long.parseUnsignedLong(value, 16);
        Rig r = write(Long.parseLong(msr, 16), x);
        r.steps(2);
        assertEquals(x, r.v.gpr[2] << 32 | r.v.gpr[0]);
    }

    @ParameterizedTest(name = "{0} = {1}")
    @CsvSource({
        "C0000080, 1D00", // reserved EFER bit
        "48, 2", // STIBP is not claimed
        "49, 2", // only IBPB
        "C0000080, 1", // LME cleared under paging
        "C0000100, 800000000000",
        "C0000082, 800000000000",
        "175, 800000000000",
        "277, 2", // memory type
        "2FF, 7",
        "200, 400000000000",
        "C0000103, 100000000",
        "1D9, 2",
        "CE, 0", // read-only
        "10A, 0",
        "12345678, 0",
    })
    void refused(String msr, String value) {
        Rig r = write(Long.parseLong(msr, 16), Long.parseUnsignedLong(value, 16));
        String before = r.state();
        assertEquals(13, r.raises());
        assertEquals(0, r.v.fault.errorCode);
        assertEquals(before, r.state());
    }

    @ParameterizedTest
    @ValueSource(strings = {"0f30", "0f32"})
    void privileged(String code) {
        assertEquals(13, new Rig().long64(3).code(code).raises());
    }

    @Test
    void unknownMsrIsRefused() {
        Rig r = new Rig().long64(0).code("0f32");
        r.v.gpr[1] = 0xC001_0015L;
        assertEquals(13, r.raises());
    }

    @Test
    void fsBaseTakesEffectAtOnce() {
        // wrmsr; mov ... through lfs is avoided: effBase is what addresses use
        Rig r = write(0xC000_0100L, 0x1234_0000L);
        r.step();
        assertEquals(0x1234_0000L, r.v.effBase[Segments.FS]);
    }

    @Test
    void nxeFlushes() {
        Rig r = write(0xC000_0080L, 0xD01);
        r.step();
        assertTrue(r.flushes > 0);
        assertEquals(0xD01, r.v.efer);
    }

    @Test
    void tscCountsFromWhatWasWritten() {
        Rig r = write(0x10, 1000).code("0f30 0f31");
        r.steps(2);
        assertEquals(1000, r.v.gpr[0]);
        assertEquals(0, r.v.gpr[2]);
    }

    @Test
    void tsdForbidsRdtscOutsideRing0() {
        Rig r = new Rig().long64(3).code("0f31");
        r.v.cr4 |= VcpuContext.CR4_TSD;
        assertEquals(13, r.raises());
        r = new Rig().long64(0).code("0f01f9");
        r.v.cr4 |= VcpuContext.CR4_TSD;
        r.v.tscAux = 7;
        r.step();
        assertEquals(7, r.v.gpr[1]);
        assertEquals(5, r.v.gpr[0]);
        assertEquals(1, r.v.gpr[2]);
    }

    @Test
    void rdpmcHasNoCounters() {
        assertEquals(13, new Rig().long64(0).code("0f33").raises());
    }
}
