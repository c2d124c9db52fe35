package ${package};

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.faultline.api.device.Board;
import dev.faultline.api.device.InterruptLine;
import dev.faultline.api.device.StateSection;
import java.lang.reflect.Proxy;
import org.junit.jupiter.api.Test;

class CounterDeviceTest {
    private boolean line;

    /** As much of a board as the device uses. */
    private final Board board =
            (Board)
                    Proxy.newProxyInstance(
                            Board.class.getClassLoader(),
                            new Class<?>[] {Board.class},
                            (self, method, arguments) ->
                                    switch (method.getName()) {
                                        case "interrupt" -> (InterruptLine) asserted -> line = asserted;
                                        case "claimPorts" -> null;
                                        default -> throw new AssertionError(method.getName());
                                    });

    private final CounterDevice device = new CounterDevice(board);

    private void write(int times) {
        for (int i = 0; i < times; i++) {
            device.portWrite(0, 0, 1, 0);
        }
    }

    @Test
    void everyTenthWriteInterrupts() {
        write(9);
        assertFalse(line);
        write(1);
        assertTrue(line);
        assertEquals(10, device.portRead(0, 0, 1));
        write(1);
        assertFalse(line);
    }

    @Test
    void itsStateComesBack() {
        write(20);
        StateSection state = new StateSection(device.id(), device.stateVersion());
        device.save(state);
        device.close();
        assertFalse(line);
        CounterDevice other = new CounterDevice(board);
        other.load(state);
        assertEquals(20, other.portRead(0, 0, 1));
        assertTrue(line);
    }
}
