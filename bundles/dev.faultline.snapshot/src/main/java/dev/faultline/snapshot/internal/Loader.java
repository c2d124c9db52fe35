// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal;

import dev.faultline.api.snapshot.SnapshotException;
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
final class Loader {
    private static final long YIELD_NANOS = 20_000;

    /** Sections of which the chunks are sorted at once: 8 GiB of RAM. */
    private static final int WINDOW = 4096;

    private final PageStore store;
    private final BooleanSupplier stopped;
    private final Section[] sections = new Section[Chunks.AHEAD];
    private final int[] chunks = new int[Chunks.AHEAD];
    private final Chunks.Entry[] entries = new Chunks.Entry[Chunks.AHEAD];

    Loader(PageStore store, BooleanSupplier stopped) {
        this.store = store;
        this.stopped = stopped;
    }

    /** Holds no lock meanwhile. */
    private void yieldToFaults() {
        while (store.someoneWaits() && !stopped.getAsBoolean()) {
            LockSupport.parkNanos(YIELD_NANOS);
        }
    }

    /**
     * Loads some of the pages from {@code from} on, as many as fit into one batch of chunks.
     *
     * @return the index up to which all of {@code pages} are there, above {@code from}
     */
    int batch(int[] pages, int from, int to, IntConsumer filled) throws SnapshotException {
        Image holder = null;
        int n = 0;
        int i = from;
        for (; i < to && n < Chunks.AHEAD; i++) {
            if (store.isPresent(pages[i])) {
                continue;
            }
            Image h = store.image().holder(pages[i]);
            if (h.kind(pages[i]) != Layout.CHUNK) {
                continue;
            }
            if (holder != null && h != holder) {
                break;
            }
            holder = h;
            n = add(h.section(pages[i] / Layout.SECTION), pages[i], n);
        }
        yieldToFaults();
        if (n > 0) {
            holder.chunks().ahead(sections, chunks, n, entries);
        }
        try {
            for (int j = from; j < i && !stopped.getAsBoolean(); j++) {
                store.load(pages[j], filled);
            }
        } finally {
            for (int j = 0; j < n; j++) {
                if (entries[j] != null) {
                    holder.chunks().release(entries[j]);
                    entries[j] = null;
                }
                sections[j] = null;
            }
        }
        return i;
    }

    /** Adds the chunk of a page in the order of the packs, unless it is there already. */
    private int add(Section x, int page, int n) {
        int c = x.chunk(page % Layout.SECTION);
        int at = n;
        while (at > 0 && behind(sections[at - 1], chunks[at - 1], x, c)) {
            at--;
        }
        if (at > 0 && x.sameRecord(c, sections[at - 1], chunks[at - 1])) {
            return n;
        }
        System.arraycopy(sections, at, sections, at + 1, n - at);
        System.arraycopy(chunks, at, chunks, at + 1, n - at);
        sections[at] = x;
        chunks[at] = c;
        return n + 1;
    }

    private static boolean behind(Section a, int i, Section b, int j) {
        return a.pack(i) != b.pack(j) ? a.pack(i) > b.pack(j) : a.offset(i) > b.offset(j);
    }

    // ---- everything
    // ----------------------------------------------------------------------------------------------

    private record Spot(int depth, int pack, long offset, int page) {}

    /**
     * Loads all that is absent, in the order in which it lies in the packs, so that each chunk is
     * read once wherever its pages belong.
     */
    void everything(IntConsumer filled) throws SnapshotException {
        Image image = store.image();
        for (int s = 0; s < image.sections() && !stopped.getAsBoolean(); s += WINDOW) {
            int[] pages = spots(s, Math.min(image.sections(), s + WINDOW));
            for (int i = 0; i < pages.length && !stopped.getAsBoolean(); ) {
                i = batch(pages, i, pages.length, filled);
            }
        }
        for (int p = 0; p < image.pages() && !stopped.getAsBoolean(); p++) {
            if (!store.isPresent(p)) {
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
