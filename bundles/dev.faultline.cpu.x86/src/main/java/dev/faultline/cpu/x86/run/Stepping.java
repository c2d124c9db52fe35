// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.run;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.debug.Debug;

/**
 * For engines: what surrounds an instruction while the guest single-steps or has breakpoints armed.
 */
public final class Stepping {
    private Stepping() {}

    /**
     * True if instructions must be executed one at a time between {@link #before} and {@link
     * #after}.
     */
    public static boolean needed(VcpuContext v) {
        return Debug.needed(v);
    }

    /**
     * Instruction breakpoints at {@code v.rip}. Returns not 0 if a fault was raised: leave with
     * EXIT_FAULT.
     */
    public static int before(VcpuContext v) {
        return Debug.before(v);
    }

    /** A repeated instruction goes on at {@code v.rip}: its count of iterations is not yet done. */
    public static void repeats(VcpuContext v) {
        v.repeating(true);
    }

    /**
     * The instruction at {@code v.rip} waits for an interrupt: no trap is due after it, and no
     * shadow holds the interrupt off.
     */
    public static void waits(VcpuContext v) {
        v.interruptShadow = false;
        v.debugShadow = false;
    }

    /**
     * Traps after an instruction; {@code v.rip} is the next one.
     *
     * @param flagsBefore {@code v.eflags} before it
     * @param repeated it was one iteration of a REP that goes on
     * @return not 0 if a trap was raised: leave with EXIT_FAULT
     */
    public static int after(VcpuContext v, int flagsBefore, boolean repeated) {
        return Debug.after(v, flagsBefore, repeated);
    }
}
