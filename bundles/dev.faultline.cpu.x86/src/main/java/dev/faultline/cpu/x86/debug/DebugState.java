// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.debug;

import dev.faultline.api.engine.EngineScratch;
import dev.faultline.api.engine.VcpuContext;

/**
 * What one instruction does about debug exceptions, in {@code v.debug}: nothing here outlives an
 * instruction boundary.
 */
public final class DebugState extends EngineScratch {
    /** DR6 conditions that this instruction met. */
    int hits;

    /** This instruction holds interrupts off for the next one. */
    boolean holdsInterrupts;

    /** This instruction holds debug exceptions off for the next one. */
    boolean holdsDebug;

    /** No single-step trap after this instruction, whatever TF was before it. */
    public boolean suppressTrap;

    /** This instruction loaded RF. */
    public boolean resumeLoaded;

    public static DebugState of(VcpuContext v) {
        if (v.debug instanceof DebugState had) {
            return had;
        }
        DebugState s = new DebugState();
        v.debug = s;
        return s;
    }
}
