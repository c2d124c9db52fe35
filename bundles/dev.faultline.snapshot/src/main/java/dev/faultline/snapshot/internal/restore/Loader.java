// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.restore;

import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.snapshot.internal.format.Layout;
import dev.faultline.snapshot.internal.format.Section;
import dev.faultline.snapshot.internal.image.Batch;
import dev.faultline.snapshot.internal.image.Image;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.IntConsumer;

/**
 * Loads pages that nobody waits for: what lies together is read at once, and a guest that waits for
 * a fault goes first. One thread per instance.
 */
public final class Loader {
    private static final long YIELD_NANOS = 20_000;

    /** How long what a guest will not miss soon waits for a guest that faults all the time. */
    private static final long LONG_NANOS = 10_000_000;

    /** Sections of which the chunks are sorted at once: 8 GiB of RAM. */
    private static final int WINDOW = 4096;

    private final PageStore store;
    private final BooleanSupplier stopped;
    private final long yieldNanos;
    private final Batch batch = new Batch();

    public Loader(PageStore store, BooleanSupplier stopped) {
        this(store, stopped, LONG_NANOS);
    }

    /**
     * @param yieldNanos how long it gives way at most before each batch
     */
    public Loader(PageStore store, BooleanSupplier stopped, long yieldNanos) {
        this.store = store;
        this.stopped = stopped;
        this.yieldNanos = yieldNanos;
    }

    /** Holds no lock meanwhile. */
    private void yieldToFaults() {
        if (!store.someoneWaits()) {
            return;
        }
        long end = System.nanoTime() + yieldNanos;
        while (store.someoneWaits() && !stopped.getAsBoolean() && System.nanoTime() - end < 0) {
            LockSupport.parkNanos(YIELD_NANOS);
        }
    }

    /**
     * Loads some of the pages from {@code from} on, as many as fit into one batch of chunks.
     *
     * @return the index up to which all of {@code pages} are there, above {@code from}
     */
    public int batch(int[] pages, int from, int to, IntConsumer filled) throws SnapshotException {
        int i = from;
        try {
            while (i < to && (store.isPresent(pages[i]) || batch.add(store.image(), pages[i]))) {
                i++;
            }
            yieldToFaults();
            batch.read();
            for (int j = from; j < i && !stopped.getAsBoolean(); j++) {
                store.load(pages[j], filled);
            }
        } finally {
            batch.release();
        }
        return i;
    }

    // ---- everything

    private record Spot(int depth, int pack, long offset, int page) {}

    /**
     * Loads all that is absent, in the order in which it lies in the packs, so that each chunk is
     * read once wherever its pages belong.
     */
    public void everything(IntConsumer filled) throws SnapshotException {
        Image image = store.image();
        for (int s = 0; s < image.sections() && !stopped.getAsBoolean(); s += WINDOW) {
            int[] pages = spots(s, Math.min(image.sections(), s + WINDOW));
            for (int i = 0; i < pages.length && !stopped.getAsBoolean(); ) {
                i = batch(pages, i, pages.length, filled);
            }
        }
        for (int p = 0; p < image.pages() && !stopped.getAsBoolean(); p++) {
            if (p % Layout.SECTION == 0 && image.isZero(p / Layout.SECTION)) {
                int end = Math.min(image.pages(), p + Layout.SECTION);
                store.loadZeroes(p, end, filled);
                p = end - 1;
            } else if (!store.isPresent(p)) {
                yieldToFaults();
                store.load(p, filled);
            }
        }
    }

    /** A page of each chunk of some sections that is not all there, in the order of the packs. */
    private int[] spots(int from, int to) throws SnapshotException {
        Image image = store.image();
        List<Spot> spots = new ArrayList<>();
        for (int s = from; s < to && !stopped.getAsBoolean(); s++) {
            if (image.sectionKind(s) == Layout.ZERO) {
                continue;
            }
            int first = s * Layout.SECTION;
            int end = Math.min(image.pages(), first + Layout.SECTION);
            Section last = null;
            int lastChunk = 0;
            for (int p = first; p < end; p++) {
                if (store.isPresent(p)) {
                    continue;
                }
                Image h = image.holder(p);
                if (h.kind(p) == Layout.CHUNK) {
                    Section x = h.section(s);
                    int c = x.chunk(p - first);
                    if (x != last || c != lastChunk) {
                        spots.add(new Spot(h.depth(), x.pack(c), x.offset(c), p));
                    }
                    last = x;
                    lastChunk = c;
                }
            }
        }
        spots.sort(
                Comparator.comparingInt(Spot::depth)
                        .thenComparingInt(Spot::pack)
                        .thenComparingLong(Spot::offset));
        return spots.stream().mapToInt(Spot::page).toArray();
    }
}
