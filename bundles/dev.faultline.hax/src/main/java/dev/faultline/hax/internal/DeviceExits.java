// SPDX-License-Identifier: Apache-2.0
package dev.faultline.hax.internal;

import static dev.faultline.api.cpu.Gpr.RCX;

import dev.faultline.api.cpu.GuestBus;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.engine.VcpuLoop;
import dev.faultline.api.fault.FaultPropagation;
import dev.faultline.api.fault.PendingFault;
import java.util.ArrayDeque;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Everything outside RAM is the client's: turns bus accesses, which an engine makes in the middle
 * of an instruction, into exits between instructions.
 *
 * <p>A <em>write</em> is the last act of its instruction: it is kept, the engine is told to stop,
 * and the client gets it before anything else runs. A <em>read</em> stops its instruction, which
 * has changed nothing yet, as a stopped access of RAM does. When the client has supplied the value,
 * the instruction is executed anew and its accesses are answered from what was supplied: no device
 * is read twice for one instruction, whatever else stops it meanwhile. All of this is kept here,
 * not in memory that the client shares; the shared buffer carries values only.
 *
 * <p>On the vCPU's thread.
 */
final class DeviceExits implements GuestBus, FaultPropagation {
    /** One access. */
    record Access(boolean port, boolean write, long address, int size, long value) {}

    /**
     * A write, and the instruction that made it: the count of those before it, and RCX for the
     * iteration.
     */
    private record Write(Access access, long instruction, long rcx) {}

    private static final long NEVER = 0;
    private static final long RETIRED = -1;

    private final VcpuContext v;
    private final FaultPropagation style;

    /** Writes that the client has not seen, oldest first. */
    private final ArrayDeque<Write> writes = new ArrayDeque<>();

    /** Answered reads of the instruction at hand, in its order. */
    private Access[] answered = new Access[4];

    private int answers;

    /** By answer: the run of the engine that had it last, or {@link #NEVER}. */
    private long[] used = new long[4];

    private long run;

    /** The read that stopped the engine and has no answer yet, or null. */
    private @Nullable Access wanted;

    private boolean inLoop;
    private @Nullable String failure;
    private long startRip;
    private long startInstructions;
    private long startRcx;

    DeviceExits(VcpuContext v, FaultPropagation style) {
        this.v = v;
        this.style = style;
    }

    // ---- the vCPU's side

    /** The next write that the client has not seen, or null; the client has it now. */
    @Nullable Access takeWrite() {
        Write w = writes.poll();
        return w == null ? null : w.access;
    }

    boolean hasWrite() {
        return !writes.isEmpty();
    }

    /**
     * The instruction at hand was stopped: what it had written already (ENTER reads after it has
     * pushed) it will write again.
     */
    void undo() {
        Write last = writes.peekLast();
        while (last != null && last.instruction == v.instructions && last.rcx == v.gpr[RCX]) {
            writes.removeLast();
            last = writes.peekLast();
        }
    }

    /** The read that stopped the engine, or null. */
    @Nullable Access wanted() {
        return wanted;
    }

    /** The client's answer to what was {@link #wanted}. */
    void supply(Access asked, long value) {
        wanted = null;
        if (answers == answered.length) {
            answered = Arrays.copyOf(answered, 2 * answers);
            used = Arrays.copyOf(used, 2 * answers);
        }
        used[answers] = NEVER;
        answered[answers++] = new Access(asked.port, false, asked.address, asked.size, value);
    }

    /** Forgets the read that stopped the engine: it will stop there again. */
    void ask() {
        wanted = null;
    }

    /** The client put the vCPU elsewhere: the instruction will not be finished. */
    void abandon() {
        wanted = null;
        answers = 0;
        v.forgetAccess(); // what the engine remembers of it
    }

    /** An instruction has had answers and has not retired. */
    boolean midInstruction() {
        return answers != 0;
    }

    /** Before the engine runs. */
    void begin() {
        run++;
        startRip = v.rip;
        startInstructions = v.instructions;
        startRcx = v.gpr[RCX];
    }

    /**
     * After one step: if the instruction (a REP one: its iteration) is over, so is what was
     * answered for it.
     */
    void stepped() {
        if (v.rip != startRip || v.instructions != startInstructions || v.gpr[RCX] != startRcx) {
            answers = 0;
        }
    }

    /** Why the vCPU cannot go on, or null. */
    @Nullable String failure() {
        return failure;
    }

    // ---- the engine's side

    @Override
    public int portIn(int port, int size) {
        return (int) read(true, port, size);
    }

    @Override
    public void portOut(int port, int size, int value) {
        write(true, port, size, value & 0xFFFF_FFFFL);
    }

    @Override
    public long mmioRead(long gpa, int size) {
        return read(false, gpa, size);
    }

    @Override
    public void mmioWrite(long gpa, int size, long value) {
        write(false, gpa, size, value);
    }

    private void write(boolean port, long address, int size, long value) {
        long instruction = inLoop ? v.instructions + v.engineIndex : RETIRED;
        writes.add(
                new Write(new Access(port, true, address, size, value), instruction, v.gpr[RCX]));
        v.post(VcpuContext.REQ_STOP);
    }

    private long read(boolean port, long address, int size) {
        int i = answerTo(port, address, size);
        if (i >= 0) {
            used[i] = run;
            return answered[i].value;
        }
        if (!inLoop) {
            // Not an instruction's: tables of events in device space. No machine of the reference
            // survives that either.
            failure = "event delivery read device space at gpa 0x%x".formatted(address);
            v.post(VcpuContext.REQ_STOP);
            return -1;
        }
        wanted = new Access(port, false, address, size, 0);
        v.fault.kind = PendingFault.STOP;
        style.raise(v);
        throw new IllegalStateException(
                "fault style " + style.style() + " cannot leave a bus access: it must be thrown");
    }

    /**
     * The answer to an access, or -1. Engines may remember what they read in earlier attempts, so
     * not every answer is asked for again: one that was never given comes before one that was, and
     * none is given twice in a run.
     */
    private int answerTo(boolean port, long address, int size) {
        int found = -1;
        for (int i = 0; i < answers; i++) {
            Access a = answered[i];
            if (used[i] != run && a.port == port && a.address == address && a.size == size) {
                if (used[i] == NEVER) {
                    return i;
                }
                found = found < 0 ? i : found;
            }
        }
        return found;
    }

    // ---- the style, watched

    @Override
    public String style() {
        return style.style();
    }

    @Override
    public long raise(VcpuContext vcpu) {
        return style.raise(vcpu);
    }

    @Override
    public int run(VcpuLoop loop, VcpuContext vcpu) {
        inLoop = true;
        try {
            return style.run(loop, vcpu);
        } finally {
            inLoop = false;
        }
    }
}
