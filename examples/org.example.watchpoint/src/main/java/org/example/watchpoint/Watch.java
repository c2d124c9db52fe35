// SPDX-License-Identifier: Apache-2.0
package org.example.watchpoint;

import dev.faultline.api.fault.FaultHandler;
import dev.faultline.api.fault.PageFault;
import dev.faultline.api.fault.Resolution;
import dev.faultline.api.protection.ProtectionLayer;
import dev.faultline.api.protection.Rights;
import dev.faultline.api.vm.Machine;
import java.util.BitSet;

/**
 * Watches one machine's range by a protection layer that takes rights away. A stopped access is
 * counted and its page opened; {@link #arm} closes what was opened. So it samples: what a page sees
 * between its first access and the next {@code arm} is counted once.
 */
final class Watch implements FaultHandler, AutoCloseable {
    private static final int PAGE_SHIFT = 12;

    private final long firstGfn;
    private final int pages;
    private final int closedRights;
    private final HeatMap map;
    private final AccessLog log;
    private final ProtectionLayer layer;

    /**
     * Pages (from the first) that faults opened. Guarded by itself, which is never held while
     * rights change.
     */
    private final BitSet opened = new BitSet();

    /**
     * @param size bytes, rounded outward to pages; the range must lie below the machine's highest
     *     RAM
     * @param access what to watch, {@link Rights} bits
     */
    Watch(Machine machine, long gpa, long size, int access, AccessLog log) {
        firstGfn = gpa >>> PAGE_SHIFT;
        pages = Math.toIntExact((gpa + size - 1 >>> PAGE_SHIFT) - firstGfn + 1);
        closedRights = Rights.RWX & ~access;
        this.log = log;
        map = new HeatMap(firstGfn, pages);
        layer = machine.protection().addLayer("watchpoint", this);
        try {
            layer.protect(gpa, size, closedRights);
        } catch (IllegalArgumentException e) {
            layer.close();
            throw e;
        }
    }

    HeatMap map() {
        return map;
    }

    @Override
    public Resolution onFault(String machine, PageFault fault) {
        map.count(fault.gfn(), fault.access() & ~closedRights);
        log.add(machine, fault);
        layer.protectPage(fault.gfn(), Rights.RWX);
        synchronized (opened) {
            opened.set((int) (fault.gfn() - firstGfn));
        }
        return Resolution.RETRY;
    }

    /** Closes the pages that faults opened. */
    void arm() {
        BitSet toClose;
        synchronized (opened) {
            toClose = (BitSet) opened.clone();
            opened.clear();
        }
        toClose.stream().forEach(page -> layer.protectPage(firstGfn + page, closedRights));
    }

    /** All rights as if it had never been. */
    @Override
    public void close() {
        layer.close();
    }
}
