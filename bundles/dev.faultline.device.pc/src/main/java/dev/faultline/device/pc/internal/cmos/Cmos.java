// SPDX-License-Identifier: Apache-2.0
package dev.faultline.device.pc.internal.cmos;

import dev.faultline.api.device.Board;
import dev.faultline.api.device.InterruptLine;
import dev.faultline.api.device.PortDevice;
import dev.faultline.api.device.Resettable;
import dev.faultline.api.device.StateSection;
import dev.faultline.api.device.Stateful;
import dev.faultline.api.device.TimerHandle;
import dev.faultline.device.pc.internal.Ticks;
import java.time.DateTimeException;
import java.time.LocalDateTime;
import java.time.ZoneOffset;

/**
 * MC146818 real-time clock with 128 bytes of CMOS RAM at 0x70/0x71. Keeps UTC, advanced by guest
 * time: a paused machine's clock stands. The memory-size bytes are filled in as firmware would.
 */
public final class Cmos implements PortDevice, Stateful, Resettable {
    static final int INDEX_PORT = 0x70;
    static final int SECONDS = 0;
    static final int SECONDS_ALARM = 1;
    static final int MINUTES = 2;
    static final int MINUTES_ALARM = 3;
    static final int HOURS = 4;
    static final int HOURS_ALARM = 5;
    static final int DAY_OF_WEEK = 6;
    static final int DAY_OF_MONTH = 7;
    static final int MONTH = 8;
    static final int YEAR = 9;
    static final int REG_A = 10;
    static final int REG_B = 11;
    static final int REG_C = 12;
    static final int REG_D = 13;
    static final int CENTURY = 0x32;

    /** Update in progress. */
    static final int A_UIP = 0x80;

    static final int B_SET = 0x80;
    static final int B_PIE = 0x40;
    static final int B_AIE = 0x20;
    static final int B_UIE = 0x10;
    static final int B_BINARY = 4;
    static final int B_24H = 2;
    static final int C_IRQF = 0x80;
    static final int C_PF = 0x40;
    static final int C_AF = 0x20;
    static final int C_UF = 0x10;
    static final int D_VALID = 0x80;
    private static final int DONT_CARE = 0xC0;
    private static final int PM = 0x80;
    private static final long OSCILLATOR_HZ = 32_768;
    private static final long SECOND_NANOS = 1_000_000_000L;

    /**
     * UIP rises this long before the time changes (data sheet, "Update Cycle", t_BUC + t_UC at 32
     * kHz).
     */
    private static final long UPDATE_NANOS = 2_228_000;

    private static final long KIB = 1 << 10;
    private static final long MIB = 1 << 20;
    private static final long HOLE = 3L << 30;

    private final Board board;
    private final InterruptLine irq8;
    private final TimerHandle timer;
    private final byte[] ram = new byte[128];
    private int index;
    private int flags;

    /** Epoch second at guest time 0. */
    private long baseSecond;

    /** The time is frozen here while B_SET holds it. */
    private long frozenSecond;

    /** Guest time up to which flags have been computed. */
    private long seenNanos;

    public Cmos(Board board, InterruptLine irq8, long epochSecond, long ramBytes, int vcpus) {
        this.board = board;
        this.irq8 = irq8;
        timer = board.timer(this, this::tick);
        baseSecond = epochSecond - Math.floorDiv(board.clock().nanos(), SECOND_NANOS);
        ram[REG_A] = 0x26; // 32 kHz, 1024 Hz
        ram[REG_B] = B_24H;
        describeMemory(ramBytes, vcpus);
        board.claimPorts(this, 0, INDEX_PORT, 2);
    }

    @Override
    public String id() {
        return "cmos";
    }

    private void describeMemory(long ramBytes, int vcpus) {
        long low = Math.min(ramBytes, HOLE);
        long above1M = Math.clamp(low / KIB - 1024, 0, 0xFFFF);
        long above16M = Math.clamp((low - 16 * MIB) / (64 * KIB), 0, 0xFFFF);
        long above4G = Math.max(0, ramBytes - HOLE) / (64 * KIB);
        put(0x15, Math.min(640, ramBytes / KIB), 2);
        put(0x17, above1M, 2);
        put(0x30, above1M, 2);
        put(0x34, above16M, 2);
        put(0x5B, above4G, 3);
        ram[0x5F] = (byte) (vcpus - 1);
    }

    private void put(int at, long value, int bytes) {
        for (int i = 0; i < bytes; i++) {
            ram[at + i] = (byte) (value >>> 8 * i);
        }
    }

    @Override
    public void reset() {
        ram[REG_B] &= ~(B_PIE | B_AIE | B_UIE);
        flags = 0;
        index = 0;
        irq8.set(false);
        timer.cancel();
    }

    // ---- time
    // --------------------------------------------------------------------------------------------------------

    private long nanos() {
        return board.clock().nanos();
    }

    private boolean has(int bit) {
        return (ram[REG_B] & bit) != 0;
    }

    private long second() {
        return has(B_SET) ? frozenSecond : baseSecond + nanos() / SECOND_NANOS;
    }

    private void setSecond(long second) {
        if (has(B_SET)) {
            frozenSecond = second;
        } else {
            baseSecond = second - nanos() / SECOND_NANOS;
        }
    }

    private LocalDateTime time() {
        return LocalDateTime.ofEpochSecond(second(), 0, ZoneOffset.UTC);
    }

    private int encode(int value) {
        return has(B_BINARY) ? value : value / 10 << 4 | value % 10;
    }

    private int decode(int value) {
        return has(B_BINARY) ? value : (value >> 4) * 10 + (value & 0xF);
    }

    private int encodeHour(int hour) {
        if (has(B_24H)) {
            return encode(hour);
        }
        return encode((hour + 11) % 12 + 1) | (hour >= 12 ? PM : 0);
    }

    private int decodeHour(int value) {
        if (has(B_24H)) {
            return decode(value);
        }
        return decode(value & ~PM) % 12 + ((value & PM) != 0 ? 12 : 0);
    }

    private int readTime(int register) {
        LocalDateTime t = time();
        return switch (register) {
            case SECONDS -> encode(t.getSecond());
            case MINUTES -> encode(t.getMinute());
            case HOURS -> encodeHour(t.getHour());
            case DAY_OF_WEEK -> t.getDayOfWeek().getValue() % 7 + 1; // Sunday is 1
            case DAY_OF_MONTH -> encode(t.getDayOfMonth());
            case MONTH -> encode(t.getMonthValue());
            case CENTURY -> encode(t.getYear() / 100 % 100);
            default -> encode(t.getYear() % 100);
        };
    }

    /**
     * Takes over one field; a value that gives no date is ignored, like a setting that the chip
     * never counts into.
     */
    private void writeTime(int register, int value) {
        LocalDateTime t = time();
        try {
            LocalDateTime now =
                    switch (register) {
                        case SECONDS -> t.withSecond(decode(value));
                        case MINUTES -> t.withMinute(decode(value));
                        case HOURS -> t.withHour(decodeHour(value));
                        case DAY_OF_MONTH -> t.withDayOfMonth(decode(value));
                        case MONTH -> t.withMonth(decode(value));
                        case YEAR -> t.withYear(t.getYear() / 100 * 100 + decode(value));
                        case CENTURY -> t.withYear(decode(value) * 100 + t.getYear() % 100);
                        default -> t; // the day of the week follows from the date
                    };
            if (now.getYear() >= 1 && now.getYear() <= 9999) { // the digits that there are
                setSecond(now.toEpochSecond(ZoneOffset.UTC));
            }
        } catch (DateTimeException e) {
            // E.g. day 31 set before the month: the guest sets the rest next.
        }
    }

    // ---- flags and interrupt
    // -----------------------------------------------------------------------------------------

    private long periodTicks() {
        int rate = ram[REG_A] & 0xF;
        return rate == 0 ? 0 : 1L << (rate <= 2 ? rate + 6 : rate - 1);
    }

    private boolean alarmBetween(long after, long upTo) {
        // Bounded: an alarm without "don't care" comes once a day.
        long from = Math.max(after + 1, upTo - 86_400);
        for (long s = from; s <= upTo; s++) {
            if (alarmAt(s)) {
                return true;
            }
        }
        return false;
    }

    private boolean alarmAt(long second) {
        int ofDay = (int) Math.floorMod(second, 86_400L);
        return alarmField(SECONDS_ALARM, encode(ofDay % 60))
                && alarmField(MINUTES_ALARM, encode(ofDay / 60 % 60))
                && alarmField(HOURS_ALARM, encodeHour(ofDay / 3600));
    }

    private boolean alarmField(int register, int now) {
        int wanted = ram[register] & 0xFF;
        return (wanted & DONT_CARE) == DONT_CARE || wanted == now;
    }

    /** Sets the flags of everything that happened since the last look. */
    private void catchUp() {
        long now = nanos();
        long period = periodTicks();
        if (period != 0
                && Ticks.fromNanos(now, OSCILLATOR_HZ) / period
                        != Ticks.fromNanos(seenNanos, OSCILLATOR_HZ) / period) {
            flags |= C_PF;
        }
        long from = seenNanos / SECOND_NANOS;
        long to = now / SECOND_NANOS;
        if (from != to && !has(B_SET)) {
            flags |= C_UF;
            if (alarmBetween(baseSecond + from, baseSecond + to)) {
                flags |= C_AF;
            }
        }
        seenNanos = now;
        if ((flags & ram[REG_B] & (C_PF | C_AF | C_UF)) != 0) {
            flags |= C_IRQF;
        }
        irq8.set((flags & C_IRQF) != 0);
    }

    private void tick() {
        catchUp();
        arm();
    }

    private void arm() {
        long now = nanos();
        long next = Long.MAX_VALUE;
        if (has(B_PIE) && periodTicks() != 0) {
            long ticks = (Ticks.fromNanos(now, OSCILLATOR_HZ) / periodTicks() + 1) * periodTicks();
            next = Ticks.toNanos(ticks, OSCILLATOR_HZ);
        }
        if (has(B_AIE) || has(B_UIE)) {
            next = Math.min(next, (now / SECOND_NANOS + 1) * SECOND_NANOS);
        }
        if (next == Long.MAX_VALUE) {
            timer.cancel();
        } else {
            timer.at(next);
        }
    }

    // ---- ports
    // -------------------------------------------------------------------------------------------------------

    @Override
    public int portRead(int range, int offset, int size) {
        int value = offset == 0 ? 0xFF : read(index);
        return size == 1 ? value : value | -1 << 8;
    }

    private int read(int register) {
        switch (register) {
            case SECONDS, MINUTES, HOURS, DAY_OF_WEEK, DAY_OF_MONTH, MONTH, YEAR, CENTURY:
                return readTime(register);
            case REG_A:
                boolean updating =
                        !has(B_SET) && SECOND_NANOS - nanos() % SECOND_NANOS <= UPDATE_NANOS;
                return ram[REG_A] & 0x7F | (updating ? A_UIP : 0);
            case REG_C:
                catchUp();
                int was = flags;
                flags = 0;
                irq8.set(false);
                return was;
            case REG_D:
                return D_VALID;
            default:
                return ram[register] & 0xFF;
        }
    }

    @Override
    public void portWrite(int range, int offset, int size, int value) {
        int v = value & 0xFF;
        if (offset == 0) {
            index = v & 0x7F; // bit 7 masks NMIs, of which this board has none
            return;
        }
        switch (index) {
            case SECONDS, MINUTES, HOURS, DAY_OF_WEEK, DAY_OF_MONTH, MONTH, YEAR, CENTURY ->
                    writeTime(index, v);
            case REG_A -> {
                catchUp();
                ram[REG_A] = (byte) (v & 0x7F);
                arm();
            }
            case REG_B -> writeB(v);
            case REG_C, REG_D -> {}
            default -> ram[index] = (byte) v;
        }
    }

    private void writeB(int v) {
        catchUp();
        long second = second();
        ram[REG_B] = (byte) ((v & B_SET) != 0 ? v & ~B_UIE : v);
        setSecond(second);
        catchUp();
        arm();
    }

    // ---- state
    // -------------------------------------------------------------------------------------------------------

    @Override
    public int stateVersion() {
        return 1;
    }

    @Override
    public void save(StateSection to) {
        to.put("ram", ram);
        to.put("index", index);
        to.put("flags", flags);
        to.put("baseSecond", baseSecond);
        to.put("frozenSecond", frozenSecond);
        to.put("seenNanos", seenNanos);
    }

    @Override
    public void load(StateSection from) {
        from.getInto("ram", ram);
        index = from.getInt("index", 0, 0x7F);
        flags = from.getInt("flags", 0, 0xFF) & 0xF0;
        baseSecond = from.getLong("baseSecond");
        frozenSecond = from.getLong("frozenSecond");
        // A second that makes no date would throw at each read.
        checkSecond(baseSecond);
        checkSecond(frozenSecond);
        seenNanos = from.getLong("seenNanos", 0, Long.MAX_VALUE);
        arm();
    }

    private static void checkSecond(long second) {
        if (second < -62_135_596_800L || second > 253_402_300_799L) {
            throw new IllegalArgumentException(
                    "cmos: time " + second + " must lie in the years 1 to 9999");
        }
    }
}
