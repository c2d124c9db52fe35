// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.save;

import dev.faultline.api.address.Page;
import dev.faultline.api.fault.FaultHandler;
import dev.faultline.api.fault.PageFault;
import dev.faultline.api.fault.Resolution;
import dev.faultline.api.memory.MemoryListener;
import dev.faultline.api.memory.MemorySlot;
import dev.faultline.api.memory.RamBlock;
import dev.faultline.api.protection.ProtectionLayer;
import dev.faultline.api.protection.Rights;
import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.api.snapshot.SnapshotException.Kind;
import dev.faultline.api.vm.Machine;
import dev.faultline.snapshot.internal.format.Layout;
import dev.faultline.snapshot.internal.format.Manifest;
import dev.faultline.snapshot.internal.format.PageSet;
import dev.faultline.snapshot.internal.format.RamMap;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Write protection over a machine's RAM, in a layer of its own: knows which pages were written
 * since a snapshot, and lets a live save keep what a write would change. A written page costs one
 * fault; it stays open until the next {@link #arm}.
 *
 * <p>Marks are per page of the RAM blocks, whatever guest-physical pages show it. What is mapped
 * anew counts as written, before the guest can reach it.
 */
public final class WriteWatch implements FaultHandler, MemoryListener {
    public static final String LAYER = "snapshot-writes";

    /** The snapshot that marks are relative to. */
    record Base(Path dir, byte[] id) {}

    /** Held by the one save that arms, or asks for marks. */
    public final ReentrantLock saving = new ReentrantLock();

    private final Machine machine;
    private final List<RamBlock> blocks;
    private final RamMap ramMap;
    private final int pages;

    /** Written since the last arming. */
    private volatile PageSet opened;

    /** Written between the base and the last arming, which no snapshot holds. Under saving. */
    private PageSet carried;

    /** Made before a pause, for it. */
    private PageSet spare;

    private Base base;
    private boolean unknown; // what was written since the base
    private volatile ProtectionLayer layer;
    private boolean aliased;
    private volatile boolean remapped;
    private volatile MemorySlot coming;
    private volatile LiveCopy copying;
    private volatile boolean gone;

    public WriteWatch(Machine machine) {
        this.machine = machine;
        this.blocks = machine.memory().blocks();
        List<Manifest.Region> regions = Saver.regions(blocks);
        this.ramMap = Saver.ramMap(blocks);
        this.pages = Saver.pages(regions);
        this.opened = new PageSet(pages);
        machine.memory().addListener(this);
    }

    public Machine machine() {
        return machine;
    }

    /** What marks are relative to; null if nothing is tracked. Under {@link #saving}. */
    Base base() {
        return base;
    }

    /** The machine's RAM is not what it was, or is released: not to be used any more. */
    public boolean isGone() {
        return gone || !machine.memory().blocks().equals(blocks);
    }

    // ---- vCPUs and devices

    @Override
    public Resolution onFault(String name, PageFault fault) {
        int page = ramMap.pageOf(fault.hva());
        if (page >= 0) {
            written(page);
        }
        ProtectionLayer l = layer;
        try {
            if (l != null) {
                l.protectPage(fault.gfn(), Rights.RWX);
            }
        } catch (IllegalStateException withdrawn) {
            return Resolution.RETRY; // and with it what it forbade
        }
        return Resolution.RETRY;
    }

    /** The page may be written from when this returns. */
    private void written(int page) {
        LiveCopy c = copying;
        if (c != null) {
            c.preserve(page);
        }
        opened.add(page);
    }

    @Override
    public void beforeMapping(MemorySlot now) {
        if (!now.readOnly()) {
            coming = now; // before the marks: an arming between must see it
            remapped = true;
            allWritten(now);
        }
    }

    private void allWritten(MemorySlot s) {
        for (long off = 0; off < s.size(); off += Layout.PAGE) {
            int page = ramMap.pageOf(s.hva() + off);
            if (page >= 0) {
                written(page);
            }
        }
    }

    @Override
    public void discarding(RamBlock block, long offset, long bytes) {
        remapped = true; // marks that are not open
        for (long off = 0; off < bytes; off += Layout.PAGE) {
            int page = ramMap.pageOf(block.hva() + offset + off);
            if (page >= 0) {
                written(page);
            }
        }
    }

    @Override
    public void mappingRemoved(MemorySlot old) {
        coming = null; // changes come one after the other: it was published
        remapped = true;
    }

    @Override
    public void beforeRelease(RamBlock block) {
        if (!blocks.contains(block)) {
            return;
        }
        gone = true;
        LiveCopy c = copying;
        if (c != null) {
            int first = ramMap.pageOf(block.hva());
            int end = first + (int) (block.size() / Layout.PAGE);
            c.lose(first, end, "the machine was closed, or its RAM released, before it was saved");
        }
    }

    /** Makes a live save fail; then the watch is to be released. Any thread. */
    public void stop() {
        gone = true;
        LiveCopy c = copying;
        if (c != null) {
            c.lose(0, pages, "the snapshot service was stopped before the machine was saved");
        }
    }

    // ---- saves; under the lock saving

    /** What costs time and memory in advance, so that the pause is short. The guest may run. */
    void prepare(boolean arms) throws SnapshotException {
        if (arms) {
            spare = new PageSet(pages);
            if (!isLive()) {
                unknown = true; // somebody withdrew it
                layer = add();
                // Most translations go now, and the code that does it runs for the first time.
                protect(machine.memory().slots());
            }
        }
    }

    private boolean isLive() {
        return layer != null && machine.protection().layers().contains(layer);
    }

    /**
     * Pages written since the base, or null if that is not known for sure. Not to be changed. While
     * the machine stands.
     */
    PageSet written() {
        if (base == null || unknown || gone || !isTrustworthy()) {
            return null;
        }
        PageSet now = opened;
        if (carried != null) {
            now.addAll(carried);
            carried = null;
            remapped = true; // marks that are not open
        }
        return now;
    }

    /** Whether every page that can be written is marked: nobody else opened any, or the layer. */
    private boolean isTrustworthy() {
        if (!isLive()) {
            return false;
        }
        long mapped = 0;
        boolean exact = !aliased && !remapped && coming == null;
        for (MemorySlot s : machine.memory().slots()) {
            if (isWatched(s)) {
                mapped += s.size() / Layout.PAGE;
                if (!exact && !isMarkedWhereOpen(s)) {
                    return false;
                }
            }
        }
        return !exact || mapped - layer.restrictedPages() == opened.size();
    }

    private boolean isMarkedWhereOpen(MemorySlot s) {
        for (long off = 0; off < s.size(); off += Layout.PAGE) {
            int page = ramMap.pageOf(s.hva() + off);
            if (page < 0
                    || (layer.rightsOf(Page.gfn(s.gpa() + off)) & Rights.W) != 0
                            && !opened.has(page)) {
                return false;
            }
        }
        return true;
    }

    private boolean isWatched(MemorySlot s) {
        return !s.readOnly() && ramMap.pageOf(s.hva()) >= 0;
    }

    /**
     * Starts anew: from now on every write is seen. After {@link #prepare}, while the machine
     * stands.
     *
     * @param known what {@link #written} answered in the same pause
     * @param copy is told of a page before it is written; null if nobody needs it
     */
    void arm(PageSet known, LiveCopy copy) {
        unknown |= known == null;
        carried = known;
        copying = copy;
        opened = spare;
        spare = null;
        remapped = false;
        List<MemorySlot> slots = machine.memory().slots();
        protect(slots);
        aliased = overlap(slots);
        MemorySlot next = coming;
        if (next != null) {
            if (!isShown(slots, next)) {
                remapped = true;
                allWritten(next); // not published when we looked
            } else if (next == coming) {
                coming = null;
            }
        }
    }

    private ProtectionLayer add() throws SnapshotException {
        try {
            return machine.protection().addLayer(LAYER, this);
        } catch (IllegalArgumentException | IllegalStateException e) {
            throw new SnapshotException(
                    Kind.MISMATCH, "the machine's RAM cannot be watched: " + e.getMessage(), e);
        }
    }

    private void protect(List<MemorySlot> slots) {
        for (MemorySlot s : slots) {
            if (isWatched(s)) {
                layer.protect(s.gpa(), s.size(), Rights.RX);
            }
        }
    }

    private static boolean isShown(List<MemorySlot> slots, MemorySlot part) {
        for (MemorySlot s : slots) {
            if (s.block() == part.block()
                    && s.gpa() <= part.gpa()
                    && s.end() >= part.end()
                    && s.hva() - s.gpa() == part.hva() - part.gpa()) {
                return true;
            }
        }
        return false;
    }

    /** Whether two slots show the same bytes. */
    private static boolean overlap(List<MemorySlot> slots) {
        for (int i = 1; i < slots.size(); i++) {
            MemorySlot a = slots.get(i);
            for (int k = 0; k < i; k++) {
                MemorySlot b = slots.get(k);
                if (a.hva() < b.hva() + b.size() && b.hva() < a.hva() + a.size()) {
                    return true;
                }
            }
        }
        return false;
    }

    /**
     * The save that armed has ended.
     *
     * @param saved what marks are relative to from now on; null: to what they were before, and if
     *     that is nothing, watching ends
     */
    void end(Base saved) {
        copying = null;
        if (saved != null) {
            base = saved;
            unknown = false;
            carried = null;
        } else if (base == null) {
            close();
        }
    }

    /** Withdraws the protection. */
    private void close() {
        base = null;
        carried = null;
        spare = null;
        copying = null;
        ProtectionLayer l = layer;
        if (l != null) {
            l.close();
            layer = null;
        }
    }

    /** As {@link #close}, for good. */
    public void release() {
        gone = true;
        close();
        machine.memory().removeListener(this);
    }
}
