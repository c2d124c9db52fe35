// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.save;

import dev.faultline.api.fault.FaultHandler;
import dev.faultline.api.fault.PageFault;
import dev.faultline.api.fault.Resolution;
import dev.faultline.api.memory.MemoryListener;
import dev.faultline.api.memory.MemorySlot;
import dev.faultline.api.memory.RamBlock;
import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.api.vm.Machine;
import dev.faultline.snapshot.internal.format.Layout;
import dev.faultline.snapshot.internal.format.PageSet;
import dev.faultline.snapshot.internal.format.RamMap;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Write protection over a machine's RAM, in a layer of its own: knows which pages were written
 * since a snapshot, and lets a live save keep what a write would change. A written page costs one
 * fault; it stays open until the next {@link #arm}.
 *
 * <p>Marks are per page of the RAM blocks, whatever guest-physical pages show it. What is mapped
 * anew counts as written, before the guest can reach it.
 *
 * <p>What is done at a time is a {@link WatchState}. It is replaced only with {@link #saving} held:
 * by a save, which holds it from before {@link #prepare} until after {@link #end}, and by {@link
 * #release}.
 *
 * <p>vCPUs and devices ({@link #onFault}) and whoever maps or discards memory take no lock of this
 * class. They read the state, which is volatile, once for each page, and work with what they found,
 * although it may be replaced meanwhile. That does no harm:
 *
 * <ul>
 *   <li>Marks and live copy are replaced together, by one write of the state, so a page that is
 *       marked as written after a pause was offered to that pause's copy first.
 *   <li>Faults never overlap an arming: vCPUs and devices stand. They may overlap the end of a
 *       save, which keeps the marks; a copy that is closed refuses what comes late by itself, and a
 *       layer that is withdrawn lets the guest through.
 *   <li>Those who map do not stand. They announce the mapping first, then read the state and mark.
 *       {@link #arm} goes the other way: it publishes its state first, then reads the announced
 *       mapping, then the slots. So if a mapping's pages went into the marks of before, it had been
 *       announced when arm's state was published. Then arm reads it, and either finds it among the
 *       slots, and protects it, or marks it itself; or another change of the map has come since,
 *       and it is among the slots. If arm comes earlier, the pages go into its marks anyway; to
 *       mark a page twice does no harm.
 *   <li>What a save takes for written is a copy, made in its pause: a mark that comes late, by one
 *       who read the state before, changes only what nobody looks at any more.
 *   <li>Those who discard do not stand either. They are heard before and after they do it, and the
 *       second time the pages are marked in the state of then.
 * </ul>
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

    /** Outlives states: a mapping may be announced before a save begins, and published after. */
    private final AnnouncedMapping announced = new AnnouncedMapping();

    /** Written under {@link #saving}, read by any thread. */
    private volatile WatchState state = new WatchState.Idle();

    /**
     * Why it is never again of use, or null. Not a state: any thread says it, at any time and
     * without {@link #saving}, and a save that is at work still goes through its states until it
     * notices.
     */
    private volatile @Nullable String gone;

    public WriteWatch(Machine machine) {
        this.machine = machine;
        this.blocks = machine.memory().blocks();
        this.ramMap = Saver.ramMap(blocks);
        this.pages = Saver.pages(Saver.regions(blocks));
        machine.memory().addListener(this);
    }

    public Machine machine() {
        return machine;
    }

    /** The machine's RAM is not what it was, or is released: not to be used any more. */
    public boolean isGone() {
        return gone != null || !machine.memory().blocks().equals(blocks);
    }

    // ---- vCPUs, devices, and whoever changes the map; without a lock of this class

    @Override
    public Resolution onFault(String name, PageFault fault) {
        WatchState s = state;
        int page = ramMap.pageOf(fault.hva());
        if (page >= 0) {
            s.beforeWrite(page);
        }
        s.open(fault.gfn());
        return Resolution.RETRY;
    }

    @Override
    public void beforeMapping(MemorySlot now) {
        if (!now.readOnly()) {
            announced.announce(now); // before the state is read
            markUnopened(now.hva(), now.size());
        }
    }

    @Override
    public void discarding(RamBlock block, long offset, long bytes) {
        markUnopened(block.hva() + offset, bytes);
    }

    /** Pages become other than they were without a fault that would open them. */
    private void markUnopened(long hva, long bytes) {
        state.setUneven();
        for (long off = 0; off < bytes; off += Layout.PAGE) {
            int page = ramMap.pageOf(hva + off);
            if (page >= 0) {
                state.beforeWrite(page); // read anew: a long run may overlap an arming
            }
        }
    }

    @Override
    public void mappingRemoved(MemorySlot old) {
        announced.settle();
        state.setUneven(); // open pages went, their marks stay
    }

    @Override
    public void beforeRelease(RamBlock block) {
        if (!blocks.contains(block)) {
            return;
        }
        String why = "the machine was closed, or its RAM released, before it was saved";
        gone = why; // before the copy is looked for: arm goes the other way
        LiveCopy c = state.copy();
        if (c != null) {
            int first = ramMap.pageOf(block.hva());
            int end = first + (int) (block.size() / Layout.PAGE);
            c.lose(first, end, why);
        }
    }

    /** Makes a live save fail; then the watch is to be released. Any thread. */
    public void stop() {
        String why = "the snapshot service was stopped before the machine was saved";
        gone = why; // before the copy is looked for: arm goes the other way
        LiveCopy c = state.copy();
        if (c != null) {
            c.lose(0, pages, why);
        }
    }

    // ---- saves; under the lock saving

    /** What marks are relative to; null if nothing is tracked. */
    @Nullable Base base() {
        return state.base();
    }

    /** What costs time and memory in advance, so that the pause is short. The guest may run. */
    void prepare(boolean arms) throws SnapshotException {
        if (!arms) {
            return;
        }
        Marks next = new Marks(pages);
        if (state instanceof WatchState.Resting now && now.protection().isLive()) {
            state = new WatchState.Prepared(now, next);
            return;
        }
        // There is no layer; or somebody withdrew it, and what was written then was not marked.
        WriteProtection added = WriteProtection.add(machine, ramMap, this);
        WatchState.Resting unmarked = new WatchState.Unmarked(added, state.base());
        state = new WatchState.Prepared(unmarked, next);
        // Most translations go now, and the code that does it runs for the first time.
        added.protect(machine.memory().slots());
    }

    /**
     * Pages written since the base, or null if that is not known for sure. Not to be changed. While
     * the machine stands.
     */
    @Nullable PageSet written() {
        return gone != null ? null : state.writtenSinceBase(announced);
    }

    /**
     * Starts anew: from now on every write is seen. After {@link #prepare}, while the machine
     * stands.
     *
     * @param known what {@link #written} answered in the same pause
     * @param copy is told of a page before it is written; null if nobody needs it
     */
    void arm(@Nullable PageSet known, @Nullable LiveCopy copy) {
        if (!(state instanceof WatchState.Prepared prepared)) {
            throw new IllegalStateException("armed without having been prepared");
        }
        WatchState.Armed armed = prepared.armed(known, copy);
        state = armed; // before the announced mapping is read, and whether the watch is gone
        String why = gone;
        if (why != null && copy != null) {
            copy.lose(0, pages, why); // said when there was no copy to lose
        }
        MemorySlot coming = announced.last(); // before the slots are read
        List<MemorySlot> slots = machine.memory().slots();
        armed.marks().expectAliases(slots);
        armed.protection().protect(slots);
        if (coming != null && !announced.isPublished(coming, slots)) {
            markUnopened(coming.hva(), coming.size());
        }
    }

    /**
     * The save that armed has ended.
     *
     * @param saved what marks are relative to from now on; null: to what they were before, and if
     *     that is nothing, watching ends
     */
    void end(@Nullable Base saved) {
        state = state.ended(saved);
        if (state.base() == null) {
            withdraw();
        }
    }

    /** Withdraws the protection. */
    private void withdraw() {
        if (state instanceof WatchState.Protected now) {
            // Not idle yet: until the layer has gone, who faults must be let through.
            state = new WatchState.Unmarked(now.protection(), null);
            try {
                now.protection().close();
            } finally {
                state = new WatchState.Idle();
            }
        }
    }

    /** As {@link #withdraw}, for good. Under {@link #saving}; a save may still end afterwards. */
    public void release() {
        if (gone == null) {
            gone = "the watch was released";
        }
        withdraw();
        machine.memory().removeListener(this);
    }
}
