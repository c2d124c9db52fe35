// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.clone;

import dev.faultline.api.fault.FaultHandler;
import dev.faultline.api.fault.PageFault;
import dev.faultline.api.fault.Resolution;
import dev.faultline.api.memory.RamBlock;
import dev.faultline.api.platform.HostMemoryException;
import dev.faultline.api.platform.HostRegion;
import dev.faultline.api.platform.SharedMemory;
import dev.faultline.api.snapshot.CloneBase;
import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.api.snapshot.SnapshotException.Kind;
import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineException;
import dev.faultline.snapshot.internal.format.Layout;
import dev.faultline.snapshot.internal.format.Manifest;
import dev.faultline.snapshot.internal.image.Image;
import dev.faultline.snapshot.internal.image.Pager;
import dev.faultline.snapshot.internal.restore.AbsentPages;
import dev.faultline.snapshot.internal.restore.Restoration;
import java.util.BitSet;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * One machine over views of {@link SharedPages}. A page is closed to it until the shared one is
 * there: so its first write, which makes the page its own, copies what the snapshot has.
 *
 * <p>Opening is under one lock per clone. Each page is opened once, and on hosts whose views have
 * to follow the shared memory it does so just before, when nobody can have it open.
 */
public final class Cloned implements CloneBase.Clone, Pager, FaultHandler {
    private static final long PATIENCE_MILLIS = 60_000;

    private final SharedPages pages;
    private final List<Manifest.Region> regions;
    private final SharedMemory.@Nullable View[] views;
    private final AtomicLong faults = new AtomicLong();
    private final AtomicBoolean closed = new AtomicBoolean();
    private final Object opening = new Object();
    private final BitSet opened = new BitSet(); // guarded by opening
    private volatile boolean everything;
    private volatile @Nullable SnapshotException failure;
    private List<RamBlock> blocks = List.of();
    private @Nullable Machine machine;
    private @Nullable AbsentPages absentPages;

    /** The caller has made this an owner of {@code pages}; {@link #end} ends that. */
    Cloned(SharedPages pages) {
        this.pages = pages;
        this.regions = pages.image().manifest().regions();
        this.views = new SharedMemory.View[regions.size()];
        pages.cloned(1);
    }

    // ---- becoming a machine

    /** Memory for one of the machine's blocks, or null if the snapshot has no such region. */
    @Nullable HostRegion region(String block, long bytes) {
        for (int i = 0; i < views.length; i++) {
            Manifest.Region r = regions.get(i);
            if (r.name().equals(block) && r.bytes() == bytes && views[i] == null) {
                SharedMemory.View v = pages.view(i);
                views[i] = v;
                return new OwnedView(v, this);
            }
        }
        return null;
    }

    /** The machine that was made of {@link #region}s gets the snapshot's state and pages. */
    void attach(Machine made) throws MachineException {
        machine = made;
        blocks = AbsentPages.match(made, regions);
        for (int i = 0; i < views.length; i++) {
            SharedMemory.View v = views[i];
            if (v == null || v.address() != blocks.get(i).hva()) {
                throw new SnapshotException(
                        Kind.MISMATCH,
                        "the machine's RAM block %s of %d bytes is not the memory that clones share"
                                .formatted(regions.get(i).name(), regions.get(i).bytes()));
            }
        }
        made.loadState(pages.image().manifest().state());
        AbsentPages g = new AbsentPages(made, blocks, regions);
        boolean complete = pages.isComplete();
        synchronized (opening) {
            absentPages = g; // before anything is closed: a fault asks it
            everything = complete;
        }
        if (!complete) {
            g.close(Restoration.LAYER, this);
        }
        synchronized (opening) {
            open(pages.ready());
        }
    }

    private AbsentPages absentPages() {
        return Objects.requireNonNull(absentPages, "nothing is closed before it is there");
    }

    // ---- on fault

    @Override
    public Resolution onFault(String name, PageFault fault) {
        AbsentPages g = absentPages();
        int page = g.ramMap().pageOf(fault.hva());
        if (page < 0) {
            // Closed for RAM of ours that is just being mapped there; it is closed again then.
            g.openFrame(fault.gfn());
            return Resolution.RETRY;
        }
        // The machine may outlive its clone's end; then the shared memory may be gone.
        if (closed.get() || !pages.use()) {
            return Resolution.stop("the clone was ended before this page was loaded");
        }
        try {
            faults.incrementAndGet();
            pages.loadWaited(page);
            if (pages.isComplete()) {
                withdraw();
            } else {
                openAround(page, fault.gfn());
            }
            failure = null;
            return Resolution.RETRY;
        } catch (SnapshotException e) {
            return stop(e);
        } catch (HostMemoryException e) {
            return stop(new SnapshotException(Kind.IO, "page " + page + ": " + e.getMessage(), e));
        } finally {
            pages.leave();
        }
    }

    /** Clones wait for each other's reads, and there may be more of them than processors by far. */
    @Override
    public long patienceMillis() {
        return Math.max(PATIENCE_MILLIS, image().origin().patienceMillis());
    }

    private Resolution stop(SnapshotException e) {
        failure = e;
        return Resolution.stop(String.valueOf(e.getMessage()));
    }

    /**
     * Opens the page and, as it costs next to nothing, its neighbours within 2 MiB that are there
     * too, because another clone wanted them.
     */
    private void openAround(int page, long gfn) {
        int low = page - page % Layout.SECTION;
        int high = Math.min(pages.image().pages(), low + Layout.SECTION);
        synchronized (opening) {
            if (!opened.get(page)) {
                int first = page;
                while (first > low && !opened.get(first - 1) && pages.isReady(first - 1)) {
                    first--;
                }
                int end = page + 1;
                while (end < high && !opened.get(end) && pages.isReady(end)) {
                    end++;
                }
                open(first, end);
            } else {
                // It is open where it was mapped then; here it has been mapped since.
                absentPages().openFrame(gfn);
            }
        }
    }

    /** With {@link #opening} held. */
    private void open(BitSet ready) {
        ready.andNot(opened);
        for (int from = ready.nextSetBit(0); from >= 0; ) {
            int to = ready.nextClearBit(from);
            open(from, to);
            from = ready.nextSetBit(to);
        }
    }

    /** Pages that are ready and were never open. With {@link #opening} held. */
    private void open(int first, int end) {
        for (int i = 0, start = 0; i < views.length; i++) {
            int n = (int) (regions.get(i).bytes() / Layout.PAGE);
            int from = Math.max(first, start);
            int to = Math.min(end, start + n);
            SharedMemory.View v = views[i];
            if (v != null && from < to) { // none is missing since attach
                long offset = (long) (from - start) * Layout.PAGE;
                v.follow(offset, (long) (to - from) * Layout.PAGE);
            }
            start += n;
        }
        opened.set(first, end);
        if (!everything) {
            absentPages().open(first, end);
        }
    }

    /** The guest gives pages back: they are zero from now on, whatever the snapshot has there. */
    void discard(SharedMemory.View view, long offset, long bytes) {
        synchronized (opening) {
            view.discard(offset, bytes);
            if (absentPages != null && bytes > 0) { // else the machine is still being built
                int first = absentPages.ramMap().pageOf(view.address() + offset);
                int end = first + (int) (bytes / Layout.PAGE);
                opened.set(first, end);
                if (!everything) {
                    absentPages.open(first, end);
                }
            }
        }
    }

    /** All is there: nothing is closed to this clone any more. */
    private void withdraw() {
        synchronized (opening) {
            if (!everything) {
                open(pages.ready());
                everything = true;
                absentPages().withdraw();
            }
        }
    }

    // ---- Pager

    @Override
    public Image image() {
        return pages.image();
    }

    @Override
    public boolean isPresent(int page) {
        if (everything) {
            return true;
        }
        synchronized (opening) {
            return opened.get(page);
        }
    }

    @Override
    public boolean isComplete() {
        return everything;
    }

    @Override
    public boolean isClosed() {
        return closed.get();
    }

    // ---- Clone

    @Override
    public Machine machine() {
        return Objects.requireNonNull(machine, "nobody has a clone without one");
    }

    @Override
    public long faults() {
        return faults.get();
    }

    @Override
    public long privateBytes() {
        return blocks.stream().mapToLong(RamBlock::residentBytes).sum();
    }

    @Override
    public @Nullable SnapshotException failure() {
        return failure;
    }

    @Override
    public void complete() throws SnapshotException {
        if (closed.get() || !pages.use()) {
            throw new SnapshotException(Kind.IO, "the clone is closed");
        }
        try {
            pages.complete();
            if (pages.isComplete()) {
                withdraw();
            }
        } finally {
            pages.leave();
        }
    }

    @Override
    public void end() {
        if (closed.compareAndSet(false, true)) {
            pages.cloned(-1);
            pages.disown();
        }
    }

    @Override
    public void close() {
        try {
            if (machine != null) {
                machine.close();
            }
        } finally {
            end();
        }
    }
}
