// SPDX-License-Identifier: Apache-2.0
package org.example.watchpoint;

import dev.faultline.api.address.Page;
import dev.faultline.api.fault.FaultHandler;
import dev.faultline.api.fault.PageFault;
import dev.faultline.api.fault.Resolution;
import dev.faultline.api.protection.ProtectionLayer;
import dev.faultline.api.protection.Rights;
import dev.faultline.api.vm.Machine;

/**
 * Watches one machine's range by a protection layer that takes rights away. A stopped access is
 * counted and let through alone, so every access is seen; those to other pages cost nothing.
 */
final class Watch implements FaultHandler, AutoCloseable {

    private final int closedRights;
    private final HeatMap map;
    private final AccessLog log;
    private final ProtectionLayer layer;

    /**
     * @param size bytes, rounded outward to pages; the range must lie below the machine's highest
     *     RAM
     * @param access what to watch, {@link Rights} bits
     */
    Watch(Machine machine, long gpa, long size, int access, AccessLog log) {
        long firstGfn = Page.gfn(gpa);
        int pages = Math.toIntExact((gpa + size - 1 >>> Page.SHIFT) - firstGfn + 1);
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
        return Resolution.STEP;
    }

    /** All rights as if it had never been. */
    @Override
    public void close() {
        layer.close();
    }
}
