// SPDX-License-Identifier: Apache-2.0
package dev.faultline.device.pc.internal.i8042;

import dev.faultline.api.device.Board;
import dev.faultline.api.device.PortDevice;
import dev.faultline.api.device.Resettable;
import dev.faultline.api.device.StateSection;
import dev.faultline.api.device.Stateful;

/**
 * 8042 keyboard controller with neither keyboard nor mouse attached, and system control port A
 * (0x92). What software still needs it for: the reset pulse and the A20 gate. A20 itself is never
 * masked; its bit only reads back.
 */
public final class KeyboardController implements PortDevice, Stateful, Resettable {
    static final int DATA_PORT = 0x60;
    static final int COMMAND_PORT = 0x64;
    static final int SYSTEM_CONTROL_A = 0x92;

    static final int STATUS_OBF = 1;
    static final int STATUS_SYSTEM = 4;
    static final int STATUS_COMMAND = 8;
    static final int STATUS_UNLOCKED = 0x10;
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
    static final int CMD_READ_OUTPUT = 0xD0;
    static final int CMD_WRITE_OUTPUT = 0xD1;
    static final int CMD_PULSE = 0xF0;
    static final int CONFIG_DISABLE_KEYBOARD = 0x10;
    static final int CONFIG_DISABLE_AUX = 0x20;
    static final int OUTPUT_NOT_RESET = 1;
    static final int OUTPUT_A20 = 2;
    static final int SELF_TEST_PASSED = 0x55;
    static final int CLOCK_STUCK_LOW = 1;
    static final int NOBODY_ANSWERED = 0xFE;
    private static final int RANGE_DATA = 0;
    private static final int RANGE_COMMAND = 1;

    private final Board board;
    private int status;
    private int data;
    private int config;
    private boolean a20;

    /** Command whose data byte comes next; 0 = none. */
    private int expecting;

    public KeyboardController(Board board) {
        this.board = board;
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
        config = CONFIG_DISABLE_KEYBOARD | CONFIG_DISABLE_AUX | 4;
        a20 = true;
        expecting = 0;
    }

    @Override
    public int portRead(int range, int offset, int size) {
        int value;
        if (range == RANGE_DATA) {
            status &= ~(STATUS_OBF | STATUS_TIMEOUT);
            value = data;
        } else if (range == RANGE_COMMAND) {
            value = status;
        } else {
            value = a20 ? OUTPUT_A20 : 0;
        }
        return size == 1 ? value : value | -1 << 8;
    }

    @Override
    public void portWrite(int range, int offset, int size, int value) {
        int v = value & 0xFF;
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
    }

    private void answer(int value) {
        data = value;
        status |= STATUS_OBF;
    }

    private void command(int v) {
        expecting = 0;
        switch (v) {
            case CMD_READ_CONFIG -> answer(config);
            case CMD_WRITE_CONFIG, CMD_WRITE_OUTPUT -> expecting = v;
            case CMD_DISABLE_AUX -> config |= CONFIG_DISABLE_AUX;
            case CMD_ENABLE_AUX -> config &= ~CONFIG_DISABLE_AUX;
            case CMD_SELF_TEST -> answer(SELF_TEST_PASSED);
            case CMD_TEST_KEYBOARD, CMD_TEST_AUX -> answer(CLOCK_STUCK_LOW);
            case CMD_DISABLE_KEYBOARD -> config |= CONFIG_DISABLE_KEYBOARD;
            case CMD_ENABLE_KEYBOARD -> config &= ~CONFIG_DISABLE_KEYBOARD;
            case CMD_READ_OUTPUT -> answer(OUTPUT_NOT_RESET | (a20 ? OUTPUT_A20 : 0));
            default -> {
                if (v >= CMD_PULSE && (v & 1) == 0) {
                    board.requestReset("keyboard controller");
                }
            }
        }
    }

    private void writeData(int v) {
        switch (expecting) {
            case CMD_WRITE_CONFIG -> config = v;
            case CMD_WRITE_OUTPUT -> {
                a20 = (v & OUTPUT_A20) != 0;
                if ((v & OUTPUT_NOT_RESET) == 0) {
                    board.requestReset("keyboard controller output port");
                }
            }
            default -> {
                answer(NOBODY_ANSWERED);
                status |= STATUS_TIMEOUT;
            }
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
