// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal;

import dev.faultline.api.fault.FaultHandler;
import dev.faultline.api.fault.PageFault;
import dev.faultline.api.fault.Resolution;
import dev.faultline.api.memory.HostBytes;
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
import java.util.BitSet;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongArray;

/**
 * Puts a snapshot's pages into a machine: all before it starts, or each when the guest first touches it. A page is verified and filled before its rights open, so the
 * guest never sees a wrong or half-filled page.
 *
 * <p>Faults are resolved on the vCPU's own thread. Per-page work is serialised by striped locks; vCPUs that touch different pages do not wait for each other.
 */
final class Restoration implements Restored, FaultHandler {
    private static final int STRIPES = 64;
    private static final String LAYER = "snapshot";

    private final RestoreMode mode;
    private final Machine machine;
    private final PageIndex index;
    private final Trace trace;
    private final List<RamBlock> blocks = new ArrayList<>();
    private final List<Integer> firstPage = new ArrayList<>();
    private final AtomicLongArray present;
    private final Object[] stripes = new Object[STRIPES];
    private final AtomicLong loaded = new AtomicLong();
    private final AtomicLong bytes = new AtomicLong();
    private final AtomicLong faults = new AtomicLong();
    private final AtomicInteger touches = new AtomicInteger();
    private final AtomicBoolean closed = new AtomicBoolean();
    private final ThreadLocal<byte[]> buffer = ThreadLocal.withInitial(() -> new byte[Layout.PAGE]);
    private final int[] order;
    private volatile SnapshotException failure;
    private ProtectionLayer layer;
    private Thread prefetch;

    Restoration(RestoreMode mode, Machine machine, Manifest m, PageIndex index, Trace trace)
            throws SnapshotException {
        this.mode = mode;
        this.machine = machine;
        this.index = index;
        this.trace = trace;
        this.present = new AtomicLongArray((index.pages() + 63) / 64);
        this.order = new int[Math.min(index.pages(), Layout.MAX_TRACE)];
        for (int i = 0; i < STRIPES; i++) {
            stripes[i] = new Object();
        }
        match(m);
    }

    private void match(Manifest m) throws SnapshotException {
        int page = 0;
        for (Manifest.Region r : m.regions()) {
            RamBlock b =
                    machine.memory().blocks().stream()
                            .filter(x -> x.name().equals(r.name()) && x.size() == r.bytes())
                            .findFirst()
                            .orElseThrow(
                                    () ->
                                            new SnapshotException(
                                                    Kind.MISMATCH,
                                                    "the snapshot's RAM region %s of %d bytes has no counterpart in the machine"
                                                            .formatted(r.name(), r.bytes())));
            blocks.add(b);
            firstPage.add(page);
            page += (int) (r.bytes() / Layout.PAGE);
        }
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
            prefetch = Thread.ofPlatform().daemon().name("snapshot-prefetch").unstarted(this::prefetch);
            prefetch.start();
        }
    }

    // ---- on fault ----------------------------------------------------------------------------------------------------

    @Override
    public Resolution onFault(String name, PageFault fault) {
        int page = pageOf(fault.hva());
        if (page < 0) {
            return Resolution.PASS;
        }
        if (closed.get() && !isPresent(page)) {
            return Resolution.STOP;
        }
        try {
            faults.incrementAndGet();
            if (load(page)) {
                touched(page);
            }
        } catch (SnapshotException e) {
            failure = e;
            return Resolution.STOP;
        }
        layer.protectPage(fault.gfn(), Rights.RWX);
        return Resolution.RETRY;
    }

    private void touched(int page) {
        int i = touches.getAndIncrement();
        if (i < order.length) {
            order[i] = page;
        }
    }

    private int pageOf(long hva) {
        for (int i = 0; i < blocks.size(); i++) {
            long off = hva - blocks.get(i).hva();
            if (off >= 0 && off < blocks.get(i).size()) {
                return firstPage.get(i) + (int) (off / Layout.PAGE);
            }
        }
        return -1;
    }

    private long hvaOf(int page) {
        int i = blocks.size() - 1;
        while (firstPage.get(i) > page) {
            i--;
        }
        return blocks.get(i).hva() + (long) (page - firstPage.get(i)) * Layout.PAGE;
    }

    private boolean isPresent(int page) {
        return (present.get(page >> 6) >>> (page & 63) & 1) != 0;
    }

    /** Fills a page if it is absent. Returns true if this call did. */
    private boolean load(int page) throws SnapshotException {
        if (isPresent(page)) {
            return false;
        }
        synchronized (stripes[page % STRIPES]) {
            if (isPresent(page)) {
                return false;
            }
            if (!index.zero(page)) {
                byte[] b = buffer.get();
                index.read(page, b);
                HostBytes.copyIn(b, 0, hvaOf(page), Layout.PAGE);
                bytes.addAndGet(Layout.PAGE);
            }
            present.accumulateAndGet(page >> 6, 1L << (page & 63), (x, y) -> x | y);
            loaded.incrementAndGet();
            return true;
        }
    }

    // ---- ahead of faults ----------------------------------------------------------------------------------------------

    private void prefetch() {
        try {
            for (int page : trace.pages(index.pages())) {
                if (closed.get()) {
                    return;
                }
                load(page);
            }
        } catch (SnapshotException e) {
            // Advisory: the fault on that page will report it again, then as the guest's business.
            System.getLogger(Restoration.class.getName())
                    .log(System.Logger.Level.WARNING, "prefetch stopped: {0}", e.getMessage());
        }
    }

    @Override
    public void complete() throws SnapshotException {
        for (int p = 0; p < index.pages(); p++) {
            if (closed.get()) {
                return;
            }
            load(p);
        }
        if (layer != null) {
            layer.close();
        }
    }

    @Override
    public void saveRecording() throws SnapshotException {
        trace.save(order, Math.min(touches.get(), order.length));
    }

    // ---- figures --------------------------------------------------------------------------------------------------------

    @Override
    public RestoreMode mode() {
        return mode;
    }

    @Override
    public long pagesLoaded() {
        return loaded.get();
    }

    @Override
    public long bytesRead() {
        return bytes.get();
    }

    @Override
    public long faults() {
        return faults.get();
    }

    @Override
    public BitSet loadedPages() {
        long[] words = new long[present.length()];
        for (int i = 0; i < words.length; i++) {
            words[i] = present.get(i);
        }
        return BitSet.valueOf(words);
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
            index.close();
        } catch (SnapshotException e) {
            System.getLogger(Restoration.class.getName())
                    .log(System.Logger.Level.WARNING, "closing: {0}", e.getMessage());
        }
    }

    boolean serves(Machine m) {
        return machine == m && !closed.get();
    }
}
