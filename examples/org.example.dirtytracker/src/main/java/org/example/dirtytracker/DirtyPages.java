// SPDX-License-Identifier: Apache-2.0
package org.example.dirtytracker;

import dev.faultline.api.address.Page;
import dev.faultline.api.fault.FaultHandler;
import dev.faultline.api.fault.PageFault;
import dev.faultline.api.fault.Resolution;
import dev.faultline.api.memory.MemorySlot;
import dev.faultline.api.protection.ProtectionLayer;
import dev.faultline.api.protection.Rights;
import dev.faultline.api.vm.Machine;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.stream.LongStream;

/**
 * Which pages of one machine were written. All RAM starts without W; a page's first write marks and
 * opens it, so each page costs one fault per {@link #take}.
 *
 * <p>Lock-free, since a lock held while rights are taken away would be waited for by a vCPU that is
 * itself waited for. A fault opens first and marks then: a mark taken in between belongs to the
 * next {@link #take}. So a write may be told one round late, and is never lost.
 */
final class DirtyPages implements FaultHandler, AutoCloseable {
    private static final int CLEAN = Rights.RX;

    private final ProtectionLayer layer;

    /** One bit for each page up to the highest of RAM. */
    private final AtomicLongArray marks;

    DirtyPages(Machine machine) {
        long pages = machine.memory().highestMapped() >>> Page.SHIFT;
        marks = new AtomicLongArray(Math.toIntExact((pages + Long.SIZE - 1) / Long.SIZE));
        layer = machine.protection().addLayer("dirty-tracker", this);
        for (MemorySlot slot : machine.memory().slots()) {
            layer.protect(slot.gpa(), slot.size(), CLEAN);
        }
    }

    @Override
    public Resolution onFault(String machine, PageFault fault) {
        long gfn = fault.gfn();
        layer.protectPage(gfn, Rights.RWX);
        marks.getAndAccumulate((int) (gfn / Long.SIZE), 1L << gfn % Long.SIZE, (a, b) -> a | b);
        return Resolution.RETRY;
    }

    /** Number of pages marked now. */
    long count() {
        long n = 0;
        for (int i = 0; i < marks.length(); i++) {
            n += Long.bitCount(marks.get(i));
        }
        return n;
    }

    /**
     * The pages (gfns, ascending) written since the last call; from its return their next write is
     * marked anew.
     */
    long[] take() {
        LongStream.Builder taken = LongStream.builder();
        for (int i = 0; i < marks.length(); i++) {
            for (long word = marks.getAndSet(i, 0); word != 0; word &= word - 1) {
                long gfn = (long) i * Long.SIZE + Long.numberOfTrailingZeros(word);
                layer.protectPage(gfn, CLEAN);
                taken.add(gfn);
            }
        }
        return taken.build().toArray();
    }

    @Override
    public void close() {
        layer.close();
    }
}
