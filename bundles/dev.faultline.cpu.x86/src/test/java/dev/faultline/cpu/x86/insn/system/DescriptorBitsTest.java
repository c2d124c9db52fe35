// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.system;

import static dev.faultline.cpu.x86.insn.system.Rig.GDT;
import static dev.faultline.cpu.x86.insn.system.Rig.TR2;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.faultline.api.fault.FaultOrigin;
import dev.faultline.cpu.x86.segment.PlannedWrites;
import dev.faultline.cpu.x86.segment.SystemState;
import org.junit.jupiter.api.Test;

/**
 * Accessed and busy bits are set by locked accesses: what another vCPU does to the descriptor
 * between the checks and the write is not undone, and a task becomes busy for one of two. SDM 3A,
 * "Automatic Locking".
 */
class DescriptorBitsTest {
    private static final int ACCESSED = 1;
    private static final int BUSY = 2;
    private static final int PRESENT = 0x80;

    private final Rig r = new Rig().protected32(0);
    private final int at = GDT + (TR2 & ~7) + 5;
    private final PlannedWrites w = SystemState.of(r.v).writes.clear();

    @Test
    void whatAnotherVcpuChangedInTheByteStays() {
        r.put(at, 1, PRESENT | 0x12);
        assertEquals(0, w.bits(r.v, at, PRESENT | 0x12, ACCESSED, 0));
        r.put(at, 1, 0x12); // not present any more
        w.commit(r.v);
        assertEquals(0x12 | ACCESSED, r.get(at, 1));
    }

    @Test
    void clearingBusyKeepsTheOthers() {
        r.put(at, 1, PRESENT | 0xB);
        assertEquals(0, w.bits(r.v, at, PRESENT | 0xB, 0, BUSY));
        r.put(at, 1, 0xB);
        w.commit(r.v);
        assertEquals(9, r.get(at, 1));
    }

    @Test
    void theSecondThatWantsATaskDoesNotGetIt() {
        r.put(at, 1, PRESENT | 9);
        assertEquals(0, w.claimed(r.v, at, PRESENT | 9, BUSY));
        r.put(at, 1, PRESENT | 0xB); // the first one was quicker
        assertFalse(w.claim());
        assertEquals(PRESENT | 0xB, r.get(at, 1));
    }

    @Test
    void theFirstGetsItBeforeAnythingElseIsWritten() {
        r.put(at, 1, PRESENT | 9).put(0xA000, 4, 0);
        w.system(r.v, 0xA000, 4, 42, FaultOrigin.DATA);
        assertEquals(0, w.claimed(r.v, at, PRESENT | 9, BUSY));
        assertTrue(w.claim());
        assertEquals(PRESENT | 0xB, r.get(at, 1));
        assertEquals(0, r.get(0xA000, 4));
        w.commit(r.v);
        assertEquals(42, r.get(0xA000, 4));
        assertEquals(PRESENT | 0xB, r.get(at, 1));
    }
}
