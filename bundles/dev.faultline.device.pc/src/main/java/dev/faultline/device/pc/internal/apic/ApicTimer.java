// SPDX-License-Identifier: Apache-2.0
package dev.faultline.device.pc.internal.apic;

import dev.faultline.api.cpu.GuestClock;
import dev.faultline.api.device.StateSection;
import dev.faultline.api.device.TimerHandle;
import dev.faultline.device.pc.internal.chip.Ticks;
import java.util.function.LongSupplier;

/**
 * A local APIC's timer (SDM 3A, "APIC Timer"), counting bus clocks of 1 ns. The count is computed
 * from guest time when somebody looks; an alarm is set for its end only. Whoever calls has read the
 * time once and says it in each call of his operation, {@link #catchUp} first. Guarded by the
 * APIC's lock.
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

    /** The latest alarm: in centuries, and no sum overflows. */
    private static final long FARTHEST_TICKS = 1L << 60;

    private final GuestClock clock;
    private final TimerHandle alarm;
    private final LongSupplier tscOffset;
    private final Runnable interrupt;
    private int mode;
    private int initialCount;
    private int divide;

    /** Guest time at which the count began; of a periodic one, in this period. */
    private long start;

    /** The one-shot has expired: it stays at 0 until the next initial count. */
    private boolean done;

    /** IA32_TSC_DEADLINE; 0 = disarmed. */
    private long deadline;

    /**
     * @param alarm calls {@link #expired}
     * @param tscOffset what this vCPU's RDTSC adds to the machine's counter
     * @param interrupt the count has run out
     */
    ApicTimer(GuestClock clock, TimerHandle alarm, LongSupplier tscOffset, Runnable interrupt) {
        this.clock = clock;
        this.alarm = alarm;
        this.tscOffset = tscOffset;
        this.interrupt = interrupt;
    }

    long now() {
        return clock.nanos();
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

    private boolean counting() {
        return initialCount != 0 && !done && mode < TSC_DEADLINE;
    }

    /** What this vCPU's time-stamp counter shows. */
    private long tsc(long now) {
        return Ticks.fromNanos(now, clock.tscHz()) + tscOffset.getAsLong();
    }

    /**
     * Interrupts if the count has run out by {@code now}.
     *
     * @return false: it has not
     */
    boolean catchUp(long now) {
        if (mode == TSC_DEADLINE) {
            if (deadline == 0 || Long.compareUnsigned(tsc(now), deadline) < 0) {
                return false;
            }
            deadline = 0;
        } else {
            if (!counting() || now - start < period()) {
                return false;
            }
            if (mode == PERIODIC) {
                start += (now - start) / period() * period();
            } else {
                done = true;
            }
        }
        arm(now);
        interrupt.run();
        return true;
    }

    /** The alarm went off. */
    void expired() {
        long now = now();
        if (!catchUp(now)) {
            arm(now); // the guest has set its counter back meanwhile
        }
    }

    /**
     * Bits 18:17 of the LVT entry. A change between TSC-deadline and the other modes disarms; one
     * between these leaves the count where it is.
     */
    void mode(int value, long now) {
        if (value == mode) {
            return;
        }
        if (value == TSC_DEADLINE || mode == TSC_DEADLINE) {
            initialCount = 0;
            deadline = 0;
        }
        mode = value;
        arm(now);
    }

    int initialCount() {
        return initialCount;
    }

    void initialCount(int count, long now) {
        if (mode != TSC_DEADLINE) {
            initialCount = count;
            start = now;
            done = false;
            arm(now);
        }
    }

    int currentCount(long now) {
        if (!counting()) {
            return 0;
        }
        long initial = Integer.toUnsignedLong(initialCount);
        return (int) Math.max(0, initial - (now - start) / countNanos());
    }

    int divide() {
        return divide;
    }

    /** A new divider: the count goes on from where it is. */
    void divide(int value, long now) {
        long left = Integer.toUnsignedLong(currentCount(now));
        divide = value & 0xB;
        if (counting()) {
            start = now - (Integer.toUnsignedLong(initialCount) - left) * countNanos();
            arm(now);
        }
    }

    long deadline() {
        return deadline;
    }

    /** Ignored in the other modes. */
    void deadline(long tsc, long now) {
        if (mode == TSC_DEADLINE) {
            deadline = tsc;
            if (!catchUp(now)) {
                arm(now);
            }
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

    private void arm(long now) {
        if (mode == TSC_DEADLINE && deadline != 0) {
            long ticks = deadline - tsc(now);
            if (ticks < 0 || ticks > FARTHEST_TICKS) {
                ticks = FARTHEST_TICKS;
            }
            alarm.at(now + Ticks.toNanos(ticks, clock.tscHz()));
        } else if (!counting()) {
            alarm.cancel();
        } else if (mode == PERIODIC && period() < SHORTEST_PERIOD_NANOS) {
            alarm.at(now + SHORTEST_PERIOD_NANOS);
        } else {
            alarm.at(start + period());
        }
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
        long now = now();
        mode = (int) s[0];
        initialCount = (int) s[1];
        divide = (int) s[2];
        start = Math.min(s[3], now);
        done = s[4] != 0;
        deadline = s[5];
        arm(now);
    }
}
