// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.image;

import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.snapshot.internal.format.Layout;
import java.util.BitSet;

/**
 * Copies many pages of an image at a time: a group, a section, or those of a list. Chunks of the
 * latter two are read together ({@link Batch}); each page is found by {@link Image#fetch}. Any
 * thread; no call shares its tools with another.
 */
public final class BulkReader {
    private final Image image;
    private final Pool<Fetched> fetched = new Pool<>(Fetched::new);

    BulkReader(Image image) {
        this.image = image;
    }

    /** Reads all pages of a group, those that are all zero included. Returns their number. */
    public int readGroup(int group, byte[] to) throws SnapshotException {
        int first = group * Layout.GROUP;
        int n = Math.min(Layout.GROUP, image.pages() - first);
        int done = 0;
        Fetched f = fetched.take();
        try {
            for (int i = 0; i < n; i++) {
                if ((done >> i & 1) == 0) {
                    image.fetch(first + i, f);
                    done |= copyGroup(f, first, to);
                    f.release();
                }
            }
        } finally {
            f.release();
            fetched.give(f);
        }
        return n;
    }

    /**
     * Copies those of a group.
     *
     * @return bit i: page i of the group was among them
     */
    private static int copyGroup(Fetched f, int first, byte[] to) {
        int done = 0;
        for (int j = 0; j < f.count(); j++) {
            int i = f.page(j) - first;
            if (i < 0 || i >= Layout.GROUP) {
                continue;
            }
            f.copyOut(j, to, i * Layout.PAGE);
            done |= 1 << i;
        }
        return done;
    }

    /**
     * Reads pages of a section, each chunk once.
     *
     * @param to a section's bytes
     * @param done index is the page of the section: those that are set are left out; set are all of
     *     them afterwards
     */
    public void readSection(int s, byte[] to, BitSet done) throws SnapshotException {
        int first = s * Layout.SECTION;
        int n = Math.min(Layout.SECTION, image.pages() - first);
        Fetched f = fetched.take();
        Batch batch = new Batch();
        try {
            int p = done.nextClearBit(0);
            while (p < n) {
                int end = p;
                while (end < n && (done.get(end) || batch.add(image, first + end))) {
                    end++;
                }
                batch.read();
                for (; p < end; p = done.nextClearBit(p)) {
                    image.fetch(first + p, f);
                    copy(f, first, to, done);
                    f.release();
                }
                batch.release();
            }
        } finally {
            f.release();
            fetched.give(f);
            batch.release();
        }
    }

    /**
     * Reads pages in any order.
     *
     * @param to gets page {@code wanted[from + i]} at i * 4096
     */
    public void readPages(int[] wanted, int from, int end, byte[] to) throws SnapshotException {
        Fetched f = fetched.take();
        Batch batch = new Batch();
        try {
            for (int i = from; i < end; ) {
                int next = i;
                while (next < end && batch.add(image, wanted[next])) {
                    next++;
                }
                batch.read();
                for (; i < next; i++) {
                    image.fetch(wanted[i], f);
                    f.copy(wanted[i], to, (i - from) * Layout.PAGE);
                    f.release();
                }
                batch.release();
            }
        } finally {
            f.release();
            fetched.give(f);
            batch.release();
        }
    }

    private static void copy(Fetched f, int first, byte[] to, BitSet done) {
        for (int j = 0; j < f.count(); j++) {
            int i = f.page(j) - first;
            if (i < 0 || i >= Layout.SECTION || done.get(i)) {
                continue;
            }
            f.copyOut(j, to, i * Layout.PAGE);
            done.set(i);
        }
    }
}
