// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.semantics.system;

import static dev.faultline.cpu.x86.semantics.system.Rig.CODE;
import static dev.faultline.cpu.x86.semantics.system.Rig.CS64;
import static dev.faultline.cpu.x86.semantics.system.Rig.gate;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.faultline.api.cpu.VcpuContext;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Single-stepping and breakpoints. SDM 3B, "Debug Exceptions". */
class DebugTest {
    private static final int HANDLER = 0x9000;

    private static Rig rig(String code) {
        Rig r = new Rig().long64(0).code(code).bytes(HANDLER, "48cf");
        r.idt64(1, gate(0xE, 0, CS64, HANDLER, 0), 0);
        r.idt64(0x30, gate(0xF, 0, CS64, HANDLER, 0), 0);
        return r;
    }

    private static void arm(Rig r, int index, long address, int kind, int length) {
        r.v.dr[index] = address;
        r.v.dr[7] |= 2L << 2 * index | (long) (length << 2 | kind) << 16 + 4 * index;
    }

    @Test
    void nothingIsNeededUnarmed() {
        assertFalse(Debug.needed(rig("f4").v));
    }

    @Test
    void trapFlagTrapsAfterTheNextInstruction() {
        // popfq sets TF; the instruction after it is trapped
        Rig r = rig("9d 0f09 0f09");
        r.put((int) r.v.gpr[4], 8, 0x102);
        r.step();
        assertEquals(CODE + 1, r.v.rip);
        assertTrue(Debug.needed(r.v));
        r.step();
        assertEquals(HANDLER, r.v.rip);
        assertEquals(CODE + 3, r.get(r.v.gpr[4], 8));
        assertEquals(Debug.DR6_BS, r.v.dr[6] & Debug.DR6_BS);
        assertEquals(VcpuContext.TF, r.get(r.v.gpr[4] + 16, 8) & VcpuContext.TF);
        assertEquals(0, r.v.eflags & VcpuContext.TF);
    }

    @Test
    void intnDoesNotTrapInTheHandler() {
        Rig r = rig("cd30");
        r.v.eflags |= VcpuContext.TF;
        r.step();
        assertEquals(HANDLER, r.v.rip);
        assertEquals(CODE + 2, r.get(r.v.gpr[4], 8));
    }

    @Test
    void movSsHoldsTheTrapOff() {
        Rig r = rig("8ed0 0f09");
        r.v.gpr[0] = Rig.DS0;
        r.v.eflags |= VcpuContext.TF;
        r.step();
        assertEquals(CODE + 2, r.v.rip);
        r.step();
        assertEquals(HANDLER, r.v.rip);
        assertEquals(CODE + 4, r.get(r.v.gpr[4], 8));
    }

    @Test
    void instructionBreakpointIsAFaultThatRfPasses() {
        Rig r = rig("0f09 0f09");
        arm(r, 1, CODE, 0, 0);
        r.step();
        assertEquals(HANDLER, r.v.rip);
        long sp = r.v.gpr[4];
        assertEquals(CODE, r.get(sp, 8));
        assertEquals(2, r.v.dr[6] & 0xF);
        // The handler sets RF in the image and returns.
        r.put((int) sp + 16, 8, VcpuContext.RF | 2);
        r.step();
        assertEquals(CODE, r.v.rip);
        r.step();
        assertEquals(CODE + 2, r.v.rip);
        assertEquals(0, r.v.eflags & VcpuContext.RF);
    }

    @ParameterizedTest(name = "{0} bytes, kind {1}, write of 8 at {2}: {3}")
    @CsvSource({
        "0, 1, A000, true", "0, 1, A007, true", "0, 1, A008, false", "0, 1, 9FFF, false",
        "3, 1, 9FFE, false", "3, 3, A006, true", "2, 1, 9FF9, false", "2, 1, A000, true",
    })
    void dataBreakpointOnWrites(int length, int kind, String address, boolean hit) {
        // str-like store of 8 bytes: mov [0xa000], rax
        Rig r = rig("4889042500a00000");
        arm(r, 2, Long.parseLong(address, 16), kind, length);
        r.step();
        assertEquals(hit ? HANDLER : CODE + 8, r.v.rip);
        assertEquals(hit ? 4 : 0, r.v.dr[6] & 0xF);
    }

    @Test
    void readsMeetOnlyReadWriteBreakpoints() {
        // mov rax, [0xa000] twice
        Rig r = rig("488b042500a00000 488b042500a00000");
        arm(r, 0, 0xA000, 1, 0);
        r.step();
        assertEquals(CODE + 8, r.v.rip);
        arm(r, 0, 0xA000, 3, 0);
        r.step();
        assertEquals(HANDLER, r.v.rip);
        assertEquals(CODE + 16, r.get(r.v.gpr[4], 8));
    }

    @Test
    void aFaultingInstructionReportsNoDataBreakpoint() {
        Rig r = rig("4889042500a00000 0f09");
        arm(r, 0, 0xA000, 1, 0);
        r.stoppedPage = 0xA;
        r.step();
        r.stoppedPage = -1;
        r.v.rip = CODE + 8;
        r.step();
        assertEquals(CODE + 10, r.v.rip);
    }

    @Test
    void portBreakpointUnderDe() {
        Rig r = rig("e4 61 e4 61");
        arm(r, 0, 0x60, 2, 1);
        r.step();
        assertEquals(CODE + 2, r.v.rip);
        r.v.cr4 |= VcpuContext.CR4_DE;
        r.step();
        assertEquals(HANDLER, r.v.rip);
    }
}
