// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.state;

/** What executing an instruction came to. */
public final class Outcome {
    /** The instruction is done; the next one follows. */
    public static final int NEXT = 0;

    /**
     * A near transfer: {@code v.rip} is the next instruction. Leaves the block, be there more in
     * it.
     */
    public static final int JUMP = 1;

    /**
     * Done, the next instruction follows, but not from this block: modes, mappings, interrupts or
     * code may have changed.
     */
    public static final int END = 2;

    /** As {@link #END}, with {@code v.rip} set. */
    public static final int FAR = 3;

    /**
     * A REP iteration is done, {@code v.rip} shall stay on this instruction: requests and events
     * are looked at, then it goes on.
     */
    public static final int AGAIN = 4;

    /**
     * The instruction has done nothing: it waits at its boundary for an interrupt, and {@code
     * v.rip} shall stay on it.
     */
    public static final int WAIT = 6;

    /** HLT retired: {@code v.activity} is HALTED. */
    public static final int HALT = 5;

    /**
     * A fault is recorded in {@code v.fault} (and under the thrown style this value is never seen).
     */
    public static final int FAULT = -1;

    private Outcome() {}
}
