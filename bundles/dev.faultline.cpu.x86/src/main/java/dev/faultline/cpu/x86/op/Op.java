// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.op;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.state.Outcome;

/**
 * One decoded instruction, ready to execute: a small final class per mnemonic, size and form, so
 * that {@link #execute} stays far below HotSpot's inlining limits. Immutable: it knows its
 * operands, and where it stands only if its meaning depends on that.
 *
 * <p>Order inside every form: probe, read, compute, write memory, commit registers and flags.
 * Nothing architectural changes before the last access that can fault. {@code execute} never
 * touches {@code v.rip} unless it returns {@link Outcome#JUMP} or {@link Outcome#FAR}.
 */
public abstract class Op {
    // For those who extend it.
    protected static final int NEXT = Outcome.NEXT;
    protected static final int JUMP = Outcome.JUMP;
    protected static final int END = Outcome.END;
    protected static final int FAR = Outcome.FAR;
    protected static final int AGAIN = Outcome.AGAIN;
    protected static final int HALT = Outcome.HALT;
    protected static final int FAULT = Outcome.FAULT;

    /**
     * Executes the instruction.
     *
     * @return one of {@link Outcome}
     */
    public abstract int execute(VcpuContext v);
}
