// SPDX-License-Identifier: Apache-2.0
package org.example.checksum;

import dev.faultline.api.device.Board;
import dev.faultline.api.device.InterruptLine;
import dev.faultline.api.device.MmioDevice;
import dev.faultline.api.device.PortDevice;
import dev.faultline.api.device.Resettable;
import dev.faultline.api.device.StateSection;
import dev.faultline.api.device.Stateful;
import dev.faultline.api.device.TimerHandle;
import java.util.zip.CRC32C;

/**
 * Computes the CRC-32C of what the guest puts into its buffer. It takes its time, as hardware
 * would, and interrupts when it is done.
 *
 * <p>The board calls from one thread at a time, so there are no locks. The guest is hostile: no
 * value it writes may throw, loop without bound or allocate.
 */
final class ChecksumDevice implements PortDevice, MmioDevice, Stateful, Resettable {
    static final int PORTS = 4;

    /** W, 8 bits: what to do. */
    static final int COMMAND = 0;

    /** R, 8 bits: {@link #BUSY}, {@link #DONE}. */
    static final int STATUS = 0;

    /** RW, 8 bits each: how many bytes of the buffer count; more than there are means all. */
    static final int LENGTH_LOW = 2;

    static final int LENGTH_HIGH = 3;

    static final int START = 1;

    /** Takes the interrupt line and {@link #DONE} back. */
    static final int ACKNOWLEDGE = 2;

    static final int BUSY = 1;
    static final int DONE = 2;

    /** Size of the memory-mapped range, bytes. */
    static final int WINDOW = 4096;

    /** RW up to here, any size. */
    static final int BUFFER = WINDOW - 8;

    /** R, 64 bits: the last result. */
    static final int RESULT = BUFFER;

    private static final long NANOS_PER_BYTE = 10;
    private static final long NEVER = -1;

    private final Board board;
    private final InterruptLine line;
    private final TimerHandle finish;
    private final byte[] buffer = new byte[BUFFER];
    private int length;
    private int status;
    private long result;

    /** Guest time at which the running computation ends, or {@link #NEVER}. */
    private long finishAt = NEVER;

    /**
     * @param gpa of the memory-mapped range
     * @throws IllegalArgumentException if ports or range are taken
     */
    ChecksumDevice(Board board, int firstPort, long gpa, int irq) {
        this.board = board;
        line = board.interrupt(irq);
        finish = board.timer(this, this::finished);
        try {
            board.claimPorts(this, 0, firstPort, PORTS);
            board.claimMmio(this, 0, gpa, WINDOW);
        } catch (IllegalArgumentException e) {
            board.release(this);
            throw e;
        }
    }

    @Override
    public String id() {
        return "checksum";
    }

    // ---- ports

    @Override
    public int portRead(int range, int offset, int size) {
        return switch (offset) {
            case STATUS -> status;
            case LENGTH_LOW -> length;
            case LENGTH_HIGH -> length >> 8;
            default -> 0;
        };
    }

    @Override
    public void portWrite(int range, int offset, int size, int value) {
        switch (offset) {
            case COMMAND -> command(value & 0xFF);
            case LENGTH_LOW -> length = length & 0xFF00 | value & 0xFF;
            case LENGTH_HIGH -> length = length & 0xFF | (value & 0xFF) << 8;
            default -> {}
        }
    }

    private void command(int what) {
        if (what == START && (status & BUSY) == 0) {
            status = BUSY;
            line.set(false);
            finishAt = board.clock().nanos() + NANOS_PER_BYTE * counted();
            finish.at(finishAt);
        } else if (what == ACKNOWLEDGE) {
            status &= ~DONE;
            line.set(false);
        }
    }

    private int counted() {
        return Math.min(length, BUFFER);
    }

    private void finished() {
        CRC32C crc = new CRC32C();
        crc.update(buffer, 0, counted());
        result = crc.getValue();
        finishAt = NEVER;
        status = DONE;
        line.set(true);
    }

    // ---- memory-mapped range

    @Override
    public long mmioRead(int range, long offset, int size) {
        long value = 0;
        for (int i = size - 1; i >= 0; i--) {
            value = value << 8 | byteAt((int) offset + i);
        }
        return value;
    }

    private long byteAt(int at) {
        return at < BUFFER ? buffer[at] & 0xFF : result >>> 8 * (at - RESULT) & 0xFF;
    }

    @Override
    public void mmioWrite(int range, long offset, int size, long value) {
        for (int i = 0; i < size && offset + i < BUFFER; i++) {
            buffer[(int) offset + i] = (byte) (value >>> 8 * i);
        }
    }

    // ---- reset, state, end

    @Override
    public void reset() {
        finish.cancel();
        finishAt = NEVER;
        status = 0;
        length = 0;
        line.set(false);
    }

    @Override
    public int stateVersion() {
        return 1;
    }

    @Override
    public void save(StateSection to) {
        to.put("buffer", buffer.clone());
        to.put("length", length);
        to.put("status", status);
        to.put("result", result);
        to.put("finishAt", finishAt);
    }

    @Override
    public void load(StateSection from) {
        byte[] saved = from.getBytes("buffer");
        if (saved.length != BUFFER) {
            throw new IllegalArgumentException(
                    "buffer: %d bytes, expected %d".formatted(saved.length, BUFFER));
        }
        System.arraycopy(saved, 0, buffer, 0, BUFFER);
        length = from.getInt("length") & 0xFFFF;
        status = from.getInt("status") & (BUSY | DONE);
        result = from.getLong("result");
        finishAt = from.getLong("finishAt");
        line.set((status & DONE) != 0);
        if (finishAt != NEVER) {
            finish.at(finishAt);
        }
    }

    /** Its bundle goes, or its machine: the line must not stay asserted. */
    @Override
    public void close() {
        finish.cancel();
        line.set(false);
    }
}
