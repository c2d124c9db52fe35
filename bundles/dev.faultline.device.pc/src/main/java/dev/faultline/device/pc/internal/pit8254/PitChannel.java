// SPDX-License-Identifier: Apache-2.0
package dev.faultline.device.pc.internal.pit8254;

import dev.faultline.api.device.StateSection;
import dev.faultline.device.pc.internal.Ticks;

/**
 * One counter of an 8254 (Intel 8254 data sheet). The count is computed from guest time when
 * somebody looks.
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

    /** Of times and ticks that are loaded, so that sums with them do not overflow. */
    private static final long MOST = 1L << 62;

    private int mode = MODE_SQUARE;
    private int access = 3;
    private boolean bcd;
    private boolean gate;

    /** Initial count 1..65536, or 0: none written since the control word, the counter stands. */
    private int initial;

    /** Guest time at which counting began. */
    private long startNanos;

    /** Ticks already counted when the gate went down; counting stands while it is. */
    private long heldTicks;

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

    int mode() {
        return mode;
    }

    boolean counting() {
        return initial != 0 && (gate || mode == MODE_ONE_SHOT || mode == MODE_HARDWARE_STROBE);
    }

    boolean periodic() {
        return mode == MODE_RATE || mode == MODE_SQUARE;
    }

    private long elapsed(long now) {
        if (initial == 0) {
            return 0;
        }
        return heldTicks + (counting() ? Math.max(0, Ticks.fromNanos(now - startNanos, HZ)) : 0);
    }

    /**
     * Guest time of the first moment after {@code now} at which OUT rises, or -1 if it will not.
     */
    long nextRise(long now) {
        if (!counting()) {
            return -1;
        }
        long ticks = elapsed(now);
        long at;
        if (periodic()) {
            at = (ticks / initial + 1) * initial;
        } else if (ticks < initial) {
            at = initial;
        } else {
            return -1;
        }
        return startNanos + Ticks.toNanos(at - heldTicks, HZ);
    }

    boolean output(long now) {
        if (initial == 0) {
            return mode != MODE_TERMINAL_COUNT;
        }
        long ticks = elapsed(now);
        return switch (mode) {
            case MODE_TERMINAL_COUNT, MODE_ONE_SHOT -> ticks >= initial;
            case MODE_RATE -> !gate || ticks % initial != initial - 1;
            case MODE_SQUARE -> !gate || ticks % initial < initial + 1 >> 1;
            default -> ticks != initial;
        };
    }

    private int count(long now) {
        if (initial == 0) {
            return 0;
        }
        long ticks = elapsed(now);
        int modulus = bcd ? 10_000 : 0x1_0000;
        long value =
                switch (mode) {
                    case MODE_RATE -> initial - ticks % initial;
                    case MODE_SQUARE -> initial - 2 * ticks % initial & ~1;
                    default -> Math.floorMod(initial - ticks, modulus);
                };
        return encode((int) (value % modulus));
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
        return value == 0 ? bcd ? 10_000 : 0x1_0000 : value;
    }

    /** Control word for this counter, other than a latch command. */
    void control(int word) {
        access = word >> 4 & 3;
        mode = word >> 1 & 7;
        if (mode > MODE_HARDWARE_STROBE) {
            mode &= 3; // bit 2 of modes 2 and 3 is "don't care"
        }
        bcd = (word & 1) != 0;
        initial = 0;
        heldTicks = 0;
        writeHigh = false;
        readHigh = false;
        latchedCount = -1;
        latchedStatus = -1;
    }

    void latchCount(long now) {
        if (latchedCount < 0) {
            latchedCount = count(now);
        }
    }

    void latchStatus(long now) {
        if (latchedStatus < 0) {
            latchedStatus =
                    (output(now) ? 0x80 : 0)
                            | (initial == 0 ? 0x40 : 0)
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
        int value = latchedCount >= 0 ? latchedCount : count(now);
        boolean high = access == ACCESS_HIGH || access == 3 && readHigh;
        if (access == 3) {
            readHigh = !readHigh;
        }
        if (access != 3 || high) {
            latchedCount = -1;
        }
        return high ? value >> 8 : value & 0xFF;
    }

    /**
     * @return true if a new count was loaded
     */
    boolean write(int value, long now) {
        if (access == 3 && !writeHigh) {
            writeLatch = value;
            writeHigh = true;
            if (mode == MODE_TERMINAL_COUNT) {
                initial = 0; // the first byte stops the counting
            }
            return false;
        }
        int raw =
                switch (access) {
                    case ACCESS_LOW -> value;
                    case ACCESS_HIGH -> value << 8;
                    default -> value << 8 | writeLatch;
                };
        writeHigh = false;
        load(decode(raw), now);
        return true;
    }

    private void load(int count, long now) {
        initial = count;
        startNanos = now;
        // One-shots wait for a rising gate; until then they look expired.
        boolean waits = mode == MODE_ONE_SHOT || mode == MODE_HARDWARE_STROBE;
        heldTicks = waits ? 0x1_0000L + 1 : 0;
    }

    void gate(boolean now, long time) {
        if (now == gate) {
            return;
        }
        if (!now) {
            if (!periodic() && mode != MODE_ONE_SHOT && mode != MODE_HARDWARE_STROBE) {
                heldTicks = elapsed(time);
            }
            gate = false;
        } else {
            gate = true;
            if (mode != MODE_TERMINAL_COUNT && mode != MODE_SOFTWARE_STROBE) {
                heldTicks = 0;
            }
            startNanos = time;
        }
    }

    boolean gate() {
        return gate;
    }

    void save(StateSection to, String prefix) {
        to.put(
                prefix,
                new long[] {
                    mode,
                    access,
                    bcd ? 1 : 0,
                    gate ? 1 : 0,
                    initial,
                    startNanos,
                    heldTicks,
                    writeLatch,
                    writeHigh ? 1 : 0,
                    readHigh ? 1 : 0,
                    latchedCount,
                    latchedStatus
                });
    }

    void load(StateSection from, String prefix) {
        long[] s = new long[12];
        from.getInto(prefix, s);
        if (s[0] < 0
                || s[0] > MODE_HARDWARE_STROBE
                || s[1] < ACCESS_LOW
                || s[1] > 3
                || s[4] < 0
                || s[4] > 0x1_0000
                || s[5] < 0
                || s[5] > MOST
                || s[6] < 0
                || s[6] > MOST
                || s[7] < 0
                || s[7] > 0xFF
                || s[10] < -1
                || s[10] > 0xFFFF
                || s[11] < -1
                || s[11] > 0xFF) {
            throw new IllegalArgumentException("pit: key " + prefix + " holds no 8254 counter");
        }
        mode = (int) s[0];
        access = (int) s[1];
        bcd = s[2] != 0;
        gate = s[3] != 0;
        initial = (int) s[4];
        startNanos = s[5];
        heldTicks = s[6];
        writeLatch = (int) s[7];
        writeHigh = s[8] != 0;
        readHigh = s[9] != 0;
        latchedCount = (int) s[10];
        latchedStatus = (int) s[11];
    }
}
