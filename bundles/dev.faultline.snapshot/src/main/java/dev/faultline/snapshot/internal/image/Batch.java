// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.image;

import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.snapshot.internal.format.Layout;
import dev.faultline.snapshot.internal.format.Section;
import org.jspecify.annotations.Nullable;

/**
 * Chunks of pages that will be wanted now, read together: in the order of the packs, neighbours by
 * one request. They stay in their image's {@link Chunks} until {@link #release}. One thread.
 */
public final class Batch {
    private Section[] sections = new Section[Chunks.AHEAD];
    private final int[] chunks = new int[Chunks.AHEAD];
    private final Chunks.@Nullable Entry[] entries = new Chunks.Entry[Chunks.AHEAD];
    private @Nullable Image holder; // null: it is empty
    private int n;

    /**
     * Takes in the chunk of a page, if it has one.
     *
     * @return false if there is no room, or it is in another snapshot of the chain than the others
     */
    public boolean add(Image image, int page) throws SnapshotException {
        Image h = image.holder(page);
        if (h.kind(page) != Layout.CHUNK) {
            return true;
        }
        if (n == chunks.length || holder != null && h != holder) {
            return false;
        }
        holder = h;
        Section x = h.section(page / Layout.SECTION);
        int c = x.chunk(page % Layout.SECTION);
        int at = n;
        while (at > 0 && behind(sections[at - 1], chunks[at - 1], x, c)) {
            at--;
        }
        if (at > 0 && x.sameRecord(c, sections[at - 1], chunks[at - 1])) {
            return true;
        }
        System.arraycopy(sections, at, sections, at + 1, n - at);
        System.arraycopy(chunks, at, chunks, at + 1, n - at);
        sections[at] = x;
        chunks[at] = c;
        n++;
        return true;
    }

    private static boolean behind(Section a, int i, Section b, int j) {
        return a.pack(i) != b.pack(j) ? a.pack(i) > b.pack(j) : a.offset(i) > b.offset(j);
    }

    public void read() throws SnapshotException {
        Image h = holder;
        if (h != null) {
            h.chunks().ahead(sections, chunks, n, entries);
        }
    }

    /** Empties it. Also if {@link #read} failed or was not called. */
    public void release() {
        Image h = holder;
        if (h == null) {
            return;
        }
        for (int i = 0; i < n; i++) {
            Chunks.Entry e = entries[i];
            if (e != null) {
                h.chunks().release(e);
                entries[i] = null;
            }
        }
        sections = new Section[Chunks.AHEAD];
        n = 0;
        holder = null;
    }
}
