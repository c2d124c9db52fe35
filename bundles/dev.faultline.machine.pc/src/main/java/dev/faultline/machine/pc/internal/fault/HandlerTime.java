// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.fault;

import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;

/**
 * How long handlers have really been at it: the time in which their thread had a processor or
 * waited for something, not the time in which the host did not run it. Looked at from outside, at
 * intervals, so an answer that comes at once costs nothing.
 *
 * <p>An interval is charged as its nominal length however late the look comes: a host that stands
 * still delays the look as well. A thread that could run but has used no processor time was not
 * run. One thread looks.
 */
final class HandlerTime {
    /** What can be seen of a thread from outside. */
    interface Probe {
        /** Processor time that the thread has used, nanoseconds; negative: not known. */
        long cpuNanos(Thread thread);

        /** Whether it waits for something else than a processor. */
        boolean waits(Thread thread);

        Probe HOST =
                new Probe() {
                    @Override
                    public long cpuNanos(Thread thread) {
                        ThreadMXBean threads = ManagementFactory.getThreadMXBean();
                        return threads.isThreadCpuTimeSupported()
                                ? threads.getThreadCpuTime(thread.threadId())
                                : -1;
                    }

                    @Override
                    public boolean waits(Thread thread) {
                        if (thread.getState() != Thread.State.RUNNABLE) {
                            return true;
                        }
                        // Inside a system call a thread counts as runnable.
                        StackTraceElement[] stack = thread.getStackTrace();
                        return stack.length > 0 && stack[0].isNativeMethod();
                    }
                };
    }

    private final FaultSlot slot;
    private final Probe probe;

    /** When the handler that was seen last was asked. */
    private long since;

    private long cpu;
    private boolean seen;

    HandlerTime(FaultSlot slot, Probe probe) {
        this.slot = slot;
        this.probe = probe;
    }

    /**
     * One look.
     *
     * @param interval nominal time since the last one, nanoseconds
     */
    void look(long interval) {
        AskedHandler a = slot.asking.get();
        long asked = slot.since.get();
        Thread thread = slot.thread;
        if (a == null || thread == null) {
            seen = false;
            return;
        }
        long now = probe.cpuNanos(thread);
        if (!seen || asked != since) {
            seen = true;
            since = asked;
            cpu = now;
            slot.charge(asked, 0);
            return;
        }
        long used = now < 0 || cpu < 0 ? interval : now - cpu;
        cpu = now;
        if (slot.isStanding()) {
            return;
        }
        boolean waited = used < interval && probe.waits(thread);
        slot.charge(asked, slot.charged(asked) + (waited ? interval : used));
    }
}
