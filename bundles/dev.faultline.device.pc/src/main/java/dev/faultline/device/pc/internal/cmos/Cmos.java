// SPDX-License-Identifier: Apache-2.0
package dev.faultline.device.pc.internal.cmos;

import dev.faultline.api.device.Board;
import dev.faultline.api.device.InterruptLine;
import dev.faultline.api.device.Resettable;
import dev.faultline.api.device.StateSection;
import dev.faultline.api.device.Stateful;
import dev.faultline.api.device.TimerHandle;
import dev.faultline.device.pc.internal.chip.BytePorts;
import dev.faultline.device.pc.internal.chip.Ticks;
import java.time.LocalDateTime;
import java.time.ZoneOffset;

/**
 * MC146818A real-time clock with 128 bytes of CMOS RAM at 0x70/0x71. Keeps UTC, advanced by guest
 * time: a paused machine's clock stands. The memory-size bytes are filled in as firmware would.
 *
 * <p>Each operation reads guest time once; every update, alarm and period until then happens first.
 */
public final class Cmos implements BytePorts, Stateful, Resettable {
    static final int INDEX_PORT = 0x70;
    static final int REG_A = 10;
    static final int REG_B = ClockRegisters.REG_B;
    static final int REG_C = 12;
    static final int REG_D = 13;

    /** Update in progress. */
    static final int A_UIP = 0x80;

    /** Divider chain: both set hold it in reset, whatever bit 4 is. */
    static final int A_DIVIDER_RESET = 0x60;

    static final int B_SET = 0x80;
    static final int B_PIE = 0x40;
    static final int B_AIE = 0x20;
    static final int B_UIE = 0x10;
    static final int B_BINARY = ClockRegisters.B_BINARY;
    static final int B_24H = ClockRegisters.B_24H;
    static final int C_IRQF = 0x80;
    static final int C_PF = 0x40;
    static final int C_AF = 0x20;
    static final int C_UF = 0x10;
    static final int D_VALID = 0x80;
    static final int VERSION = 2;
    private static final int C_FLAGS = C_PF | C_AF | C_UF;

    /** 32 kHz, 1024 Hz. */
    private static final int FIRMWARE_A = 0x26;

    private static final long OSCILLATOR_HZ = 32_768;
    static final long SECOND_NANOS = 1_000_000_000L;
    private static final long DAY_SECONDS = 86_400;
    private static final long MOST = 1L << 62;

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
    private final long ramBytes;
    private final int vcpus;
    private final byte[] ram = new byte[128];
    private final ClockRegisters clock = new ClockRegisters(ram);
    private int index;
    private int flags;

    /** A guest time at which the divider chain began a second. */
    private long base;

    /** Seconds of the divider chain since {@link #base} that have been counted or passed over. */
    private long updates;

    /** Guest time up to which flags have been computed. */
    private long seenNanos;

    /**
     * @param epochSecond what the clock shows at first
     */
    public Cmos(Board board, InterruptLine irq8, long epochSecond, long ramBytes, int vcpus) {
        this.board = board;
        this.irq8 = irq8;
        this.ramBytes = ramBytes;
        this.vcpus = vcpus;
        timer = board.timer(this, this::expired);
        ram[REG_A] = FIRMWARE_A;
        ram[REG_B] = B_24H;
        clock.set(LocalDateTime.ofEpochSecond(epochSecond, 0, ZoneOffset.UTC));
        seenNanos = now();
        updates = Math.floorDiv(seenNanos, SECOND_NANOS);
        describeMemory();
        board.claimPorts(this, 0, INDEX_PORT, 2);
    }

    @Override
    public String id() {
        return "cmos";
    }

    private void describeMemory() {
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

    /** Time and RAM have a battery; the rest is as firmware leaves it. */
    @Override
    public void reset() {
        long now = now();
        catchUp(now);
        clock.format(B_24H);
        writeA(FIRMWARE_A, now);
        describeMemory();
        flags = 0;
        index = 0;
        irq8.set(false);
        timer.cancel();
    }

    // ---- time

    private long now() {
        return board.clock().nanos();
    }

    private boolean has(int bit) {
        return (ram[REG_B] & bit) != 0;
    }

    private boolean dividerRuns() {
        return (ram[REG_A] & A_DIVIDER_RESET) != A_DIVIDER_RESET;
    }

    private boolean updates() {
        return dividerRuns() && !has(B_SET);
    }

    private long seconds(long now) {
        return Math.floorDiv(now - base, SECOND_NANOS);
    }

    /** Periods of the rate selected since the divider chain began. */
    private long periods(long now) {
        return Math.floorDiv(Ticks.fromNanos(now - base, OSCILLATOR_HZ), periodTicks());
    }

    /** 0: none. */
    private long periodTicks() {
        int rate = ram[REG_A] & 0xF;
        return rate == 0 ? 0 : 1L << (rate <= 2 ? rate + 6 : rate - 1);
    }

    /** Lets everything happen that happened since the last look. */
    private void catchUp(long now) {
        if (dividerRuns() && periodTicks() != 0 && periods(now) > periods(seenNanos)) {
            flags |= C_PF;
        }
        long passed = seconds(now) - updates;
        if (passed > 0) {
            updates += passed;
            if (updates()) {
                count(passed);
            }
        }
        seenNanos = Math.max(seenNanos, now);
        signal();
    }

    private void count(long seconds) {
        flags |= C_UF;
        // An alarm without "don't care" comes once a day: the last two are enough to look at.
        long days = Math.max(0, seconds / DAY_SECONDS - 1);
        for (long d = 0; d < days; d++) {
            clock.day();
        }
        for (long s = days * DAY_SECONDS; s < seconds; s++) {
            clock.second();
            if (clock.alarm()) {
                flags |= C_AF;
            }
        }
    }

    /** IRQF, and with it the line, is made of flags and enables at all times. */
    private void signal() {
        flags &= C_FLAGS;
        if ((flags & ram[REG_B]) != 0) {
            flags |= C_IRQF;
        }
        irq8.set((flags & C_IRQF) != 0);
    }

    private void expired() {
        long now = now();
        catchUp(now);
        arm(now);
    }

    private void arm(long now) {
        long next = Long.MAX_VALUE;
        if (has(B_PIE) && dividerRuns() && periodTicks() != 0) {
            long ticks = (periods(now) + 1) * periodTicks();
            next = base + Ticks.toNanos(ticks, OSCILLATOR_HZ);
        }
        if ((has(B_AIE) || has(B_UIE)) && updates()) {
            next = Math.min(next, base + (seconds(now) + 1) * SECOND_NANOS);
        }
        if (next == Long.MAX_VALUE) {
            timer.cancel();
        } else {
            timer.at(next);
        }
    }

    // ---- ports

    @Override
    public int readByte(int range, int offset) {
        if (offset == 0) {
            return 0xFF;
        }
        if (!ClockRegisters.isTime(index) && index > REG_D) {
            return ram[index] & 0xFF;
        }
        long now = now();
        catchUp(now);
        switch (index) {
            case REG_A:
                long left = SECOND_NANOS - Math.floorMod(now - base, SECOND_NANOS);
                return ram[REG_A] & 0x7F | (updates() && left <= UPDATE_NANOS ? A_UIP : 0);
            case REG_C:
                int was = flags;
                flags = 0;
                signal();
                return was;
            case REG_D:
                return D_VALID;
            default:
                return ram[index] & 0xFF;
        }
    }

    @Override
    public void writeByte(int range, int offset, int v) {
        if (offset == 0) {
            index = v & 0x7F; // bit 7 masks NMIs, of which this board has none
            return;
        }
        long now = now();
        catchUp(now);
        switch (index) {
            case REG_A -> writeA(v, now);
            case REG_B -> ram[REG_B] = (byte) ((v & B_SET) != 0 ? v & ~B_UIE : v);
            case REG_C, REG_D -> {}
            default -> ram[index] = (byte) v;
        }
        signal();
        arm(now);
    }

    /** The first update comes half a second after the divider chain is let go. */
    private void writeA(int v, long now) {
        boolean ran = dividerRuns();
        ram[REG_A] = (byte) (v & 0x7F);
        if (!ran && dividerRuns()) {
            base = now - SECOND_NANOS / 2;
            updates = 0;
        }
    }

    // ---- state

    @Override
    public int stateVersion() {
        return VERSION;
    }

    @Override
    public void save(StateSection to) {
        to.put("ram", ram);
        to.put("index", index);
        to.put("flags", flags);
        to.put("base", base);
        to.put("updates", updates);
        to.put("seenNanos", seenNanos);
    }

    @Override
    public void load(StateSection from) {
        from.getInto("ram", ram);
        index = from.getInt("index", 0, 0x7F);
        flags = from.getInt("flags", 0, 0xFF) & (C_IRQF | C_FLAGS);
        base = from.getLong("base", -SECOND_NANOS, MOST);
        // No more than have passed by the latest time that there is.
        updates = from.getLong("updates", -1 - MOST / SECOND_NANOS, 1 + MOST / SECOND_NANOS);
        seenNanos = from.getLong("seenNanos", 0, MOST);
        arm(now());
    }
}
