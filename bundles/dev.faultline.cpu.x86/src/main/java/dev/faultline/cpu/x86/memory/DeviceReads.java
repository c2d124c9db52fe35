// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.memory;

import dev.faultline.api.engine.VcpuContext;
import java.util.Arrays;

/**
 * What one instruction has read from devices, for those that cannot know all their accesses before
 * they read (a far pointer in device space names a descriptor): if protection stops it afterwards,
 * its restart gets the same answers, and the devices are not read twice.
 *
 * <p>Belongs to one dynamic instruction, told by the count of those before it. An interrupt taken
 * between the stop and the restart ends that: the instruction then starts anew, as it would on
 * hardware. One per vCPU; its thread.
 */
final class DeviceReads {
    private long[] gpa = new long[8];
    private long[] value = new long[8];
    private int[] size = new int[8];
    private int count;

    /** Next to be answered from here; {@link #count} while there is nothing to repeat. */
    private int at;

    private long instruction = -1;

    /**
     * Reads a device, or repeats its answer.
     *
     * @param bytes 1, 2, 4 or 8, naturally aligned
     */
    long read(VcpuContext v, long address, int bytes) {
        long now = v.instructions + v.engineIndex;
        if (now != instruction) {
            instruction = now;
            count = 0;
            at = 0;
        }
        if (at < count) {
            if (gpa[at] == address && size[at] == bytes) {
                return value[at++];
            }
            count = at; // it goes another way this time
        }
        long x = v.bus.mmioRead(address, bytes);
        if (count == gpa.length) {
            gpa = Arrays.copyOf(gpa, 2 * count);
            value = Arrays.copyOf(value, 2 * count);
            size = Arrays.copyOf(size, 2 * count);
        }
        gpa[count] = address;
        size[count] = bytes;
        value[count++] = x;
        at = count;
        return x;
    }

    /** No instruction is to be answered from here. */
    void forget() {
        instruction = -1;
    }

    /** The instruction will be executed again. */
    void rewind() {
        at = 0;
    }
}
