// SPDX-License-Identifier: Apache-2.0
package dev.faultline.device.pc.internal.acpi;

import dev.faultline.api.device.Board;
import dev.faultline.api.device.InterruptLine;
import dev.faultline.api.device.PortDevice;
import dev.faultline.api.device.Resettable;
import dev.faultline.api.device.StateSection;
import dev.faultline.api.device.Stateful;
import dev.faultline.api.device.TimerHandle;
import dev.faultline.device.pc.internal.chip.Ticks;

/**
 * ACPI fixed hardware (ACPI Specification 6.5, "ACPI Hardware Specification"): PM1a event and
 * control blocks and the 32-bit power management timer. The machine is always in ACPI mode. Sleep
 * type {@link #SLP_TYP_S5} switches it off.
 */
public final class AcpiPm implements PortDevice, Stateful, Resettable {
    /** Ports that the machine's FADT names. */
    static final int FIRST_PORT = 0x600;

    /** RW1C, 16 bits. */
    static final int PM1_STS = 0;

    /** RW, 16 bits. */
    static final int PM1_EN = 2;

    /** RW, 16 bits. */
    static final int PM1_CNT = 4;

    /** RO, 32 bits. */
    static final int PM_TMR = 8;

    static final long PM_TIMER_HZ = 3_579_545;
    static final int TMR_STS = 1;
    static final int TMR_EN = 1;

    /** Timer, global lock, power button, sleep button, RTC. */
    static final int EN_WRITABLE = 0x0721;

    static final int SCI_EN = 1;

    /** WO: reads as 0. */
    static final int GBL_RLS = 4;

    static final int SLP_TYP_SHIFT = 10;
    static final int SLP_EN = 0x2000;
    static final int SLP_TYP_S5 = 5;
    private static final int PORTS = 12;

    /** TMR_STS is set whenever this bit of the timer changes. */
    private static final int OVERFLOW_BIT = 31;

    private final Board board;
    private final InterruptLine sci;
    private final TimerHandle overflow;
    private int status;
    private int enable;
    private int control;

    /** Half-periods of the overflow bit at the last look. */
    private long halves;

    public AcpiPm(Board board, InterruptLine sci) {
        this.board = board;
        this.sci = sci;
        overflow = board.timer(this, () -> update(ticks()));
        reset();
        board.claimPorts(this, 0, FIRST_PORT, PORTS);
    }

    @Override
    public String id() {
        return "acpi-pm";
    }

    @Override
    public void reset() {
        status = 0;
        enable = 0;
        control = SCI_EN;
        long ticks = ticks();
        halves = ticks >>> OVERFLOW_BIT;
        update(ticks);
    }

    private long ticks() {
        return Ticks.fromNanos(board.clock().nanos(), PM_TIMER_HZ);
    }

    /**
     * @param ticks read once in each operation
     */
    private void update(long ticks) {
        long now = ticks >>> OVERFLOW_BIT;
        if (now != halves) {
            halves = now;
            status |= TMR_STS;
        }
        sci.set((status & enable) != 0);
        if ((enable & TMR_EN) != 0) {
            overflow.at(Ticks.toNanos(now + 1 << OVERFLOW_BIT, PM_TIMER_HZ));
        } else {
            overflow.cancel();
        }
    }

    @Override
    public int portRead(int range, int offset, int size) {
        long ticks = ticks();
        update(ticks);
        long low = Integer.toUnsignedLong(status | enable << 16);
        int value = offset >= PM_TMR ? (int) ticks : offset >= PM1_CNT ? control : (int) low;
        return value >>> 8 * (offset & 3);
    }

    @Override
    public void portWrite(int range, int offset, int size, int value) {
        long ticks = ticks();
        update(ticks);
        for (int i = 0; i < size; i++) {
            writeByte(offset + i, value >>> 8 * i & 0xFF);
        }
        update(ticks);
    }

    private void writeByte(int offset, int v) {
        int shift = 8 * (offset & 1);
        switch (offset & ~1) {
            case PM1_STS -> status &= ~(v << shift);
            case PM1_EN -> enable = (enable & ~(0xFF << shift) | v << shift) & EN_WRITABLE;
            case PM1_CNT -> {
                control = (control & ~(0xFF << shift) | v << shift) & ~(SLP_EN | GBL_RLS) | SCI_EN;
                if ((v << shift & SLP_EN) != 0 && (control >> SLP_TYP_SHIFT & 7) == SLP_TYP_S5) {
                    board.requestPowerOff("ACPI soft off (S5)");
                }
            }
            default -> {}
        }
    }

    @Override
    public int stateVersion() {
        return 1;
    }

    @Override
    public void save(StateSection to) {
        to.put("status", status);
        to.put("enable", enable);
        to.put("control", control);
        to.put("halves", halves);
    }

    @Override
    public void load(StateSection from) {
        status = from.getInt("status", 0, 0xFFFF);
        enable = from.getInt("enable", 0, EN_WRITABLE) & EN_WRITABLE;
        control = from.getInt("control", 0, 0xFFFF) & ~SLP_EN | SCI_EN;
        halves = from.getLong("halves", 0, Long.MAX_VALUE);
        update(ticks());
    }
}
