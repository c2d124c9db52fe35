// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.restore;

import dev.faultline.api.address.Page;
import dev.faultline.api.fault.FaultHandler;
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
import dev.faultline.snapshot.internal.format.RamMap;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Which page of a snapshot is where in a machine, and the layer that keeps the guest from pages
 * that are absent. Any thread; opening neither locks nor allocates.
 */
public final class AbsentPages implements MemoryListener {
    private final Machine machine;
    private final List<RamBlock> blocks;
    private final RamMap ramMap;
    private @Nullable ProtectionLayer layer; // null: nothing was closed
    private volatile boolean withdrawn;

    /**
     * @param blocks of the machine, one per region of the snapshot, in their order
     */
    public AbsentPages(Machine machine, List<RamBlock> blocks, List<Manifest.Region> regions) {
        this.machine = machine;
        this.blocks = List.copyOf(blocks);
        this.ramMap = new RamMap(regions, blocks.stream().mapToLong(RamBlock::hva).toArray());
    }

    /**
     * The machine's blocks that are the snapshot's regions.
     *
     * @throws SnapshotException if the machine lacks one
     */
    public static List<RamBlock> match(Machine machine, List<Manifest.Region> regions)
            throws SnapshotException {
        List<RamBlock> blocks = new ArrayList<>();
        for (Manifest.Region r : regions) {
            blocks.add(
                    machine.memory().blocks().stream()
                            .filter(x -> x.name().equals(r.name()) && x.size() == r.bytes())
                            .findFirst()
                            .orElseThrow(() ->
                                    new SnapshotException(
                                            Kind.MISMATCH,
                                            "the snapshot's RAM region %s of %d bytes has no counterpart in the machine"
                                                    .formatted(r.name(), r.bytes()))));
        }
        return blocks;
    }

    /** Where the machine has the snapshot's pages. */
    public RamMap ramMap() {
        return ramMap;
    }

    private boolean has(RamBlock b) {
        return blocks.contains(b);
    }

    // ---- closing

    /** Keeps the guest from all pages. {@code handler} is asked when it touches one. */
    public void close(String name, FaultHandler handler) {
        layer = machine.protection().addLayer(name, handler);
        machine.memory().addListener(this);
        for (MemorySlot s : machine.memory().slots()) {
            protect(s);
        }
    }

    private void protect(MemorySlot s) {
        ProtectionLayer l = layer;
        try {
            if (l != null && has(s.block()) && !withdrawn) {
                l.protect(s.gpa(), s.size(), Rights.NONE);
            }
        } catch (IllegalStateException e) {
            rethrowUnlessWithdrawn(e);
        }
    }

    /**
     * RAM is about to appear at another place: the rights of the place do not say what is absent.
     * Pages that are there open again one by one.
     */
    @Override
    public void beforeMapping(MemorySlot now) {
        if (now.end() <= machine.memory().highestMapped()) {
            protect(now); // else nobody has rights there yet: when it was added
        }
    }

    @Override
    public void mappingAdded(MemorySlot now) {
        protect(now);
    }

    @Override
    public void mappingChanged(MemorySlot old, MemorySlot now) {
        if (old.hva() - old.gpa() == now.hva() - now.gpa()) {
            return;
        }
        if (has(now.block())) {
            protect(now);
        } else if (has(old.block())) {
            for (long gfn = Page.gfn(now.gpa()); gfn < Page.gfn(now.end()); gfn++) {
                openFrame(gfn);
            }
        }
    }

    // ---- opening

    /** Opens one guest frame. */
    public void openFrame(long gfn) {
        ProtectionLayer l = layer;
        try {
            if (l != null && !withdrawn) {
                l.protectPage(gfn, Rights.RWX);
            }
        } catch (IllegalStateException e) {
            rethrowUnlessWithdrawn(e);
        }
    }

    /** Opens a page wherever the guest sees it. */
    public void open(int page) {
        if (withdrawn) {
            return;
        }
        long hva = ramMap.hvaOf(page);
        List<MemorySlot> slots = machine.memory().slots();
        for (int i = 0; i < slots.size(); i++) {
            MemorySlot s = slots.get(i);
            long off = hva - s.hva();
            if (off >= 0 && off < s.size()) {
                openFrame(Page.gfn(s.gpa() + off));
            }
        }
    }

    /** {@link #withdraw} may come between a look and the act: then all is open already. */
    private void rethrowUnlessWithdrawn(IllegalStateException e) {
        if (!withdrawn) {
            throw e;
        }
    }

    /** Opens the pages from {@code from} to before {@code to} wherever the guest sees them. */
    public void open(int from, int to) {
        for (MemorySlot s : machine.memory().slots()) {
            if (!has(s.block())) {
                continue;
            }
            int start = ramMap.pageOf(s.hva());
            int first = Math.max(from, start);
            int end = Math.min(to, start + (int) (s.size() / Layout.PAGE));
            if (first < end) {
                openRange(
                        s.gpa() + (long) (first - start) * Layout.PAGE,
                        (long) (end - first) * Layout.PAGE);
            }
        }
    }

    private void openRange(long gpa, long bytes) {
        ProtectionLayer l = layer;
        try {
            if (l != null && !withdrawn) {
                l.protect(gpa, bytes, Rights.RWX);
            }
        } catch (IllegalStateException e) {
            rethrowUnlessWithdrawn(e);
        }
    }

    /** Opens all pages that are set. */
    void openAll(BitSet pages) {
        for (MemorySlot s : machine.memory().slots()) {
            if (!has(s.block())) {
                continue;
            }
            int first = ramMap.pageOf(s.hva());
            int end = first + (int) (s.size() / Layout.PAGE);
            int from = pages.nextSetBit(first);
            while (from >= 0 && from < end && !withdrawn) {
                int to = Math.min(end, pages.nextClearBit(from));
                openRange(
                        s.gpa() + (long) (from - first) * Layout.PAGE,
                        (long) (to - from) * Layout.PAGE);
                from = pages.nextSetBit(to);
            }
        }
    }

    /** All pages are there: ends the layer. Idempotent. */
    public synchronized void withdraw() {
        if (layer != null && !withdrawn) {
            withdrawn = true;
            machine.memory().removeListener(this);
            layer.close();
        }
    }
}
