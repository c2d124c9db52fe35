// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.board;

import dev.faultline.api.address.Page;
import dev.faultline.api.memory.GuestMemory;
import dev.faultline.api.memory.HostBytes;
import dev.faultline.api.memory.RamBlock;
import dev.faultline.api.platform.HostRegion;
import dev.faultline.api.vm.RamSource;
import dev.faultline.machine.pc.internal.load.GuestRam;
import java.util.Arrays;

/** A machine's RAM: one block, mapped below the device hole and, beyond 3 GiB, from 4 GiB on. */
public final class MachineRam implements GuestRam {
    static final String BLOCK = "ram";
    private final RamBlock block;

    private MachineRam(RamBlock block) {
        this.block = block;
    }

    public static MachineRam map(GuestMemory memory, long bytes, RamSource source) {
        MachineRam ram = new MachineRam(block(memory, bytes, source));
        long low = Math.min(bytes, HOLE_GPA);
        memory.map(0, low, ram.block, 0, false);
        if (bytes > low) {
            memory.map(HIGH_GPA, bytes - low, ram.block, low, false);
        }
        return ram;
    }

    private static RamBlock block(GuestMemory memory, long bytes, RamSource source) {
        HostRegion given = source.region(BLOCK, bytes);
        if (given == null) {
            return memory.addBlock(BLOCK, bytes);
        }
        try {
            if (given.size() != bytes) {
                throw new IllegalArgumentException(
                        "block %s was given 0x%x bytes: expected 0x%x"
                                .formatted(BLOCK, given.size(), bytes));
            }
            return memory.addBlock(BLOCK, given);
        } catch (Throwable e) {
            given.close();
            throw e;
        }
    }

    @Override
    public long size() {
        return block.size();
    }

    private long hva(long gpa, int bytes) {
        if (!contains(gpa, bytes)) {
            throw new IllegalArgumentException("gpa 0x%x, %d bytes: not RAM".formatted(gpa, bytes));
        }
        return block.hva() + (gpa < HOLE_GPA ? gpa : gpa - HIGH_GPA + HOLE_GPA);
    }

    @Override
    public void write(long gpa, byte[] from, int at, int bytes) {
        HostBytes.copyIn(from, at, hva(gpa, bytes), bytes);
    }

    /** {@inheritDoc} Touches only pages that are not zero: most were never used. */
    @Override
    public void clear(long gpa, long bytes) {
        byte[] page = new byte[Page.SIZE];
        byte[] zeros = new byte[Page.SIZE];
        for (long done = 0; done < bytes; ) {
            int n = (int) Math.min(bytes - done, Page.SIZE - (gpa + done & Page.SIZE - 1));
            read(gpa + done, page, 0, n);
            if (!Arrays.equals(page, 0, n, zeros, 0, n)) {
                write(gpa + done, zeros, 0, n);
            }
            done += n;
        }
    }

    private void read(long gpa, byte[] to, int at, int bytes) {
        HostBytes.copyOut(hva(gpa, bytes), to, at, bytes);
    }
}
