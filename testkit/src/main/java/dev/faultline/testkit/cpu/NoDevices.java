// SPDX-License-Identifier: Apache-2.0
package dev.faultline.testkit.cpu;

import dev.faultline.api.cpu.GuestBus;

/** A bus that nobody sits at: reads give all ones, writes are lost. */
public class NoDevices implements GuestBus {
    @Override
    public int portIn(int port, int size) {
        return -1;
    }

    @Override
    public void portOut(int port, int size, int value) {}

    @Override
    public long mmioRead(long gpa, int size) {
        return -1;
    }

    @Override
    public void mmioWrite(long gpa, int size, long value) {}
}
