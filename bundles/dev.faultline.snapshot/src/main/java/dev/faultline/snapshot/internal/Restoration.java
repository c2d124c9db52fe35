// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal;

import dev.faultline.api.fault.FaultHandler;
import dev.faultline.api.fault.PageFault;
import dev.faultline.api.fault.Resolution;
import dev.faultline.api.memory.MemorySlot;
import dev.faultline.api.memory.RamBlock;
import dev.faultline.api.protection.ProtectionLayer;
import dev.faultline.api.protection.Rights;
import dev.faultline.api.snapshot.RestoreMode;
import dev.faultline.api.snapshot.Restored;
import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.api.snapshot.SnapshotException.Kind;
import dev.faultline.api.vm.Machine;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;

/**
 * Puts a snapshot's pages into a machine: all before it starts, or each when the guest first
 * touches it. A page is verified and filled (in a {@link PageStore}) before its rights open, so the
 * guest never sees a wrong or half-filled page.
 *
 * <p>Faults are resolved on the vCPU's own thread.
 */
final class Restoration implements Restored, FaultHandler {
    /** Pages that a completion looks at together, to read them by few requests. */
    private static final int WINDOW = 1024;

    static final String LAYER = "snapshot";

    private final RestoreMode mode;
    private final Machine machine;
    private final Image image;
    private final Trace trace;
    private final List<RamBlock> blocks = new ArrayList<>();
    private final Places places;
    private final PageStore store;
    private final AtomicLong faults = new AtomicLong();
    private final AtomicBoolean closed = new AtomicBoolean();
    private final Object rightsLock = new Object();
    private int[] order = new int[256]; // guarded by touchLock
    private int touches;
    private final Object touchLock = new Object();
    private boolean withdrawn; // guarded by rightsLock
    private volatile SnapshotException failure;
    private volatile boolean everything;
    private ProtectionLayer layer;
    private Thread prefetch;

    Restoration(RestoreMode mode, Machine machine, Image image, Trace trace)
            throws SnapshotException {
        this.mode = mode;
        this.machine = machine;
        this.image = image;
        this.trace = trace;
        this.places = new Places(image.manifest().regions(), match(image.manifest()));
        this.store = new PageStore(image, places);
    }

    /** The machine's blocks that are the snapshot's regions. @return their addresses */
    private long[] match(Manifest m) throws SnapshotException {
        for (Manifest.Region r : m.regions()) {
            RamBlock b =
                    machine.memory().blocks().stream()
                            .filter(x -> x.name().equals(r.name()) && x.size() == r.bytes())
                            .findFirst()
                            .orElseThrow(() ->
                                    new SnapshotException(
                                            Kind.MISMATCH,
                                            "the snapshot's RAM region %s of %d bytes has no counterpart in the machine"
                                                    .formatted(r.name(), r.bytes())));
            blocks.add(b);
        }
        return blocks.stream().mapToLong(RamBlock::hva).toArray();
    }

    void start() throws SnapshotException {
        if (mode == RestoreMode.EAGER) {
            complete();
            return;
        }
        layer = machine.protection().addLayer(LAYER, this);
        for (MemorySlot s : machine.memory().slots()) {
            if (blocks.contains(s.block())) {
                layer.protect(s.gpa(), s.size(), Rights.NONE);
            }
        }
        if (mode == RestoreMode.RECORDED) {
            prefetch =
                    Thread.ofPlatform()
                            .daemon()
                            .name("snapshot-prefetch")
                            .unstarted(this::prefetch);
            prefetch.start();
        }
    }

    // ---- on fault
    // ----------------------------------------------------------------------------------------------------

    @Override
    public Resolution onFault(String name, PageFault fault) {
        int page = places.pageOf(fault.hva());
        if (page < 0) {
            return Resolution.PASS;
        }
        if (closed.get() && !isPresent(page)) {
            return Resolution.STOP;
        }
        int came;
        faults.incrementAndGet();
        try {
            came = store.loadWaited(page);
        } catch (SnapshotException e) {
            failure = e;
            return Resolution.stop(e.getMessage());
        }
        if (came != 0) {
            touched(page);
        }
        open(page & -Layout.GROUP, came, fault.gfn());
        return Resolution.RETRY;
    }

    private void touched(int page) {
        synchronized (touchLock) {
            if (touches < Layout.MAX_TRACE) {
                if (touches == order.length) {
                    order = Arrays.copyOf(order, 2 * touches);
                }
                order[touches++] = page;
            }
        }
    }

    /** Opens what was just filled wherever the guest sees it, and the page that it asks for. */
    private void open(int first, int mask, long gfn) {
        synchronized (rightsLock) {
            if (withdrawn) {
                return;
            }
            if (gfn >= 0) {
                layer.protectPage(gfn, Rights.RWX);
            }
            if (mask == 0) {
                return;
            }
            List<MemorySlot> slots = machine.memory().slots();
            for (int i = 0; i < Layout.GROUP; i++) {
                if ((mask >> i & 1) == 0) {
                    continue;
                }
                long hva = places.hvaOf(first + i);
                for (MemorySlot s : slots) {
                    long off = hva - s.hva();
                    if (off >= 0 && off < s.size()) {
                        layer.protectPage(s.gpa() + off >>> 12, Rights.RWX);
                    }
                }
            }
        }
    }

    boolean isPresent(int page) {
        return store.isPresent(page);
    }

    // ---- ahead of faults
    // ----------------------------------------------------------------------------------------------

    /**
     * The guest waits for a fault, for what is loaded ahead it does not. Holds no lock meanwhile.
     */
    private void yieldToFaults() {
        while (store.someoneWaits() && !closed.get()) {
            LockSupport.parkNanos(20_000);
        }
    }

    private void prefetch() {
        try {
            for (int page : trace.pages(image.pages())) {
                if (closed.get()) {
                    return;
                }
                if (!isPresent(page)) {
                    yieldToFaults();
                    open(page & -Layout.GROUP, store.load(page), -1);
                }
            }
        } catch (SnapshotException e) {
            // Advisory: the fault on that page will report it again, then as the guest's business.
            System.getLogger(Restoration.class.getName())
                    .log(System.Logger.Level.WARNING, "prefetch stopped: {0}", e.getMessage());
        }
    }

    @Override
    public void complete() throws SnapshotException {
        int[] next = new int[WINDOW];
        for (int p = 0; p < image.pages(); ) {
            int n = 0;
            for (; p < image.pages() && n < WINDOW; p++) {
                if (!isPresent(p)) {
                    next[n++] = p;
                }
            }
            for (int i = 0; i < n && !closed.get(); ) {
                yieldToFaults();
                Ahead ahead = image.ahead(next, i, n);
                for (; i < ahead.end() && !closed.get(); i++) {
                    yieldToFaults();
                    store.load(next[i], ahead);
                }
            }
            if (closed.get()) {
                return;
            }
        }
        everything = true;
        if (layer != null) {
            synchronized (rightsLock) {
                withdrawn = true;
                layer.close();
            }
        }
    }

    /** Whether the machine lacks nothing any more. */
    boolean isComplete() {
        return everything;
    }

    Image image() {
        return image;
    }

    @Override
    public void saveRecording() throws SnapshotException {
        int[] mine;
        synchronized (touchLock) {
            mine = Arrays.copyOf(order, touches);
        }
        if (mode == RestoreMode.RECORDED) {
            // What was fetched ahead was never touched in order: the recording grows by what was
            // missing in it.
            int[] before = trace.pages(image.pages());
            int n = Math.min(before.length, Layout.MAX_TRACE - mine.length);
            int[] both = Arrays.copyOf(before, n + mine.length);
            System.arraycopy(mine, 0, both, n, mine.length);
            mine = both;
        }
        trace.save(mine, mine.length);
    }

    // ---- figures
    // --------------------------------------------------------------------------------------------------------

    @Override
    public RestoreMode mode() {
        return mode;
    }

    @Override
    public long pagesLoaded() {
        return store.pagesLoaded();
    }

    @Override
    public long bytesRead() {
        return store.bytesRead();
    }

    @Override
    public long faults() {
        return faults.get();
    }

    @Override
    public BitSet loadedPages() {
        return store.loadedPages();
    }

    @Override
    public SnapshotException failure() {
        return failure;
    }

    @Override
    public void close() {
        if (!closed.compareAndSet(false, true)) {
            return;
        }
        try {
            if (prefetch != null) {
                prefetch.join();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        try {
            image.close();
        } catch (SnapshotException e) {
            System.getLogger(Restoration.class.getName())
                    .log(System.Logger.Level.WARNING, "closing: {0}", e.getMessage());
        }
    }

    Machine machine() {
        return machine;
    }

    boolean isClosed() {
        return closed.get();
    }
}
