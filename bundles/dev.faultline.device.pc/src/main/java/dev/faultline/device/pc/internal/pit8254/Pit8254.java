// SPDX-License-Identifier: Apache-2.0
package dev.faultline.device.pc.internal.pit8254;

import dev.faultline.api.device.Board;
import dev.faultline.api.device.InterruptLine;
import dev.faultline.api.device.PortDevice;
import dev.faultline.api.device.Resettable;
import dev.faultline.api.device.StateSection;
import dev.faultline.api.device.Stateful;
import dev.faultline.api.device.TimerHandle;

/**
 * 8254 programmable interval timer at 0x40 and the PC's system control port B at 0x61, which holds
 * the gate and shows the output of counter 2. Counter 0 drives IRQ 0.
 */
public final class Pit8254 implements PortDevice, Stateful, Resettable {
    static final int FIRST_PORT = 0x40;
    static final int CONTROL = 3;
    static final int SYSTEM_CONTROL_B = 0x61;

    /** RW: gate of counter 2. */
    static final int PORTB_GATE2 = 1;

    /** RW: speaker data enable. */
    static final int PORTB_SPEAKER = 2;

    /** RO: toggles with every memory refresh, about 15 us. */
    static final int PORTB_REFRESH = 0x10;

    /** RO: output of counter 2. */
    static final int PORTB_OUT2 = 0x20;

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
        irq0.set(false);
    }

    private long now() {
        return board.clock().nanos();
    }

    @Override
    public int portRead(int range, int offset, int size) {
        int value;
        if (range == RANGE_PORTB) {
            long now = now();
            value =
                    portB
                            | ((now / REFRESH_NANOS & 1) != 0 ? PORTB_REFRESH : 0)
                            | (channels[2].output(now) ? PORTB_OUT2 : 0);
        } else {
            value = offset == CONTROL ? 0 : channels[offset].read(now());
        }
        return size == 1 ? value : value | -1 << 8;
    }

    @Override
    public void portWrite(int range, int offset, int size, int value) {
        int v = value & 0xFF;
        if (range == RANGE_PORTB) {
            portB = v & (PORTB_GATE2 | PORTB_SPEAKER);
            channels[2].gate((v & PORTB_GATE2) != 0, now());
        } else if (offset == CONTROL) {
            control(v);
        } else if (channels[offset].write(v, now()) && offset == 0) {
            irq0.set(channels[0].output(now()));
            arm();
        } else if (offset == 0 && !channels[0].counting()) {
            timer.cancel();
        }
    }

    private void control(int word) {
        int select = word >> 6;
        if (select == READ_BACK) {
            for (int i = 0; i < 3; i++) {
                if ((word & 2 << i) != 0) {
                    if ((word & 0x20) == 0) {
                        channels[i].latchCount(now());
                    }
                    if ((word & 0x10) == 0) {
                        channels[i].latchStatus(now());
                    }
                }
            }
        } else if ((word & 0x30) == 0) {
            channels[select].latchCount(now());
        } else {
            channels[select].control(word);
            if (select == 0) {
                timer.cancel();
                irq0.set(channels[0].output(now()));
            }
        }
    }

    private void arm() {
        long now = now();
        long rise = channels[0].nextRise(now);
        if (rise < 0) {
            timer.cancel();
        } else {
            timer.at(channels[0].periodic() ? Math.max(rise, now + SHORTEST_PERIOD_NANOS) : rise);
        }
    }

    private void expired() {
        // The low phase of a periodic counter may have passed unseen: give the edge.
        irq0.set(false);
        irq0.set(true);
        arm();
    }

    @Override
    public int stateVersion() {
        return 1;
    }

    @Override
    public void save(StateSection to) {
        for (int i = 0; i < 3; i++) {
            channels[i].save(to, "counter" + i);
        }
        to.put("portB", portB);
    }

    @Override
    public void load(StateSection from) {
        for (int i = 0; i < 3; i++) {
            channels[i].load(from, "counter" + i);
        }
        portB = from.getInt("portB", 0, PORTB_GATE2 | PORTB_SPEAKER);
        arm();
    }
}
