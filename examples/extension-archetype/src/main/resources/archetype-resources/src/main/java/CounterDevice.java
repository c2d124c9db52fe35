package ${package};

import dev.faultline.api.device.Board;
import dev.faultline.api.device.InterruptLine;
import dev.faultline.api.device.PortDevice;
import dev.faultline.api.device.StateSection;
import dev.faultline.api.device.Stateful;

/**
 * One port: a write counts, a read tells the count, and the interrupt line is high while the count is a multiple of ten other than 0.
 *
 * The board calls from one thread at a time. The guest is hostile: no value it writes may throw, loop without bound or allocate.
 */
final class CounterDevice implements PortDevice, Stateful {
    static final int FIRST_PORT = 0x330;
    static final int IRQ = 5;

    private final InterruptLine line;
    private int count;

    CounterDevice(Board board) {
        line = board.interrupt(IRQ);
        board.claimPorts(this, 0, FIRST_PORT, 1);
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
        line.set(count != 0 && count % 10 == 0);
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
