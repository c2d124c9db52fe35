// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.save;

import dev.faultline.api.memory.HostBytes;
import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.snapshot.internal.format.Layout;
import dev.faultline.snapshot.internal.format.PageSet;
import dev.faultline.snapshot.internal.format.RamMap;
import dev.faultline.snapshot.internal.image.Image;
import dev.faultline.snapshot.internal.image.Pager;
import dev.faultline.snapshot.internal.image.Touched;
import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A machine's memory at the moment of its save, page by page: what is in its RAM, what it never
 * loaded, and what is the same in an earlier snapshot. One thread.
 */
final class Frozen {
    /** Reads pages of an image, and keeps the last group: the next page is mostly in it too. */
    private static final class LastGroup {
        private final Image image;
        private final byte[] group = new byte[Layout.GROUP * Layout.PAGE];
        private int number = -1;

        LastGroup(Image image) {
            this.image = image;
        }

        /** The group of {@code page}; the page is at {@link #at}. */
        byte[] group(int page) throws SnapshotException {
            if (number != page / Layout.GROUP) {
                number = -1;
                image.bulk().readGroup(page / Layout.GROUP, group);
                number = page / Layout.GROUP;
            }
            return group;
        }

        static int at(int page) {
            return page % Layout.GROUP * Layout.PAGE;
        }
    }

    private final RamMap ramMap;
    private final Touched touched;
    private final @Nullable LiveCopy live;
    private final @Nullable Pager source;
    private final @Nullable LastGroup absent;
    private final @Nullable PageSet written;
    private final @Nullable LastGroup parent;

    /**
     * @param touched what may hold something
     * @param live where pages of a running machine are; null: the machine stands
     * @param source has the pages that the machine has not loaded yet; null: it has all
     * @param parent what may be referred to, or null
     * @param written pages that may differ from the parent; null: unknown, so they are compared
     */
    Frozen(
            RamMap ramMap,
            Touched touched,
            @Nullable LiveCopy live,
            @Nullable Pager source,
            @Nullable Image parent,
            @Nullable PageSet written) {
        this.ramMap = ramMap;
        this.touched = touched;
        this.live = live;
        this.source = source;
        this.absent = source == null ? null : new LastGroup(source.image());
        this.parent = parent == null ? null : new LastGroup(parent);
        this.written = parent == null ? null : written;
    }

    /**
     * Takes pages that are known to be zero without a look at each.
     *
     * @return false if they are to be taken one by one
     */
    boolean takeZero(int first, int n) {
        return live == null
                && (source == null || source.isComplete())
                && parent == null
                && !touched.hasAny(first, n);
    }

    /**
     * A page's content, to be taken once.
     *
     * @return {@link Layout#ZERO} or {@link Layout#PARENT}; or {@link Layout#CHUNK}: it is in
     *     {@code to}, not looked at yet
     */
    int take(int page, byte[] to, int at) throws SnapshotException {
        if (parent != null && written != null && !written.has(page)) {
            return Layout.PARENT;
        }
        int kind;
        if (live != null) {
            kind = live.take(page, touched.has(page), to, at);
        } else if (source != null && !source.isPresent(page)) {
            kind = LiveCopy.ABSENT;
        } else {
            kind = touched.has(page) ? read(ramMap.hvaOf(page), to, at) : Layout.ZERO;
        }
        if (kind == LiveCopy.ABSENT) {
            if (parent != null) {
                // Not loaded, so not written either since the restore; the parent is the snapshot
                // that was restored or a later one, and has the page as it is.
                return Layout.PARENT;
            }
            LastGroup from = Objects.requireNonNull(absent, "no page is absent without a source");
            System.arraycopy(from.group(page), LastGroup.at(page), to, at, Layout.PAGE);
            return Layout.CHUNK;
        }
        return kind == Layout.CHUNK && written == null && sameAsParent(page, to, at)
                ? Layout.PARENT
                : kind;
    }

    private boolean sameAsParent(int page, byte[] b, int at) throws SnapshotException {
        if (parent == null) {
            return false;
        }
        byte[] p = parent.group(page);
        int from = LastGroup.at(page);
        return Arrays.equals(b, at, at + Layout.PAGE, p, from, from + Layout.PAGE);
    }

    void sectionTaken(int section) {
        if (live != null) {
            live.sectionTaken(section);
        }
    }

    /**
     * Reads a page of host memory.
     *
     * @return ZERO, and {@code to} untouched, or CHUNK
     */
    static int read(long hva, byte[] to, int at) {
        if (isZero(hva)) {
            return Layout.ZERO;
        }
        HostBytes.copyOut(hva, to, at, Layout.PAGE);
        return Layout.CHUNK;
    }

    static boolean isZero(long hva) {
        for (int i = 0; i < Layout.PAGE; i += 64) {
            long x =
                    HostBytes.get64(hva + i)
                            | HostBytes.get64(hva + i + 8)
                            | HostBytes.get64(hva + i + 16)
                            | HostBytes.get64(hva + i + 24)
                            | HostBytes.get64(hva + i + 32)
                            | HostBytes.get64(hva + i + 40)
                            | HostBytes.get64(hva + i + 48)
                            | HostBytes.get64(hva + i + 56);
            if (x != 0) {
                return false;
            }
        }
        return true;
    }
}
