// SPDX-License-Identifier: Apache-2.0
package dev.faultline.device.pc.internal.pic8259;

import dev.faultline.api.device.Board;
import dev.faultline.api.device.Resettable;
import dev.faultline.api.device.StateSection;
import dev.faultline.api.device.Stateful;
import dev.faultline.device.pc.internal.chip.BytePorts;

/**
 * The PC's two cascaded 8259As with the edge/level control registers. The slave's output is the
 * master's input 2.
 *
 * <p>All methods take the lock shared by the interrupt controllers; see {@code PcChipset} for the
 * lock order.
 */
public final class PicPair implements BytePorts, Stateful, Resettable {
    static final int MASTER_PORT = 0x20;
    static final int SLAVE_PORT = 0xA0;
    static final int ELCR_PORT = 0x4D0;
    private static final int CASCADE = 2;
    private static final int SPURIOUS = 7;
    private static final int RANGE_MASTER = 0;
    private static final int RANGE_SLAVE = 1;
    private static final int RANGE_ELCR = 2;

    /** Where INTR goes. */
    public interface Output {
        /**
         * {@link PicPair#output} changed. Lock held.
         *
         * @param edge false: it is as it was when the state that was loaded was saved
         */
        void changed(boolean edge);
    }

    private final Object lock;
    private final Output receiver;
    private final Pic8259 master = new Pic8259(true, 0xF8);
    private final Pic8259 slave = new Pic8259(false, 0xDE);
    private boolean output;

    /**
     * @param lock shared by the interrupt controllers
     * @param receiver of {@link #output}
     */
    public PicPair(Board board, Object lock, Output receiver) {
        this.lock = lock;
        this.receiver = receiver;
        master.reset();
        slave.reset();
        board.claimPorts(this, RANGE_MASTER, MASTER_PORT, 2);
        board.claimPorts(this, RANGE_SLAVE, SLAVE_PORT, 2);
        board.claimPorts(this, RANGE_ELCR, ELCR_PORT, 2);
    }

    @Override
    public String id() {
        return "pic";
    }

    @Override
    public void reset() {
        synchronized (lock) {
            master.reset();
            slave.reset();
            update();
        }
    }

    /** True while INTR is asserted. Lock held. */
    public boolean output() {
        return output;
    }

    /** Lock held. */
    public void setLine(int irq, boolean asserted) {
        if (irq < 8) {
            if (irq != CASCADE) {
                master.setLine(irq, asserted);
            }
        } else {
            slave.setLine(irq - 8, asserted);
        }
        update();
    }

    /**
     * INTA cycle: the vector of the request, or of the spurious interrupt 7 if it went away. Lock
     * held.
     */
    public int acknowledge() {
        int input = master.request();
        int vector;
        if (input < 0) {
            vector = master.vector(SPURIOUS);
        } else {
            master.acknowledge(input);
            if (input == CASCADE && !master.single()) {
                int second = slave.request();
                if (second >= 0) {
                    slave.acknowledge(second);
                }
                vector = slave.vector(second >= 0 ? second : SPURIOUS);
            } else {
                vector = master.vector(input);
            }
        }
        update();
        return vector;
    }

    private void update() {
        update(true);
    }

    private void update(boolean edge) {
        boolean cascade = slave.request() >= 0;
        // The slave drops its output between two requests, so that the master sees an edge for
        // each.
        master.setLine(CASCADE, false);
        if (cascade) {
            master.setLine(CASCADE, true);
        } else {
            master.withdraw(CASCADE);
        }
        boolean now = master.request() >= 0;
        if (now != output) {
            output = now;
            receiver.changed(edge);
        }
    }

    @Override
    public int readByte(int range, int offset) {
        synchronized (lock) {
            int value =
                    switch (range) {
                        case RANGE_MASTER -> master.read(offset);
                        case RANGE_SLAVE -> slave.read(offset);
                        default -> offset == 0 ? master.elcr() : slave.elcr();
                    };
            update();
            return value;
        }
    }

    @Override
    public void writeByte(int range, int offset, int v) {
        synchronized (lock) {
            switch (range) {
                case RANGE_MASTER -> master.write(offset, v);
                case RANGE_SLAVE -> slave.write(offset, v);
                default -> {
                    if (offset == 0) {
                        master.elcr(v);
                    } else {
                        slave.elcr(v);
                    }
                }
            }
            update();
        }
    }

    @Override
    public int stateVersion() {
        return 1;
    }

    @Override
    public void save(StateSection to) {
        synchronized (lock) {
            master.save(to, "master");
            slave.save(to, "slave");
        }
    }

    @Override
    public void load(StateSection from) {
        synchronized (lock) {
            master.load(from, "master");
            slave.load(from, "slave");
            update(false);
        }
    }
}
