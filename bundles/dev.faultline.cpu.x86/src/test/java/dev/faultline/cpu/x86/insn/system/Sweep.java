// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.system;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.faultline.api.engine.VcpuLoop;
import java.util.function.Supplier;

/**
 * Stops every access of one instruction in turn: each time nothing may have changed, and going on
 * must end as if nothing had happened.
 */
final class Sweep {
    private Sweep() {}

    static void run(Supplier<Rig> make) {
        Rig whole = make.get();
        assertEquals(VcpuLoop.EXIT_REQUEST, whole.step(), "undisturbed");
        String after = whole.state();
        int accesses = whole.translations;
        assertTrue(accesses > 0, "the instruction accesses memory");
        for (int i = 0; i < accesses; i++) {
            Rig r = make.get();
            String before = r.state();
            r.stopAt = i;
            assertEquals(VcpuLoop.EXIT_FAULT, r.step(), "stop at access " + i);
            assertEquals(before, r.state(), "state after stop at access " + i);
            assertEquals(VcpuLoop.EXIT_REQUEST, r.step());
            assertEquals(after, r.state(), "state after going on from access " + i);
        }
    }
}
