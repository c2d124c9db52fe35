// SPDX-License-Identifier: Apache-2.0
package org.example.checksum;

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
import java.util.Map;

/** A board for one device, whose clock the test moves. */
final class FakeBoard implements Board, GuestClock {
    long now;
    long alarmAt = Long.MAX_VALUE;
    Runnable alarm;
    boolean line;
    int irq;
    int firstPort = -1;
    long gpa;

    /** Moves guest time and runs the alarm if it is due. */
    void advance(long nanos) {
        now += nanos;
        if (alarmAt <= now) {
            alarmAt = Long.MAX_VALUE;
            alarm.run();
        }
    }

    @Override
    public long nanos() {
        return now;
    }

    @Override
    public long tscHz() {
        return 1_000_000_000;
    }

    @Override
    public long tsc() {
        return now;
    }

    @Override
    public Machine machine() {
        throw new IllegalStateException("a board without a machine");
    }

    @Override
    public DeviceOptions options() {
        return new DeviceOptions("checksum", Map.of());
    }

    @Override
    public GuestClock clock() {
        return this;
    }

    @Override
    public void claimPorts(PortDevice device, int range, int first, int count) {
        firstPort = first;
    }

    @Override
    public void claimMmio(MmioDevice device, int range, long where, long size) {
        gpa = where;
    }

    @Override
    public void release(Device device) {
        firstPort = -1;
    }

    @Override
    public InterruptLine interrupt(int number) {
        irq = number;
        return asserted -> line = asserted;
    }

    @Override
    public TimerHandle timer(Device owner, Runnable expired) {
        alarm = expired;
        return new TimerHandle() {
            @Override
            public void at(long nanos) {
                alarmAt = nanos;
            }

            @Override
            public void cancel() {
                alarmAt = Long.MAX_VALUE;
            }
        };
    }

    @Override
    public DmaPort dma(Device owner, Runnable kick) {
        throw new AssertionError("the device has no DMA");
    }

    @Override
    public void requestReset(String why) {
        throw new AssertionError(why);
    }

    @Override
    public void requestPowerOff(String why) {
        throw new AssertionError(why);
    }

    @Override
    public void requestExit(int code, String why) {
        throw new AssertionError(why);
    }
}
