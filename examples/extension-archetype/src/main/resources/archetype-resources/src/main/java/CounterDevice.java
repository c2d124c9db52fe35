package ${package};

import dev.faultline.api.device.Board;
import dev.faultline.api.device.DeviceOptions;
import dev.faultline.api.device.InterruptLine;
import dev.faultline.api.device.PortDevice;
import dev.faultline.api.device.StateSection;
import dev.faultline.api.device.Stateful;

/**
 * One port: a write counts, a read tells the count, and the interrupt line is high while the count is a multiple of {@code every} other than 0.
 *
 * Options: {@code port} (0x330), {@code irq} (5; 5, 10, 11 and 16 to 23 are free), {@code every} (10).
 *
 * The board calls from one thread at a time. The guest is hostile: no value it writes may throw, loop without bound or allocate.
 */
final class CounterDevice implements PortDevice, Stateful {
    static final int FIRST_PORT = 0x330;
    static final int IRQ = 5;

    private final InterruptLine line;
    private final int every;
    private int count;

    CounterDevice(Board board) {
        DeviceOptions options = board.options();
        every = (int) options.number("every", 10, 1, 255);
        line = board.interrupt((int) options.number("irq", IRQ, 3, 23));
        board.claimPorts(this, 0, (int) options.number("port", FIRST_PORT, 0, 0xFFFF), 1);
    }

    /** Names its section in snapshots. */
    @Override
    public String id() {
        return "${deviceName}";
    }

    @Override
    public int portRead(int range, int offset, int size) {
        return count;
    }

    @Override
    public void portWrite(int range, int offset, int size, int value) {
        count = count + 1 & 0xFF;
        setLine();
    }

    private void setLine() {
        line.set(count != 0 && count % every == 0);
    }

    @Override
    public int stateVersion() {
        return 1;
    }

    @Override
    public void save(StateSection to) {
        to.put("count", count);
    }

    @Override
    public void load(StateSection from) {
        count = from.getInt("count") & 0xFF;
        setLine();
    }

    /** The bundle goes, or the machine: leave no line high. */
    @Override
    public void close() {
        line.set(false);
    }
}
