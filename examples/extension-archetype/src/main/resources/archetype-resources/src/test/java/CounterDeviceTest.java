package ${package};

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.faultline.api.device.StateSection;
import dev.faultline.testkit.TestBoard;
import java.util.Map;
import org.junit.jupiter.api.Test;

class CounterDeviceTest {
    private final TestBoard board = new TestBoard(Map.of("every", "3"));
    private final CounterDevice device = new CounterDevice(board);

    private void write(int times) {
        for (int i = 0; i < times; i++) {
            board.out(CounterDevice.FIRST_PORT, 0);
        }
    }

    @Test
    void everyThirdWriteInterrupts() {
        write(2);
        assertFalse(board.line(CounterDevice.IRQ));
        write(1);
        assertTrue(board.line(CounterDevice.IRQ));
        assertEquals(3, board.in(CounterDevice.FIRST_PORT));
        write(1);
        assertFalse(board.line(CounterDevice.IRQ));
    }

    @Test
    void itsStateComesBack() {
        write(6);
        StateSection state = TestBoard.saved(device);
        device.close();
        assertFalse(board.line(CounterDevice.IRQ));
        TestBoard other = new TestBoard(Map.of("every", "3"));
        CounterDevice restored = new CounterDevice(other);
        restored.load(state);
        assertEquals(6, other.in(CounterDevice.FIRST_PORT));
        assertTrue(other.line(CounterDevice.IRQ));
    }
}
