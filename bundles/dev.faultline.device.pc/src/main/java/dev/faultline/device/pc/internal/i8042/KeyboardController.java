// SPDX-License-Identifier: Apache-2.0
package dev.faultline.device.pc.internal.i8042;

import dev.faultline.api.device.Board;
import dev.faultline.api.device.InterruptLine;
import dev.faultline.api.device.Resettable;
import dev.faultline.api.device.StateSection;
import dev.faultline.api.device.Stateful;
import dev.faultline.device.pc.internal.chip.BytePorts;

/**
 * 8042 keyboard controller with neither keyboard nor mouse attached, and system control port A
 * (0x92). What software still needs it for: the reset pulse and the A20 gate. A20 itself is never
 * masked; its bit only reads back.
 */
public final class KeyboardController implements BytePorts, Stateful, Resettable {
    static final int DATA_PORT = 0x60;
    static final int COMMAND_PORT = 0x64;
    static final int SYSTEM_CONTROL_A = 0x92;

    static final int STATUS_OBF = 1;
    static final int STATUS_SYSTEM = 4;
    static final int STATUS_COMMAND = 8;
    static final int STATUS_UNLOCKED = 0x10;
    static final int STATUS_AUX = 0x20;
    static final int STATUS_TIMEOUT = 0x40;

    static final int CMD_READ_CONFIG = 0x20;
    static final int CMD_WRITE_CONFIG = 0x60;
    static final int CMD_DISABLE_AUX = 0xA7;
    static final int CMD_ENABLE_AUX = 0xA8;
    static final int CMD_TEST_AUX = 0xA9;
    static final int CMD_SELF_TEST = 0xAA;
    static final int CMD_TEST_KEYBOARD = 0xAB;
    static final int CMD_DISABLE_KEYBOARD = 0xAD;
    static final int CMD_ENABLE_KEYBOARD = 0xAE;
    static final int CMD_READ_INPUT = 0xC0;
    static final int CMD_READ_OUTPUT = 0xD0;
    static final int CMD_WRITE_OUTPUT = 0xD1;
    static final int CMD_WRITE_KEYBOARD_BUFFER = 0xD2;
    static final int CMD_WRITE_AUX_BUFFER = 0xD3;
    static final int CMD_WRITE_AUX = 0xD4;
    static final int CMD_DISABLE_A20 = 0xDD;
    static final int CMD_ENABLE_A20 = 0xDF;
    static final int CMD_READ_TEST_INPUTS = 0xE0;
    static final int CMD_PULSE = 0xF0;
    static final int CONFIG_KEYBOARD_INTERRUPT = 1;
    static final int CONFIG_AUX_INTERRUPT = 2;
    static final int CONFIG_SYSTEM = 4;
    static final int CONFIG_DISABLE_KEYBOARD = 0x10;
    static final int CONFIG_DISABLE_AUX = 0x20;
    static final int OUTPUT_NOT_RESET = 1;
    static final int OUTPUT_A20 = 2;
    static final int SELF_TEST_PASSED = 0x55;
    static final int CLOCK_STUCK_LOW = 1;
    static final int NOBODY_ANSWERED = 0xFE;

    /** Input port: the keyboard is not locked; no manufacturing jumper. */
    static final int INPUT_PORT = 0xA0;

    private static final int RANGE_DATA = 0;
    private static final int RANGE_COMMAND = 1;

    private final Board board;
    private final InterruptLine irq1;
    private final InterruptLine irq12;
    private int status;
    private int data;
    private int config;
    private boolean a20;

    /** Command whose data byte comes next; 0 = none. */
    private int expecting;

    public KeyboardController(Board board, InterruptLine irq1, InterruptLine irq12) {
        this.board = board;
        this.irq1 = irq1;
        this.irq12 = irq12;
        reset();
        board.claimPorts(this, RANGE_DATA, DATA_PORT, 1);
        board.claimPorts(this, RANGE_COMMAND, COMMAND_PORT, 1);
        board.claimPorts(this, 2, SYSTEM_CONTROL_A, 1);
    }

    @Override
    public String id() {
        return "i8042";
    }

    @Override
    public void reset() {
        status = STATUS_SYSTEM | STATUS_UNLOCKED;
        data = 0;
        config = CONFIG_DISABLE_KEYBOARD | CONFIG_DISABLE_AUX | CONFIG_SYSTEM;
        a20 = true;
        expecting = 0;
        signal();
    }

    @Override
    public int readByte(int range, int offset) {
        if (range == RANGE_DATA) {
            status &= ~(STATUS_OBF | STATUS_AUX | STATUS_TIMEOUT);
            signal();
            return data;
        }
        return range == RANGE_COMMAND ? status : a20 ? OUTPUT_A20 : 0;
    }

    /** An interrupt is asked for while the output buffer is full and its device enabled. */
    private void signal() {
        boolean full = (status & STATUS_OBF) != 0;
        boolean aux = (status & STATUS_AUX) != 0;
        irq1.set(full && !aux && enabled(CONFIG_KEYBOARD_INTERRUPT, CONFIG_DISABLE_KEYBOARD));
        irq12.set(full && aux && enabled(CONFIG_AUX_INTERRUPT, CONFIG_DISABLE_AUX));
    }

    private boolean enabled(int interrupt, int disabled) {
        return (config & (interrupt | disabled)) == interrupt;
    }

    @Override
    public void writeByte(int range, int offset, int v) {
        if (range == RANGE_DATA) {
            status &= ~STATUS_COMMAND;
            writeData(v);
        } else if (range == RANGE_COMMAND) {
            status |= STATUS_COMMAND;
            command(v);
        } else {
            a20 = (v & OUTPUT_A20) != 0;
            if ((v & 1) != 0) {
                board.requestReset("system control port A (0x92)");
            }
        }
        signal();
    }

    private void answer(int value) {
        answer(value, 0);
    }

    /**
     * @param kind further bits of the status
     */
    private void answer(int value, int kind) {
        data = value;
        status = status & ~(STATUS_AUX | STATUS_TIMEOUT) | STATUS_OBF | kind;
    }

    private void configure(int value) {
        config = value;
        status = status & ~STATUS_SYSTEM | value & CONFIG_SYSTEM; // the same bit of each
    }

    private void command(int v) {
        expecting = 0;
        switch (v) {
            case CMD_READ_CONFIG -> answer(config);
            case CMD_WRITE_CONFIG,
                    CMD_WRITE_OUTPUT,
                    CMD_WRITE_KEYBOARD_BUFFER,
                    CMD_WRITE_AUX_BUFFER,
                    CMD_WRITE_AUX ->
                    expecting = v;
            case CMD_READ_INPUT -> answer(INPUT_PORT);
            case CMD_DISABLE_A20 -> a20 = false;
            case CMD_ENABLE_A20 -> a20 = true;
            case CMD_READ_TEST_INPUTS -> answer(0);
            case CMD_DISABLE_AUX -> config |= CONFIG_DISABLE_AUX;
            case CMD_ENABLE_AUX -> config &= ~CONFIG_DISABLE_AUX;
            case CMD_SELF_TEST -> {
                configure(config | CONFIG_SYSTEM);
                answer(SELF_TEST_PASSED);
            }
            case CMD_TEST_KEYBOARD, CMD_TEST_AUX -> answer(CLOCK_STUCK_LOW);
            case CMD_DISABLE_KEYBOARD -> config |= CONFIG_DISABLE_KEYBOARD;
            case CMD_ENABLE_KEYBOARD -> config &= ~CONFIG_DISABLE_KEYBOARD;
            case CMD_READ_OUTPUT -> answer(outputPort());
            default -> {
                if (v >= CMD_PULSE && (v & 1) == 0) {
                    board.requestReset("keyboard controller");
                }
            }
        }
    }

    /** Reset and A20, and which of the two interrupts is asked for (bits 4 and 5). */
    private int outputPort() {
        boolean full = (status & STATUS_OBF) != 0;
        boolean aux = (status & STATUS_AUX) != 0;
        return OUTPUT_NOT_RESET | (a20 ? OUTPUT_A20 : 0) | (!full ? 0 : aux ? 0x20 : 0x10);
    }

    private void writeData(int v) {
        switch (expecting) {
            case CMD_WRITE_CONFIG -> configure(v);
            case CMD_WRITE_KEYBOARD_BUFFER -> answer(v);
            case CMD_WRITE_AUX_BUFFER -> answer(v, STATUS_AUX);
            case CMD_WRITE_AUX -> answer(NOBODY_ANSWERED, STATUS_AUX | STATUS_TIMEOUT);
            case CMD_WRITE_OUTPUT -> {
                a20 = (v & OUTPUT_A20) != 0;
                if ((v & OUTPUT_NOT_RESET) == 0) {
                    board.requestReset("keyboard controller output port");
                }
            }
            default -> answer(NOBODY_ANSWERED, STATUS_TIMEOUT);
        }
        expecting = 0;
    }

    @Override
    public int stateVersion() {
        return 1;
    }

    @Override
    public void save(StateSection to) {
        to.put("status", status);
        to.put("data", data);
        to.put("config", config);
        to.put("a20", a20);
        to.put("expecting", expecting);
    }

    @Override
    public void load(StateSection from) {
        status = from.getInt("status", 0, 0xFF);
        data = from.getInt("data", 0, 0xFF);
        config = from.getInt("config", 0, 0xFF);
        a20 = from.getBoolean("a20");
        expecting = from.getInt("expecting", 0, 0xFF);
    }
}
