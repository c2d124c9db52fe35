// SPDX-License-Identifier: Apache-2.0
package dev.faultline.device.pc.internal.debugexit;

import dev.faultline.api.device.Board;
import dev.faultline.api.device.PortDevice;

/**
 * The port through which a test guest ends itself: value v written to 0xf4 gives the exit code (v
 * &lt;&lt; 1) | 1.
 */
public final class DebugExit implements PortDevice {
    static final int PORT = 0xF4;
    private final Board board;

    public DebugExit(Board board) {
        this.board = board;
        board.claimPorts(this, 0, PORT, 4);
    }

    @Override
    public String id() {
        return "debug-exit";
    }

    @Override
    public int portRead(int range, int offset, int size) {
        return 0;
    }

    @Override
    public void portWrite(int range, int offset, int size, int value) {
        int bytes = size == 4 ? value : value & (1 << 8 * size) - 1;
        board.requestExit(bytes << 1 | 1, "debug-exit port");
    }
}
