// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.restore;

import dev.faultline.api.fault.FaultHandler;
import dev.faultline.api.fault.PageFault;
import dev.faultline.api.fault.Resolution;
import dev.faultline.api.protection.Rights;
import dev.faultline.api.snapshot.PageSource;
import dev.faultline.api.snapshot.RestoreMode;
import dev.faultline.api.snapshot.RestoreOptions;
import dev.faultline.api.snapshot.RestoreStatistics;
import dev.faultline.api.snapshot.Restored;
import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.api.snapshot.SnapshotException.Kind;
import dev.faultline.api.snapshot.SourceStatistics;
import dev.faultline.api.vm.Machine;
import dev.faultline.snapshot.internal.disk.DirectoryLock;
import dev.faultline.snapshot.internal.disk.Disk;
import dev.faultline.snapshot.internal.format.Layout;
import dev.faultline.snapshot.internal.format.Manifest;
import dev.faultline.snapshot.internal.format.Origin;
import dev.faultline.snapshot.internal.format.Recording;
import dev.faultline.snapshot.internal.format.Trace;
import dev.faultline.snapshot.internal.image.Image;
import dev.faultline.snapshot.internal.image.Pager;
import dev.faultline.snapshot.internal.source.LocalOrigin;
import dev.faultline.snapshot.internal.source.Sources;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.BitSet;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Puts a snapshot's pages into a machine: all before it starts, or each when the guest first
 * touches it. A page is verified and filled before its rights open, so the guest never sees a wrong
 * or half-filled page.
 *
 * <p>Faults are resolved on the vCPU's own thread. What a fault brings besides the page that was
 * touched is opened as well; while first touches are recorded it stays closed until it is touched
 * itself.
 */
public final class Restoration implements Restored, Pager, FaultHandler {
    public static final String LAYER = "snapshot";
    private static final System.Logger LOG = System.getLogger(Restoration.class.getName());

    /** The guest will fault on what is not prefetched: giving way for longer gains nothing. */
    private static final long PREFETCH_YIELD_NANOS = 100_000;

    /** Others write theirs in a moment. */
    private static final long TRACE_PATIENCE_MILLIS = 30_000;

    private static final IntConsumer LEAVE_CLOSED = page -> {};

    private final RestoreOptions options;
    private final Disk disk;
    private final Sources sources;
    private final Machine machine;
    private final Image image;
    private final AbsentPages absentPages;
    private final PageStore store;
    private final Bits touched;
    private final @Nullable Prefetch prefetch;
    private final IntConsumer open;
    private final LongAdder faults = new LongAdder();
    private final LongAdder absentFaults = new LongAdder();
    private final LongAdder otherTouches = new LongAdder();
    private final Object recordingLock = new Object();
    private final @Nullable Recording recorded;
    private boolean recordingSaved; // guarded by recordingLock
    private volatile @Nullable Recording recording;
    private volatile @Nullable SnapshotException failure;
    private volatile boolean everything;
    private volatile boolean closed;
    private boolean prefetchFailed; // this and the next three guarded by this
    private boolean completionFailed;
    private @Nullable Thread prefetcher;
    private @Nullable Thread completer;

    public Restoration(
            RestoreOptions options, Disk disk, Sources sources, Machine machine, Image image)
            throws SnapshotException {
        this.options = options;
        this.disk = disk;
        this.sources = sources;
        this.machine = machine;
        this.image = image;
        var regions = image.manifest().regions();
        this.absentPages = new AbsentPages(machine, AbsentPages.match(machine, regions), regions);
        this.store = new PageStore(image, absentPages.ramMap());
        this.touched = new Bits(image.pages());
        this.open = absentPages::open;
        RestoreOptions.Window window = options.recording();
        this.recorded = window == null ? null : new Recording(window, machine::clock);
        this.recording = recorded;
        this.prefetch =
                options.mode() != RestoreMode.RECORDED
                        ? null
                        : new Prefetch(
                                store,
                                new Loader(store, this::isClosed, PREFETCH_YIELD_NANOS),
                                open,
                                () -> recording != null,
                                this::isClosed);
    }

    public void start() throws SnapshotException {
        if (options.mode() == RestoreMode.EAGER) {
            complete();
            return;
        }
        absentPages.close(LAYER, this);
        if (prefetch != null) {
            prefetchInBackground(prefetch);
        } else if (options.complete()) {
            completeInBackground();
        }
    }

    private static Thread thread(String name, Runnable what) {
        return Thread.ofPlatform().daemon().name(name).start(what);
    }

    // ---- on fault

    @Override
    public Resolution onFault(String name, PageFault fault) {
        int page = absentPages.ramMap().pageOf(fault.hva());
        if (page < 0) {
            // Closed for RAM of ours that is just being mapped there; it is closed again then.
            absentPages.openFrame(fault.gfn());
            return Resolution.RETRY;
        }
        faults.increment();
        boolean there = store.isPresent(page);
        Recording r = recording;
        if (!there) {
            if (closed) {
                return Resolution.stop("the restore was ended before this page was loaded");
            }
            absentFaults.increment();
            try {
                store.loadWaited(page, r == null ? open : LEAVE_CLOSED);
            } catch (SnapshotException e) {
                failure = e;
                return Resolution.stop(String.valueOf(e.getMessage()));
            }
            if (failure != null) {
                failure = null; // the source is back
                resume();
            }
        }
        if (touched.set(page)) {
            if (prefetch == null || !prefetch.faulted(page, there)) {
                otherTouches.increment();
            }
            if (r != null && !r.add(page, firstTouch(fault))) {
                endRecording(r);
            }
        }
        absentPages.openFrame(fault.gfn());
        return Resolution.RETRY;
    }

    /** As a trace has it: one kind; a read-modify-write is a write. */
    private static int firstTouch(PageFault fault) {
        return (fault.access() & Rights.W) != 0 ? Rights.W : fault.access();
    }

    @Override
    public long patienceMillis() {
        return image.origin().patienceMillis();
    }

    @Override
    public void reattach(URI location) throws SnapshotException {
        image.reattach(sources.open(location));
        resume();
    }

    @Override
    public void reattach(PageSource source) throws SnapshotException {
        image.reattach(sources.attach(source));
        resume();
    }

    // ---- ahead of faults

    private synchronized void prefetchInBackground(Prefetch ahead) {
        prefetcher = thread("snapshot-prefetch", () -> prefetch(ahead));
    }

    private void prefetch(Prefetch ahead) {
        try {
            if (!untilAttached(
                    "prefetch", () -> prefetchOnce(ahead), () -> prefetchFailed = true)) {
                return;
            }
        } finally {
            ahead.never();
        }
        if (options.complete()) {
            completeInBackground();
        }
    }

    private void prefetchOnce(Prefetch ahead) throws SnapshotException {
        Trace trace = Trace.read(image.origin());
        if (trace.size() == 0) {
            LOG.log(
                    System.Logger.Level.WARNING,
                    "snapshot {0} has no trace that makes sense: pages come when the guest wants them; record it again",
                    image.origin());
        }
        ahead.run(trace.likely(image.pages()));
    }

    private interface Loading {
        void run() throws SnapshotException;
    }

    /**
     * Loads ahead, again if another origin was attached while it failed. A failure is only logged:
     * the fault on such a page will report it again, then as the guest's business.
     *
     * @param failed called before this returns false
     */
    private boolean untilAttached(String what, Loading ahead, Runnable failed) {
        for (; ; ) {
            Origin from = image.origin();
            try {
                ahead.run();
                return true;
            } catch (SnapshotException e) {
                synchronized (this) { // so that resume() sees it, or we see the new origin
                    if (closed || from == image.origin()) {
                        warn(what, e);
                        failed.run();
                        return false;
                    }
                }
            }
        }
    }

    /** What loaded ahead and was ended by a source that failed goes on. */
    private synchronized void resume() {
        if (closed) {
            return;
        }
        if (prefetchFailed && prefetch != null) {
            prefetchFailed = false;
            prefetchInBackground(prefetch);
        }
        if (completionFailed) {
            completionFailed = false;
            completer = null;
            completeInBackground();
        }
    }

    private void warn(String what, Exception e) {
        if (!closed) {
            LOG.log(System.Logger.Level.WARNING, "{0} stopped: {1}", what, e.getMessage());
        }
    }

    @Override
    public void complete() throws SnapshotException {
        if (!everything) {
            IntConsumer filled =
                    options.mode() == RestoreMode.EAGER
                            ? LEAVE_CLOSED
                            : page -> {
                                if (recording == null) {
                                    open.accept(page);
                                }
                            };
            new Loader(store, this::isClosed).everything(filled);
            if (closed) {
                return;
            }
            everything = true;
            image.letGo();
        }
        if (recording == null) {
            absentPages.withdraw();
        }
    }

    @Override
    public synchronized void completeInBackground() {
        if (everything || closed || completer != null && completer.isAlive()) {
            return;
        }
        completer =
                thread(
                        "snapshot-complete",
                        () ->
                                untilAttached(
                                        "completion",
                                        this::complete,
                                        () -> completionFailed = true));
    }

    @Override
    public boolean awaitPrefetched(Duration limit) throws InterruptedException {
        return prefetch == null || prefetch.await(limit.toNanos());
    }

    // ---- recording

    /** What is there but was not touched opens: its first touches matter no more. */
    private void endRecording(Recording r) {
        r.end();
        recording = null;
        if (everything) {
            absentPages.withdraw();
        } else {
            absentPages.openAll(store.loadedPages());
        }
    }

    @Override
    public void saveRecording() throws SnapshotException {
        Recording all = recorded;
        if (all == null) {
            throw new SnapshotException(
                    Kind.MISMATCH,
                    "nothing was recorded of snapshot %s: restore it with recording on (--record)"
                            .formatted(image.origin()));
        }
        synchronized (recordingLock) {
            if (recordingSaved) {
                return;
            }
            if (recording != null) {
                endRecording(all);
            }
            Path dir = image.origin().dir();
            if (dir == null) {
                throw new SnapshotException(
                        Kind.MISMATCH,
                        "a recording is written beside the snapshot, but %s is read-only; restore a copy in a local directory"
                                .formatted(image.origin()));
            }
            try (DirectoryLock lock =
                            DirectoryLock.take(
                                    dir,
                                    DirectoryLock.Use.TRACE,
                                    "record",
                                    TRACE_PATIENCE_MILLIS,
                                    DirectoryLock.Without.REFUSE);
                    Origin now = new LocalOrigin(dir)) { // not ours: it may have been replaced
                if (!Manifest.read(now).sameMemory(image.manifest())) {
                    throw new SnapshotException(
                            Kind.MISMATCH,
                            "%s is another snapshot by now; the recording does not fit it"
                                    .formatted(dir));
                }
                formerTrace(dir, now).merged(all.entries()).write(disk, dir);
            } catch (IOException e) {
                throw new SnapshotException(
                        Kind.IO,
                        "the trace of snapshot %s cannot be written: %s"
                                .formatted(image.origin(), e.getMessage()),
                        e);
            }
            recordingSaved = true;
        }
    }

    /** What cannot be read now is kept: it is of recordings that would be lost. */
    private static Trace formerTrace(Path dir, Origin now) throws SnapshotException {
        try {
            return Trace.readToReplace(dir, now);
        } catch (SnapshotException e) {
            throw new SnapshotException(
                    e.kind(),
                    "the recording was not added to the trace of snapshot %s, which cannot be read and was kept (%s); try again, or delete the file %s"
                            .formatted(now, e.getMessage(), Layout.TRACE),
                    e);
        }
    }

    // ---- figures

    @Override
    public RestoreMode mode() {
        return options.mode();
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
        return faults.sum();
    }

    @Override
    public boolean isPresent(int page) {
        return store.isPresent(page);
    }

    @Override
    public BitSet loadedPages() {
        return store.loadedPages();
    }

    @Override
    public RestoreStatistics statistics() {
        boolean exact = recorded != null;
        long early = prefetch == null ? 0 : prefetch.touched(exact);
        return new RestoreStatistics(
                faults.sum(),
                absentFaults.sum(),
                store.pagesLoaded(),
                prefetch == null ? 0 : prefetch.pages(),
                early,
                otherTouches.sum() + early,
                prefetch == null ? 0 : prefetch.foretold(touched),
                exact,
                recorded == null ? 0 : recorded.size(),
                prefetch != null && prefetch.stopped(),
                everything,
                image.chunksRead(),
                image.requests(),
                image.bytesReceived());
    }

    @Override
    public SourceStatistics source() {
        return image.origin().statistics();
    }

    @Override
    public @Nullable SnapshotException failure() {
        return failure;
    }

    @Override
    public void close() {
        Thread first;
        Thread second;
        synchronized (this) {
            if (closed) {
                return;
            }
            closed = true;
            first = prefetcher;
            second = completer;
        }
        if (prefetch != null) {
            prefetch.wake();
        }
        try {
            image.close(); // who reads now fails, and ends
        } catch (SnapshotException e) {
            LOG.log(System.Logger.Level.WARNING, "closing: {0}", e.getMessage());
        }
        join(first);
        join(second);
    }

    private static void join(@Nullable Thread t) {
        try {
            if (t != null && t != Thread.currentThread()) {
                t.join();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    // ---- for saves

    @Override
    public boolean isComplete() {
        return everything;
    }

    @Override
    public Image image() {
        return image;
    }

    @Override
    public Machine machine() {
        return machine;
    }

    @Override
    public boolean isClosed() {
        return closed;
    }

    @Override
    public void end() {
        close();
    }
}
