// SPDX-License-Identifier: Apache-2.0
package dev.faultline.testkit.cpu;

import dev.faultline.api.cpu.InterruptPort;

/**
 * An interrupt controller that the test holds: one vector and one NMI wait or do not, registers
 * keep what is written. FERR# is a field, if it is wired. Fields may be set by any thread; posting
 * the request that makes a running vCPU look is the test's too.
 */
public class FakeInterrupts implements InterruptPort {
    /** What waits, or -1. */
    public volatile int vector = -1;

    /** Whether an NMI waits. */
    public volatile boolean nmi;

    /** CR8; the vectors of its class and below wait, unless it is 0. */
    public volatile int priority;

    /** Whether {@link #ferr} is wired; else errors of the FPU are the vCPU's own. */
    public volatile boolean ferrWired;

    public volatile boolean ferr;

    private volatile long base = 0xFEE0_0900L;
    private volatile long deadline;

    @Override
    public boolean pending() {
        int v = vector;
        return v >= 0 && (priority == 0 || v >> 4 > priority);
    }

    @Override
    public int acknowledge() {
        int taken = vector;
        vector = -1;
        return taken;
    }

    @Override
    public boolean floatingPointError(boolean asserted) {
        ferr = ferrWired && asserted;
        return ferrWired;
    }

    @Override
    public boolean nmiPending() {
        return nmi;
    }

    @Override
    public void takeNmi() {
        nmi = false;
    }

    @Override
    public int taskPriority() {
        return priority;
    }

    @Override
    public void taskPriority(int value) {
        priority = value;
    }

    @Override
    public long apicBase() {
        return base;
    }

    @Override
    public boolean apicBase(long value) {
        base = value;
        return true;
    }

    @Override
    public long tscDeadline() {
        return deadline;
    }

    @Override
    public void tscDeadline(long value) {
        deadline = value;
    }
}
