// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal;

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
final class DeviceBoard implements Board {
    private final String name;
    private final PcBoard board;
    private final DeviceOptions options;

    /** Guarded by this, as the next two. */
    private final Set<Device> owners = Collections.newSetFromMap(new IdentityHashMap<>());

    private final List<InterruptLine> lines = new ArrayList<>();
    private boolean takenBack;

    /**
     * @param name the device's, for messages
     */
    DeviceBoard(String name, PcBoard board, DeviceOptions options) {
        this.name = name;
        this.board = board;
        this.options = options;
    }

    private void gives(Device owner) {
        if (takenBack) {
            throw new IllegalStateException("device " + name + " was taken out of the machine");
        }
        owners.add(owner);
    }

    /** Releases what the device claimed. Does not call it. */
    synchronized void takeBack() {
        takenBack = true;
        owners.forEach(board::release);
        owners.clear();
    }

    /** For a device that does not do it itself: leaves no line of its high. */
    synchronized void lower() {
        lines.forEach(line -> line.set(false));
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
    public synchronized InterruptLine interrupt(int irq) {
        InterruptLine line = board.interrupt(irq);
        lines.add(line);
        return line;
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
        board.requestReset(why);
    }

    @Override
    public void requestPowerOff(String why) {
        board.requestPowerOff(why);
    }

    @Override
    public void requestExit(int code, String why) {
        board.requestExit(code, why);
    }
}
