// SPDX-License-Identifier: Apache-2.0
package dev.faultline.hax.internal;

import dev.faultline.api.cpu.InterruptPort;
import dev.faultline.api.engine.VcpuContext;
import java.util.concurrent.atomic.AtomicLongArray;

/**
 * Vectors that the client's interrupt controller has decided to deliver (INTERRUPT), the highest
 * first; the client arbitrates priorities. Also tells it when a vector could be taken (interrupt
 * window).
 */
final class Interrupts implements InterruptPort {
    private static final int NONE = -1;
    private static final long APIC_BASE = 0xFEE0_0800L;
    private static final int BSP = 0x100;
    private static final int WORDS = 4;

    private final VcpuContext v;
    private final DeviceExits bus;
    private final AtomicLongArray vectors = new AtomicLongArray(WORDS);

    /** The client asked to be told when interrupts can be taken. */
    volatile boolean windowWanted;

    private long apicBase;
    private int taskPriority;

    Interrupts(VcpuContext v, DeviceExits bus) {
        this.v = v;
        this.bus = bus;
        apicBase = APIC_BASE | (v.index == 0 ? BSP : 0);
    }

    /**
     * Any thread.
     *
     * @param vector 0..255
     */
    void add(int vector) {
        vectors.getAndUpdate(vector >> 6, w -> w | 1L << vector);
        v.post(VcpuContext.REQ_INTERRUPT);
    }

    boolean any() {
        for (int i = 0; i < WORDS; i++) {
            if (vectors.get(i) != 0) {
                return true;
            }
        }
        return false;
    }

    /** Never inside an instruction that waits for its device. */
    @Override
    public boolean pending() {
        return !bus.midInstruction() && (windowWanted || any());
    }

    @Override
    public int acknowledge() {
        for (int i = WORDS - 1; i >= 0; i--) {
            long w = vectors.get(i);
            if (w != 0) {
                int bit = 63 - Long.numberOfLeadingZeros(w);
                vectors.getAndUpdate(i, x -> x & ~(1L << bit));
                return i << 6 | bit;
            }
        }
        v.post(VcpuContext.REQ_STOP); // the window is open
        return NONE;
    }

    @Override
    public boolean nmiPending() {
        return false;
    }

    @Override
    public void takeNmi() {
        throw new IllegalStateException("there is no NMI to take");
    }

    @Override
    public int taskPriority() {
        return taskPriority;
    }

    @Override
    public void taskPriority(int value) {
        taskPriority = value;
    }

    @Override
    public long apicBase() {
        return apicBase;
    }

    @Override
    public boolean apicBase(long value) {
        apicBase = value;
        return true;
    }

    @Override
    public long tscDeadline() {
        return 0;
    }

    @Override
    public void tscDeadline(long value) {
        // The client's APIC has no deadline mode that could be reached from here.
    }
}
