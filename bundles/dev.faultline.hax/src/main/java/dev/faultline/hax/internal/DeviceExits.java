// SPDX-License-Identifier: Apache-2.0
package dev.faultline.hax.internal;

import dev.faultline.api.cpu.GuestBus;
import dev.faultline.api.cpu.VcpuContext;
import dev.faultline.api.cpu.VcpuLoop;
import dev.faultline.api.fault.FaultPropagation;
import dev.faultline.api.fault.PendingFault;

import java.util.ArrayDeque;
import java.util.Arrays;

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

    private static final int RCX = 1;

    private final VcpuContext v;
    private final FaultPropagation style;

    /** Writes of instructions that have retired, oldest first. */
    private final ArrayDeque<Access> writes = new ArrayDeque<>();

    /** Answered reads of the instruction at hand, in its order. */
    private Access[] answered = new Access[4];

    private int answers;
    private int replayed;
    private Access wanted;
    private boolean inLoop;
    private String failure;
    private long startRip;
    private long startInstructions;
    private long startRcx;

    DeviceExits(VcpuContext v, FaultPropagation style) {
        this.v = v;
        this.style = style;
    }

    // ---- the vCPU's side
    // -------------------------------------------------------------------------------------------

    /** The next write that the client has not seen, or null; the client has it now. */
    Access takeWrite() {
        return writes.poll();
    }

    boolean hasWrite() {
        return !writes.isEmpty();
    }

    /** The read that stopped the engine, or null. */
    Access wanted() {
        return wanted;
    }

    /** The client's answer to {@link #wanted}. */
    void supply(long value) {
        Access w = wanted;
        wanted = null;
        if (answers == answered.length) {
            answered = Arrays.copyOf(answered, 2 * answers);
        }
        answered[answers++] = new Access(w.port, false, w.address, w.size, value);
    }

    /** Forgets the read that stopped the engine: it will stop there again. */
    void ask() {
        wanted = null;
    }

    /** The client put the vCPU elsewhere: the instruction will not be finished. */
    void abandon() {
        wanted = null;
        answers = 0;
    }

    /** An instruction has had answers and has not retired. */
    boolean midInstruction() {
        return answers != 0;
    }

    /** Before the engine runs. */
    void begin() {
        replayed = 0;
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
    String failure() {
        return failure;
    }

    // ---- the engine's side
    // -----------------------------------------------------------------------------------------

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
        writes.add(new Access(port, true, address, size, value));
        v.post(VcpuContext.REQ_STOP);
    }

    private long read(boolean port, long address, int size) {
        if (replayed < answers) {
            Access a = answered[replayed];
            if (a.port == port && a.address == address && a.size == size) {
                replayed++;
                return a.value;
            }
            answers = replayed; // the client changed registers: another access than before
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

    // ---- the style, watched
    // ----------------------------------------------------------------------------------------

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
