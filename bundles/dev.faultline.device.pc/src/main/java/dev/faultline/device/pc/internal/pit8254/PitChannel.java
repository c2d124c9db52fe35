// SPDX-License-Identifier: Apache-2.0
package dev.faultline.device.pc.internal.pit8254;

import dev.faultline.api.device.StateSection;
import dev.faultline.device.pc.internal.chip.Ticks;

/**
 * One counter of an 8254 (Intel 82C54 data sheet, "Mode Definitions"). The count is computed from
 * guest time when somebody looks; whoever calls has read the time once and says it in each call of
 * his operation.
 */
final class PitChannel {
    static final long HZ = 1_193_182;
    static final int MODE_TERMINAL_COUNT = 0;
    static final int MODE_ONE_SHOT = 1;
    static final int MODE_RATE = 2;
    static final int MODE_SQUARE = 3;
    static final int MODE_SOFTWARE_STROBE = 4;
    static final int MODE_HARDWARE_STROBE = 5;
    static final int ACCESS_LOW = 1;
    static final int ACCESS_HIGH = 2;

    /** Elements of a saved counter: version 1, now. */
    static final int SAVED_V1 = 12;

    static final int SAVED = 16;

    /** Of times and ticks that are loaded, so that sums with them do not overflow. */
    private static final long MOST = 1L << 62;

    private static final int LARGEST = 0x1_0000;

    private int mode = MODE_SQUARE;
    private int access = 3;
    private boolean bcd;
    private boolean gate;

    /** The count that the counting element was loaded with, 1..65536; 0: none, it stands. */
    private int count;

    /**
     * The count register, 1..65536, until it is loaded: at {@link #loadAt}, or by a rising gate; 0:
     * it was.
     */
    private int next;

    /** Ticks of the current load at which {@link #next} is loaded (modes 2 and 3). */
    private long loadAt;

    /** Guest time at which {@link #held} ticks had been counted. */
    private long startNanos;

    /** Ticks counted since the load when counting last began or was stopped. */
    private long held;

    /** Modes 1 and 5: the gate has risen since the control word. */
    private boolean triggered;

    /** Mode 0: the first of two bytes was written, which stops the counting. */
    private boolean stopped;

    private int writeLatch;
    private boolean writeHigh;
    private boolean readHigh;

    /** Latched count, or -1. */
    private int latchedCount = -1;

    /** Latched status, or -1. */
    private int latchedStatus = -1;

    PitChannel(boolean gate) {
        this.gate = gate;
    }

    boolean periodic() {
        return mode == MODE_RATE || mode == MODE_SQUARE;
    }

    private boolean byTrigger() {
        return mode == MODE_ONE_SHOT || mode == MODE_HARDWARE_STROBE;
    }

    private boolean counting() {
        return count != 0 && !stopped && (byTrigger() ? triggered : gate);
    }

    private long ticks(long now) {
        return held + (counting() ? Math.max(0, Ticks.fromNanos(now - startNanos, HZ)) : 0);
    }

    /** Guest time of a tick of the current load. */
    private long timeOf(long tick) {
        return startNanos + Ticks.toNanos(tick - held, HZ);
    }

    private static int highTicks(int count) {
        return count + 1 >> 1;
    }

    /** Loads what was to be loaded by {@code now}. */
    private void follow(long now) {
        if (next != 0 && periodic() && counting() && ticks(now) >= loadAt) {
            // Mode 3 loads at the end of each half: of the high one, the low one follows.
            boolean low = mode == MODE_SQUARE && loadAt % count != 0;
            startNanos = timeOf(loadAt);
            held = low ? highTicks(next) : 0;
            count = next;
            next = 0;
        }
    }

    private void load(int value, long now) {
        count = value;
        next = 0;
        held = 0;
        startNanos = now;
    }

    /**
     * Guest time of the first moment after {@code now} at which OUT rises, or -1 if it will not.
     */
    long nextRise(long now) {
        follow(now);
        if (!counting()) {
            return -1;
        }
        long ticks = ticks(now);
        long at =
                switch (mode) {
                    case MODE_TERMINAL_COUNT, MODE_ONE_SHOT -> count;
                    case MODE_RATE -> (ticks / count + 1) * count;
                    case MODE_SQUARE ->
                            next != 0 && loadAt % count != 0
                                    ? loadAt + next - highTicks(next)
                                    : (ticks / count + 1) * count;
                    default -> count + 1; // the strobe is low for one tick
                };
        return at > ticks ? timeOf(at) : -1;
    }

    boolean output(long now) {
        follow(now);
        if (count == 0) {
            return mode != MODE_TERMINAL_COUNT;
        }
        long ticks = ticks(now);
        return switch (mode) {
            case MODE_TERMINAL_COUNT -> !stopped && ticks >= count;
            case MODE_ONE_SHOT -> !triggered || ticks >= count;
            case MODE_RATE -> !gate || ticks % count != count - 1;
            case MODE_SQUARE -> !gate || ticks % count < highTicks(count);
            default -> ticks != count;
        };
    }

    private int value(long now) {
        follow(now);
        if (count == 0) {
            return 0;
        }
        long ticks = ticks(now);
        int modulus = bcd ? 10_000 : LARGEST;
        long value =
                switch (mode) {
                    case MODE_RATE -> count - ticks % count;
                    case MODE_SQUARE -> squareValue(ticks % count);
                    default -> Math.floorMod(count - ticks, modulus);
                };
        return encode((int) (value % modulus));
    }

    /** Each half counts from the initial count, less one if that is odd, by two. */
    private long squareValue(long ticks) {
        long inHalf = ticks < highTicks(count) ? ticks : ticks - highTicks(count);
        return (count & ~1) - 2 * inHalf;
    }

    private int encode(int value) {
        return bcd
                ? value % 10
                        | value / 10 % 10 << 4
                        | value / 100 % 10 << 8
                        | value / 1000 % 10 << 12
                : value & 0xFFFF;
    }

    private int decode(int raw) {
        int value =
                bcd
                        ? (raw & 0xF)
                                + 10 * (raw >> 4 & 0xF)
                                + 100 * (raw >> 8 & 0xF)
                                + 1000 * (raw >> 12 & 0xF)
                        : raw;
        return value == 0 ? bcd ? 10_000 : LARGEST : value;
    }

    /** Control word for this counter, other than a latch command. */
    void control(int word) {
        access = word >> 4 & 3;
        mode = word >> 1 & 7;
        if (mode > MODE_HARDWARE_STROBE) {
            mode &= 3; // bit 2 of modes 2 and 3 is "don't care"
        }
        bcd = (word & 1) != 0;
        count = 0;
        next = 0;
        held = 0;
        triggered = false;
        stopped = false;
        writeHigh = false;
        readHigh = false;
        latchedCount = -1;
        latchedStatus = -1;
    }

    void latchCount(long now) {
        if (latchedCount < 0) {
            latchedCount = value(now);
        }
    }

    void latchStatus(long now) {
        if (latchedStatus < 0) {
            boolean out = output(now); // loads what is due
            latchedStatus =
                    (out ? 0x80 : 0)
                            | (count == 0 || next != 0 ? 0x40 : 0)
                            | access << 4
                            | mode << 1
                            | (bcd ? 1 : 0);
        }
    }

    int read(long now) {
        if (latchedStatus >= 0) {
            int s = latchedStatus;
            latchedStatus = -1;
            return s;
        }
        int value = latchedCount >= 0 ? latchedCount : value(now);
        boolean high = access == ACCESS_HIGH || access == 3 && readHigh;
        if (access == 3) {
            readHigh = !readHigh;
        }
        if (access != 3 || high) {
            latchedCount = -1;
        }
        return high ? value >> 8 : value & 0xFF;
    }

    void write(int value, long now) {
        follow(now);
        if (access == 3 && !writeHigh) {
            writeLatch = value;
            writeHigh = true;
            if (mode == MODE_TERMINAL_COUNT) {
                held = ticks(now);
                stopped = true;
            }
            return;
        }
        int raw =
                switch (access) {
                    case ACCESS_LOW -> value;
                    case ACCESS_HIGH -> value << 8;
                    default -> value << 8 | writeLatch;
                };
        writeHigh = false;
        written(decode(raw), now);
    }

    private void written(int value, long now) {
        if (byTrigger() || periodic() && count != 0) {
            next = value;
            if (counting() && periodic()) {
                loadAt = endOfCycle(ticks(now));
            }
        } else {
            load(value, now);
            stopped = false;
        }
    }

    /** Tick at which the period (mode 3: the half of it) that holds {@code ticks} ends. */
    private long endOfCycle(long ticks) {
        long begin = ticks - ticks % count;
        boolean high = mode == MODE_SQUARE && ticks - begin < highTicks(count);
        return begin + (high ? highTicks(count) : count);
    }

    void gate(boolean now, long time) {
        if (now == gate) {
            return;
        }
        follow(time);
        if (!byTrigger()) {
            held = ticks(time);
        }
        gate = now;
        if (!now) {
            return;
        }
        if (byTrigger() || periodic()) {
            triggered = count != 0 || next != 0;
            load(next != 0 ? next : count, time);
        }
        startNanos = time;
    }

    void save(StateSection to, String prefix) {
        to.put(
                prefix,
                new long[] {
                    mode,
                    access,
                    bcd ? 1 : 0,
                    gate ? 1 : 0,
                    count,
                    startNanos,
                    held,
                    writeLatch,
                    writeHigh ? 1 : 0,
                    readHigh ? 1 : 0,
                    latchedCount,
                    latchedStatus,
                    next,
                    loadAt,
                    triggered ? 1 : 0,
                    stopped ? 1 : 0
                });
    }

    /** A counter of version 1, where modes 1 and 5 looked triggered and expired until they were. */
    static long[] migrate(long[] old) {
        long[] s = java.util.Arrays.copyOf(old, SAVED);
        s[14] = old[0] == MODE_ONE_SHOT || old[0] == MODE_HARDWARE_STROBE ? 1 : 0;
        return s;
    }

    void load(StateSection from, String prefix) {
        long[] s = new long[SAVED];
        from.getInto(prefix, s);
        if (out(s[0], 0, MODE_HARDWARE_STROBE)
                || out(s[1], ACCESS_LOW, 3)
                || out(s[4], 0, LARGEST)
                || out(s[5], 0, MOST)
                || out(s[6], 0, MOST)
                || out(s[7], 0, 0xFF)
                || out(s[10], -1, 0xFFFF)
                || out(s[11], -1, 0xFF)
                || out(s[12], 0, LARGEST)
                || out(s[13], 0, MOST)) {
            throw new IllegalArgumentException("pit: key " + prefix + " holds no 8254 counter");
        }
        mode = (int) s[0];
        access = (int) s[1];
        bcd = s[2] != 0;
        gate = s[3] != 0;
        count = (int) s[4];
        startNanos = s[5];
        held = s[6];
        writeLatch = (int) s[7];
        writeHigh = s[8] != 0;
        readHigh = s[9] != 0;
        latchedCount = (int) s[10];
        latchedStatus = (int) s[11];
        next = (int) s[12];
        loadAt = s[13];
        triggered = s[14] != 0;
        stopped = s[15] != 0;
    }

    private static boolean out(long value, long least, long most) {
        return value < least || value > most;
    }
}
