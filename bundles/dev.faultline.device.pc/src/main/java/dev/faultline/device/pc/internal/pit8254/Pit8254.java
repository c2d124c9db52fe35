// SPDX-License-Identifier: Apache-2.0
package dev.faultline.device.pc.internal.pit8254;

import dev.faultline.api.device.Board;
import dev.faultline.api.device.InterruptLine;
import dev.faultline.api.device.Resettable;
import dev.faultline.api.device.StateSection;
import dev.faultline.api.device.Stateful;
import dev.faultline.api.device.TimerHandle;
import dev.faultline.device.pc.internal.chip.BytePorts;

/**
 * 8254 programmable interval timer at 0x40 and the PC's system control port B at 0x61, which holds
 * the gate and shows the output of counter 2. Counter 0 drives IRQ 0.
 *
 * <p>Each operation reads guest time once: what it computes from it does not depend on how long the
 * host takes in between. What was due by then has happened before it.
 */
public final class Pit8254 implements BytePorts, Stateful, Resettable {
    static final int FIRST_PORT = 0x40;
    static final int CONTROL = 3;
    static final int SYSTEM_CONTROL_B = 0x61;

    /** RW: gate of counter 2. */
    static final int PORTB_GATE2 = 1;

    /** RW: speaker data enable. */
    static final int PORTB_SPEAKER = 2;

    /** RW: parity and I/O channel checks disabled; nothing here fails them. */
    static final int PORTB_CHECKS = 0xC;

    /** RO: toggles with every memory refresh, about 15 us. */
    static final int PORTB_REFRESH = 0x10;

    /** RO: output of counter 2. */
    static final int PORTB_OUT2 = 0x20;

    static final int VERSION = 2;
    static final String DUE = "due";
    static final String LAST_EDGE = "lastEdge";

    /** {@link #DUE} of a section that does not say: computed when it is loaded. */
    static final long UNKNOWN = -2;

    private static final long NEVER = -1;
    private static final long MOST = 1L << 62;
    private static final int PORTB_WRITABLE = PORTB_GATE2 | PORTB_SPEAKER | PORTB_CHECKS;
    private static final int READ_BACK = 3;
    private static final int RANGE_PIT = 0;
    private static final int RANGE_PORTB = 1;
    private static final long REFRESH_NANOS = 15_085;

    /** A guest may ask for an interrupt every microsecond; the host does not follow. */
    private static final long SHORTEST_PERIOD_NANOS = 50_000;

    private final Board board;
    private final InterruptLine irq0;
    private final TimerHandle timer;
    private final PitChannel[] channels = new PitChannel[3];
    private int portB;

    /** Guest time of the next edge of IRQ 0 that is to be given, or {@link #NEVER}. */
    private long due = NEVER;

    /** Guest time of the last one that was given for a periodic counter. */
    private long lastEdge;

    public Pit8254(Board board, InterruptLine irq0) {
        this.board = board;
        this.irq0 = irq0;
        timer = board.timer(this, this::expired);
        reset();
        board.claimPorts(this, RANGE_PIT, FIRST_PORT, 4);
        board.claimPorts(this, RANGE_PORTB, SYSTEM_CONTROL_B, 1);
    }

    @Override
    public String id() {
        return "pit";
    }

    @Override
    public void reset() {
        timer.cancel();
        for (int i = 0; i < 3; i++) {
            channels[i] = new PitChannel(i != 2);
        }
        portB = 0;
        due = NEVER;
        lastEdge = 0;
        irq0.set(false);
    }

    private long now() {
        return board.clock().nanos();
    }

    /**
     * Gives the edge that is due.
     *
     * @return false: none is
     */
    private boolean catchUp(long now) {
        if (due == NEVER || now < due) {
            return false;
        }
        // The low phase of a periodic counter may have passed unseen: give the edge.
        irq0.set(false);
        irq0.set(true);
        lastEdge = now;
        arm(now);
        return true;
    }

    private void expired() {
        if (!catchUp(now()) && due != NEVER) {
            timer.at(due);
        }
    }

    private void arm(long now) {
        long rise = channels[0].nextRise(now);
        if (rise < 0) {
            due = NEVER;
            timer.cancel();
        } else {
            due = channels[0].periodic() ? Math.max(rise, lastEdge + SHORTEST_PERIOD_NANOS) : rise;
            timer.at(due);
        }
    }

    /** Counter 0 was written to: its output may have changed, and the next edge has. */
    private void changed(long now) {
        irq0.set(channels[0].output(now));
        arm(now);
    }

    @Override
    public int readByte(int range, int offset) {
        long now = now();
        if (range == RANGE_PORTB) {
            return portB
                    | ((now / REFRESH_NANOS & 1) != 0 ? PORTB_REFRESH : 0)
                    | (channels[2].output(now) ? PORTB_OUT2 : 0);
        }
        catchUp(now);
        return offset == CONTROL ? 0 : channels[offset].read(now);
    }

    @Override
    public void writeByte(int range, int offset, int value) {
        long now = now();
        if (range == RANGE_PORTB) {
            portB = value & PORTB_WRITABLE;
            channels[2].gate((value & PORTB_GATE2) != 0, now);
            return;
        }
        catchUp(now);
        if (offset == CONTROL) {
            control(value, now);
        } else {
            channels[offset].write(value, now);
            if (offset == 0) {
                changed(now);
            }
        }
    }

    private void control(int word, long now) {
        int select = word >> 6;
        if (select == READ_BACK) {
            for (int i = 0; i < 3; i++) {
                if ((word & 2 << i) != 0) {
                    if ((word & 0x20) == 0) {
                        channels[i].latchCount(now);
                    }
                    if ((word & 0x10) == 0) {
                        channels[i].latchStatus(now);
                    }
                }
            }
        } else if ((word & 0x30) == 0) {
            channels[select].latchCount(now);
        } else {
            channels[select].control(word);
            if (select == 0) {
                changed(now);
            }
        }
    }

    @Override
    public int stateVersion() {
        return VERSION;
    }

    static String counter(int i) {
        return "counter" + i;
    }

    @Override
    public void save(StateSection to) {
        for (int i = 0; i < 3; i++) {
            channels[i].save(to, counter(i));
        }
        to.put("portB", portB);
        to.put(DUE, due);
        to.put(LAST_EDGE, lastEdge);
    }

    @Override
    public void load(StateSection from) {
        for (int i = 0; i < 3; i++) {
            channels[i].load(from, counter(i));
        }
        portB = from.getInt("portB", 0, PORTB_WRITABLE);
        lastEdge = from.getLong(LAST_EDGE, 0, MOST);
        long saved = from.getLong(DUE, UNKNOWN, MOST);
        if (saved == UNKNOWN) {
            arm(now());
            return;
        }
        due = saved;
        if (due == NEVER) {
            timer.cancel();
        } else {
            timer.at(due);
        }
    }
}
