// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.save;

import dev.faultline.api.address.Page;
import dev.faultline.api.fault.FaultHandler;
import dev.faultline.api.memory.MemorySlot;
import dev.faultline.api.protection.ProtectionLayer;
import dev.faultline.api.protection.Rights;
import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.api.snapshot.SnapshotException.Kind;
import dev.faultline.api.vm.Machine;
import dev.faultline.snapshot.internal.format.Layout;
import dev.faultline.snapshot.internal.format.RamMap;
import java.util.List;

/**
 * The layer that forbids writes to a machine's RAM, and opens a page when it is written. Others may
 * withdraw it at any time ({@link #isLive}). Any thread.
 */
final class WriteProtection {
    private final Machine machine;
    private final RamMap ramMap;
    private final ProtectionLayer layer;

    private WriteProtection(Machine machine, RamMap ramMap, ProtectionLayer layer) {
        this.machine = machine;
        this.ramMap = ramMap;
        this.layer = layer;
    }

    /** Adds the layer; it forbids nothing yet. */
    static WriteProtection add(Machine machine, RamMap ramMap, FaultHandler handler)
            throws SnapshotException {
        try {
            ProtectionLayer layer = machine.protection().addLayer(WriteWatch.LAYER, handler);
            return new WriteProtection(machine, ramMap, layer);
        } catch (IllegalArgumentException | IllegalStateException e) {
            throw new SnapshotException(
                    Kind.MISMATCH, "the machine's RAM cannot be watched: " + e.getMessage(), e);
        }
    }

    /** Whether nobody withdrew it. */
    boolean isLive() {
        return machine.protection().layers().contains(layer);
    }

    /** What the guest sees now. */
    List<MemorySlot> slots() {
        return machine.memory().slots();
    }

    /** Whether it is writable RAM that snapshots hold. */
    boolean covers(MemorySlot s) {
        return !s.readOnly() && ramMap.pageOf(s.hva()) >= 0;
    }

    /** Forbids writes to what it covers; when this returns, nobody can write there any more. */
    void protect(List<MemorySlot> slots) {
        for (MemorySlot s : slots) {
            if (covers(s)) {
                layer.protect(s.gpa(), s.size(), Rights.RX);
            }
        }
    }

    /** Lets the guest write one guest-physical page. On the faulting thread. */
    void open(long gfn) {
        try {
            layer.protectPage(gfn, Rights.RWX);
        } catch (IllegalStateException withdrawn) {
            return; // and with the layer what it forbade: the page is open already
        }
    }

    /** How many guest-physical pages can be written, of all that it covers. */
    long openPages(List<MemorySlot> slots) {
        long covered = 0;
        for (MemorySlot s : slots) {
            if (covers(s)) {
                covered += s.size() / Layout.PAGE;
            }
        }
        return covered - layer.restrictedPages();
    }

    /** Whether each page of a slot that can be written has a mark. */
    boolean isMarkedWhereOpen(MemorySlot s, Marks marks) {
        for (long off = 0; off < s.size(); off += Layout.PAGE) {
            int page = ramMap.pageOf(s.hva() + off);
            boolean open = (layer.rightsOf(Page.gfn(s.gpa() + off)) & Rights.W) != 0;
            if (page < 0 || open && !marks.has(page)) {
                return false;
            }
        }
        return true;
    }

    /** Withdraws the layer: everything may be written, and nobody is told. */
    void close() {
        layer.close();
    }
}
