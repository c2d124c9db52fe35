// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.system;

import static dev.faultline.cpu.x86.insn.system.Rig.CODE;
import static dev.faultline.cpu.x86.insn.system.Rig.CS64;
import static dev.faultline.cpu.x86.insn.system.Rig.gate;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.faultline.api.engine.VcpuContext;
import org.junit.jupiter.api.Test;

/**
 * With CR0.NE clear an x87 instruction that finds an error waits for the interrupt that FERR#
 * brings. SDM 1, "Handling x87 FPU Exceptions in Software".
 */
class FloatingPointErrorTest {
    private static final int HANDLER = 0x9800;

    /** FWAIT that finds an unmasked invalid operation. */
    private static Rig waiting() {
        Rig r = new Rig().long64(0).code("9b 90");
        r.idt64(0x75, gate(0xE, 0, CS64, HANDLER, 0), 0);
        r.interrupts.ferrWired = true;
        r.v.cr0 &= ~VcpuContext.CR0_NE;
        r.v.fcw &= ~1;
        r.v.fsw |= 0x8081;
        r.v.eflags |= VcpuContext.IF;
        return r;
    }

    @Test
    void anInstructionThatWaitsHasDoneNothing() {
        Rig r = waiting();
        long before = r.v.instructions;
        r.steps(3);
        assertEquals(CODE, r.v.rip);
        assertEquals(before, r.v.instructions);
        assertTrue(r.interrupts.ferr);
        assertFalse(r.v.repeating());
    }

    @Test
    void theInterruptThatItWaitsForIsNotBetweenIterations() {
        Rig r = waiting();
        r.step();
        r.interrupts.vector = 0x75;
        r.step();
        assertEquals(HANDLER, r.v.rip);
        assertEquals(CODE, r.get(r.v.gpr[4], 8));
        assertEquals(0, r.get(r.v.gpr[4] + 16, 8) & VcpuContext.RF);
    }

    @Test
    void aSingleStepDoesNotTrapAfterIt() {
        Rig r = waiting();
        r.v.eflags |= VcpuContext.TF;
        r.steps(3);
        assertEquals(CODE, r.v.rip);
        assertEquals(0, r.v.pendingDebug);
    }

    @Test
    void noShadowKeepsTheInterruptFromIt() {
        Rig r = waiting();
        r.v.interruptShadow = true;
        r.step();
        assertFalse(r.v.interruptShadow);
        r.interrupts.vector = 0x75;
        r.step();
        assertEquals(HANDLER, r.v.rip);
    }
}
