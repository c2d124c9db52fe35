// SPDX-License-Identifier: Apache-2.0
package dev.faultline.device.pc.internal.apic;

import dev.faultline.api.cpu.GuestClock;
import dev.faultline.api.device.StateSection;
import dev.faultline.api.device.TimerHandle;
import dev.faultline.device.pc.internal.Ticks;
import java.util.function.LongSupplier;

/**
 * A local APIC's timer (SDM 3A, "APIC Timer"), counting bus clocks of 1 ns. The count is computed
 * from guest time when somebody looks; an alarm is set for its end only. Guarded by the APIC's
 * lock.
 */
final class ApicTimer {
    static final int ONE_SHOT = 0;
    static final int PERIODIC = 1;
    static final int TSC_DEADLINE = 2;

    /** Nothing counts. */
    static final int RESERVED = 3;

    /** More than the longest count, which a changed divider puts before the machine's birth. */
    private static final long EARLIEST = -1L << 40;

    /** A guest may ask for more interrupts than a host should give. */
    private static final long SHORTEST_PERIOD_NANOS = 50_000;

    private final GuestClock clock;
    private final TimerHandle alarm;
    private final LongSupplier tscOffset;
    private int mode;
    private int initialCount;
    private int divide;

    /** Guest time at which the count began. */
    private long start;

    /** The one-shot has expired: it stays at 0 until the next initial count. */
    private boolean done;

    /** IA32_TSC_DEADLINE; 0 = disarmed. */
    private long deadline;

    /**
     * @param alarm calls back {@link #expired}'s caller
     * @param tscOffset what this vCPU's RDTSC adds to the machine's counter
     */
    ApicTimer(GuestClock clock, TimerHandle alarm, LongSupplier tscOffset) {
        this.clock = clock;
        this.alarm = alarm;
        this.tscOffset = tscOffset;
    }

    void reset() {
        mode = ONE_SHOT;
        initialCount = 0;
        divide = 0;
        start = 0;
        done = false;
        deadline = 0;
        alarm.cancel();
    }

    /** Bits 18:17 of the LVT entry. A change between TSC-deadline and the other modes disarms. */
    void mode(int now) {
        if (now != mode && (now == TSC_DEADLINE || mode == TSC_DEADLINE)) {
            initialCount = 0;
            deadline = 0;
        }
        mode = now;
        arm();
    }

    int initialCount() {
        return initialCount;
    }

    void initialCount(int count) {
        if (mode != TSC_DEADLINE) {
            initialCount = count;
            start = clock.nanos();
            done = false;
            arm();
        }
    }

    int currentCount() {
        if (initialCount == 0 || mode == TSC_DEADLINE) {
            return 0;
        }
        long initial = Integer.toUnsignedLong(initialCount);
        long ticks = (clock.nanos() - start) / countNanos();
        if (mode == PERIODIC) {
            return (int) (initial - ticks % initial);
        }
        return (int) Math.max(0, initial - ticks);
    }

    int divide() {
        return divide;
    }

    /** A new divider: the count goes on from where it is. */
    void divide(int value) {
        int left = currentCount();
        divide = value & 0xB;
        if (initialCount != 0 && mode != TSC_DEADLINE) {
            long gone = Integer.toUnsignedLong(initialCount) - Integer.toUnsignedLong(left);
            start = clock.nanos() - gone * countNanos();
            arm();
        }
    }

    long deadline() {
        return deadline;
    }

    /** Ignored in the other modes. */
    void deadline(long tsc) {
        if (mode == TSC_DEADLINE) {
            deadline = tsc;
            arm();
        }
    }

    /** Nanoseconds per count. */
    private long countNanos() {
        int shift = divide & 3 | (divide & 8) >> 1;
        return shift == 7 ? 1 : 2L << shift;
    }

    private long period() {
        return Integer.toUnsignedLong(initialCount) * countNanos();
    }

    private void arm() {
        boolean armed =
                mode == TSC_DEADLINE
                        ? deadline != 0
                        : initialCount != 0 && mode != RESERVED && !(mode == ONE_SHOT && done);
        if (!armed) {
            alarm.cancel();
        } else if (mode == TSC_DEADLINE) {
            alarm.at(Ticks.toNanos(deadline - tscOffset.getAsLong(), clock.tscHz()));
        } else if (mode == PERIODIC) {
            long now = clock.nanos();
            long next = start + ((now - start) / period() + 1) * period();
            alarm.at(Math.max(next, now + SHORTEST_PERIOD_NANOS));
        } else {
            alarm.at(start + period());
        }
    }

    /** The alarm went off. @return true if the timer interrupts */
    boolean expired() {
        if (mode == TSC_DEADLINE) {
            boolean due = deadline != 0;
            deadline = 0;
            return due;
        }
        done = mode == ONE_SHOT;
        arm();
        return true;
    }

    void save(StateSection to) {
        to.put("timer", new long[] {mode, initialCount, divide, start, done ? 1 : 0, deadline});
    }

    void load(StateSection from) {
        long[] s = new long[6];
        from.getInto("timer", s);
        if (s[0] < ONE_SHOT
                || s[0] > RESERVED
                || s[1] != (int) s[1]
                || (s[2] & ~0xBL) != 0
                || s[3] < EARLIEST) {
            throw new IllegalArgumentException("lapic: key timer holds no timer");
        }
        mode = (int) s[0];
        initialCount = (int) s[1];
        divide = (int) s[2];
        start = Math.min(s[3], clock.nanos());
        done = s[4] != 0;
        deadline = s[5];
        arm();
    }
}
