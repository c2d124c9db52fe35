// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.clone;

import dev.faultline.api.platform.HostMemory;
import dev.faultline.api.platform.HostMemoryException;
import dev.faultline.api.platform.SharedMemory;
import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.api.snapshot.SnapshotException.Kind;
import dev.faultline.snapshot.internal.format.Layout;
import dev.faultline.snapshot.internal.format.Manifest;
import dev.faultline.snapshot.internal.format.RamMap;
import dev.faultline.snapshot.internal.image.Image;
import dev.faultline.snapshot.internal.restore.Loader;
import dev.faultline.snapshot.internal.restore.PageStore;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;

/**
 * The pages of one snapshot in memory that its clones share: one shared memory per RAM region,
 * filled page by page and never written again. Any thread.
 *
 * <p>Its owners are who opened it and the clones; with the last of them nobody new may come and
 * loading in the background ends. Owners are users too, and so is who puts pages into it for the
 * time that this takes; with the last user memory and files go.
 */
final class SharedPages {
    private static final System.Logger LOG = System.getLogger(SharedPages.class.getName());

    /** Clones look themselves for what came. */
    private static final IntConsumer NOBODY = page -> {};

    private final Image image;
    private final PageStore store;
    private final List<SharedMemory> memory;
    private final Consumer<SharedPages> whenEnded;

    /**
     * Pages per page of the host: what a view copies at its first write, so all or none are there.
     */
    private final int unit;

    private final ConcurrentHashMap<Integer, Flight> flights = new ConcurrentHashMap<>();
    private final AtomicInteger owners = new AtomicInteger(1);
    private final AtomicInteger users = new AtomicInteger(1);
    private final AtomicInteger clones = new AtomicInteger();
    private final AtomicBoolean completing = new AtomicBoolean();
    private volatile boolean everything;
    private volatile boolean stopped;

    private SharedPages(
            Image image, List<SharedMemory> memory, int unit, Consumer<SharedPages> whenEnded) {
        this.image = image;
        this.memory = memory;
        this.unit = unit;
        this.whenEnded = whenEnded;
        long[] hva = memory.stream().mapToLong(SharedMemory::address).toArray();
        this.store = new PageStore(image, new RamMap(image.manifest().regions(), hva));
    }

    /**
     * Makes the memory for an image, which is then this object's, unless this fails. The caller is
     * its first owner.
     *
     * @param whenEnded called after the last owner let go
     */
    static SharedPages open(Image image, HostMemory host, Consumer<SharedPages> whenEnded)
            throws SnapshotException {
        int unit = Math.max(1, host.pageSize() / Layout.PAGE);
        List<SharedMemory> memory = new ArrayList<>();
        try {
            for (Manifest.Region r : image.manifest().regions()) {
                if (r.bytes() % host.pageSize() != 0 || unit > Layout.GROUP) {
                    throw new SnapshotException(
                            Kind.MISMATCH,
                            "RAM region %s of %d bytes cannot be shared by pages of %d bytes, as this host has"
                                    .formatted(r.name(), r.bytes(), host.pageSize()));
                }
                memory.add(host.share(r.bytes()));
            }
            return new SharedPages(image, List.copyOf(memory), unit, whenEnded);
        } catch (HostMemoryException e) {
            memory.forEach(SharedMemory::close);
            throw new SnapshotException(
                    Kind.IO, "no memory that clones can share: " + e.getMessage(), e);
        } catch (SnapshotException e) {
            memory.forEach(SharedMemory::close);
            throw e;
        }
    }

    // ---- owners and users

    /** One more or none: what has come to 0 has ended. */
    private static boolean more(AtomicInteger count) {
        for (; ; ) {
            int n = count.get();
            if (n == 0) {
                return false;
            }
            if (count.compareAndSet(n, n + 1)) {
                return true;
            }
        }
    }

    /**
     * One owner more.
     *
     * @return false if the last one has gone
     */
    boolean own() {
        if (stopped || !use()) {
            return false;
        }
        if (more(owners)) {
            return true;
        }
        leave();
        return false;
    }

    void disown() {
        if (owners.decrementAndGet() == 0) {
            end();
        }
        leave();
    }

    /** No owner comes any more, and nothing is loaded ahead. Idempotent. */
    void end() {
        stopped = true;
        whenEnded.accept(this);
    }

    /**
     * One user more.
     *
     * @return false if the last one has gone
     */
    boolean use() {
        return more(users);
    }

    /** One user less; with the last one all goes. */
    void leave() {
        if (users.decrementAndGet() > 0) {
            return;
        }
        for (SharedMemory m : memory) {
            try {
                m.close();
            } catch (HostMemoryException e) {
                LOG.log(System.Logger.Level.WARNING, "closing: {0}", e.getMessage());
            }
        }
        try {
            image.close();
        } catch (SnapshotException e) {
            LOG.log(System.Logger.Level.WARNING, "closing: {0}", e.getMessage());
        }
    }

    void cloned(int change) {
        clones.addAndGet(change);
    }

    int clones() {
        return clones.get();
    }

    // ---- pages

    Image image() {
        return image;
    }

    /** A view of a region, for one clone. */
    SharedMemory.View view(int region) {
        return memory.get(region).view();
    }

    /**
     * For a guest that stands until the page is there. The caller is a user. Of several that want
     * the same page, which clones do that start together, one loads it for all.
     */
    void loadWaited(int page) throws SnapshotException {
        int first = page - page % unit;
        while (!isReady(page)) {
            Flight mine = new Flight();
            Flight other = flights.putIfAbsent(first, mine);
            if (other == null) {
                load(first, mine);
            } else {
                other.await();
            }
        }
    }

    private void load(int first, Flight mine) throws SnapshotException {
        try {
            for (int p = first; p < Math.min(image.pages(), first + unit); p++) {
                store.loadWaited(p, NOBODY);
            }
        } catch (SnapshotException e) {
            mine.failure = e;
            throw e;
        } finally {
            flights.remove(first, mine);
            mine.done.countDown();
        }
    }

    /** A page on its way, and what came of it. */
    private static final class Flight {
        final CountDownLatch done = new CountDownLatch(1);
        volatile @Nullable SnapshotException failure; // null: it is there, or not yet

        void await() throws SnapshotException {
            boolean interrupted = false;
            while (done.getCount() > 0) {
                try {
                    done.await();
                } catch (InterruptedException e) {
                    interrupted = true; // whoever loads has a deadline; nothing waits for ever
                }
            }
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
            SnapshotException why = failure;
            if (why != null) {
                throw new SnapshotException(why.kind(), String.valueOf(why.getMessage()), why);
            }
        }
    }

    /** Whether a view may be given the page. */
    boolean isReady(int page) {
        int first = page - page % unit;
        for (int p = first; p < Math.min(image.pages(), first + unit); p++) {
            if (!store.isPresent(p)) {
                return false;
            }
        }
        return true;
    }

    /** All pages that a view may be given. A copy. */
    BitSet ready() {
        BitSet b = store.loadedPages();
        if (unit > 1) {
            for (int p = b.nextSetBit(0); p >= 0; p = b.nextSetBit(p - p % unit + unit)) {
                if (!isReady(p)) {
                    b.clear(p - p % unit, p - p % unit + unit);
                }
            }
        }
        return b;
    }

    /** Whether all pages are there. */
    boolean isComplete() {
        return everything;
    }

    long pagesLoaded() {
        return store.pagesLoaded();
    }

    /** The caller is a user. */
    long bytes() {
        return memory.stream().mapToLong(SharedMemory::residentBytes).sum();
    }

    // ---- ahead of clones

    /** Loads all that is absent. The caller is a user. */
    void complete() throws SnapshotException {
        if (!everything) {
            new Loader(store, () -> stopped).everything(NOBODY);
            if (stopped) {
                throw new SnapshotException(
                        Kind.IO, "the clones' base ended before all pages were loaded");
            }
            everything = true;
            image.letGo();
        }
    }

    /** Loads the recorded working set in its order, in the background. */
    void prefetch(int[] recorded) {
        background(
                "snapshot-clones-prefetch",
                () -> {
                    Loader loader = new Loader(store, () -> stopped);
                    for (int i = 0; i < recorded.length && !stopped; ) {
                        i = loader.batch(recorded, i, recorded.length, NOBODY);
                    }
                });
    }

    void completeInBackground() {
        if (completing.compareAndSet(false, true)) {
            background(
                    "snapshot-clones-complete",
                    () -> {
                        try {
                            complete();
                        } finally {
                            completing.set(false);
                        }
                    });
        }
    }

    private interface Work {
        void run() throws SnapshotException;
    }

    private void background(String name, Work work) {
        if (!use()) {
            return;
        }
        Thread.ofPlatform()
                .daemon()
                .name(name)
                .start(() -> {
                    try {
                        work.run();
                    } catch (SnapshotException e) {
                        // A clone that touches such a page meets it again, then as its failure.
                        if (!stopped) {
                            LOG.log(
                                    System.Logger.Level.WARNING,
                                    "{0} stopped: {1}",
                                    name,
                                    e.getMessage());
                        }
                    } finally {
                        leave();
                    }
                });
    }
}
