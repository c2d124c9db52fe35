// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.board;

import dev.faultline.api.cpu.GuestClock;
import dev.faultline.api.device.Board;
import dev.faultline.api.device.Device;
import dev.faultline.api.device.DeviceOptions;
import dev.faultline.api.device.DmaPort;
import dev.faultline.api.device.InterruptLine;
import dev.faultline.api.device.MmioDevice;
import dev.faultline.api.device.PortDevice;
import dev.faultline.api.device.TimerHandle;
import dev.faultline.api.vm.Machine;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;

/**
 * The board as a device of another bundle sees it. Remembers what it gave, so that all of it comes
 * back from a device that failed while it was made or closed, and gives nothing to one that was
 * taken out. Any thread.
 */
public final class DeviceBoard implements Board {
    private final String name;
    private final PcBoard board;
    private final DeviceOptions options;

    /** Guarded by this. */
    private final Set<Device> owners = Collections.newSetFromMap(new IdentityHashMap<>());

    /** Guards itself, and that none is raised once the device is out. Taken after this. */
    private final List<InterruptLine> lines = new ArrayList<>();

    /** Written under this and {@link #lines}. */
    private volatile boolean takenBack;

    /**
     * @param name the device's, for messages
     */
    public DeviceBoard(String name, PcBoard board, DeviceOptions options) {
        this.name = name;
        this.board = board;
        this.options = options;
    }

    private void gives(Device owner) {
        requireIn();
        owners.add(owner);
    }

    private void requireIn() {
        if (takenBack) {
            throw new IllegalStateException("device " + name + " was taken out of the machine");
        }
    }

    /** A line that nobody raises any more whose device is out: others have it then. */
    private final class Line implements InterruptLine {
        private final InterruptLine line;

        Line(InterruptLine line) {
            this.line = line;
        }

        @Override
        public void set(boolean high) {
            synchronized (lines) {
                if (high) {
                    requireIn();
                }
                if (!takenBack) {
                    line.set(high);
                }
            }
        }
    }

    /** Releases what the device claimed. Does not call it. */
    public synchronized void takeBack() {
        synchronized (lines) {
            takenBack = true;
        }
        owners.forEach(board::release);
        owners.clear();
    }

    /** For a device that does not do it itself: leaves no line of its high. */
    public void lower() {
        synchronized (lines) {
            lines.forEach(line -> line.set(false));
        }
    }

    @Override
    public Machine machine() {
        return board.machine();
    }

    @Override
    public DeviceOptions options() {
        return options;
    }

    @Override
    public GuestClock clock() {
        return board.clock();
    }

    @Override
    public synchronized void claimPorts(PortDevice device, int range, int first, int count) {
        gives(device);
        board.claimPorts(device, range, first, count);
    }

    @Override
    public synchronized void claimMmio(MmioDevice device, int range, long gpa, long size) {
        gives(device);
        board.claimMmio(device, range, gpa, size);
    }

    @Override
    public void release(Device device) {
        board.release(device);
    }

    @Override
    public InterruptLine interrupt(int irq) {
        requireIn();
        InterruptLine line = board.interrupt(irq);
        synchronized (lines) {
            lines.add(line);
        }
        return new Line(line);
    }

    @Override
    public synchronized TimerHandle timer(Device owner, Runnable expired) {
        gives(owner);
        return board.timer(owner, expired);
    }

    @Override
    public synchronized DmaPort dma(Device owner, Runnable kick) {
        gives(owner);
        return board.dma(owner, kick);
    }

    @Override
    public void requestReset(String why) {
        requireIn();
        board.requestReset(why);
    }

    @Override
    public void requestPowerOff(String why) {
        requireIn();
        board.requestPowerOff(why);
    }

    @Override
    public void requestExit(int code, String why) {
        requireIn();
        board.requestExit(code, why);
    }
}
