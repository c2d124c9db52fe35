// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.snapshot;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** What a snapshot stores for each page of RAM, in the order of its regions. */
public final class PageMap {
    /** All zero: nothing is stored. */
    public static final int ZERO = 0;

    /** In the parent snapshot. */
    public static final int SHARED = 1;

    /** Eight bytes repeated: only they are stored. */
    public static final int PATTERN = 2;

    /** Stored here. */
    public static final int PRIVATE = 3;

    /** What is stored for it cannot be read, or a parent that should have it. */
    public static final int UNREADABLE = 4;

    private static final int KINDS = 5;

    /** Pages of a part; those of most parts are all of one kind, and then it has no bytes. */
    private static final int PART = 512;

    /** Two bits hold each kind but UNREADABLE; a part that has some of those has a byte a page. */
    private static final int PER_BYTE = 4;

    private final int pages;
    private final byte[] uniform;
    private final byte[] @Nullable [] mixed;
    private final boolean orphan;

    private PageMap(Builder b) {
        pages = b.pages;
        uniform = b.uniform;
        mixed = b.mixed;
        orphan = b.orphan;
    }

    /**
     * @param kinds one of the constants per page
     */
    public PageMap(byte[] kinds) {
        this(new Builder(kinds.length).all(kinds));
    }

    /** Collects kinds, part by part: of RAM of any size it needs what is not uniform. */
    public static final class Builder {
        private final int pages;
        private final byte[] uniform;
        private final byte[] @Nullable [] mixed;
        private boolean orphan;

        public Builder(int pages) {
            this.pages = pages;
            int parts = (int) (((long) pages + PART - 1) / PART);
            uniform = new byte[parts];
            mixed = new byte[parts][];
        }

        private Builder all(byte[] kinds) {
            for (int first = 0; first < pages; first += PART) {
                part(first, Arrays.copyOfRange(kinds, first, Math.min(pages, first + PART)));
            }
            return this;
        }

        /** What is in the parent cannot be read. */
        public Builder withoutParent() {
            orphan = true;
            return this;
        }

        /**
         * 512 pages of one kind, or what remains of the last.
         *
         * @param first a multiple of 512
         */
        public Builder part(int first, int kind) {
            uniform[first / PART] = (byte) check(kind);
            return this;
        }

        /**
         * 512 pages, or what remains of the last.
         *
         * @param first a multiple of 512
         * @param kinds of each; one of the constants
         */
        public Builder part(int first, byte[] kinds) {
            boolean same = true;
            boolean readable = true;
            for (byte k : kinds) {
                same &= k == kinds[0];
                readable &= check(k) != UNREADABLE;
            }
            if (same) {
                return part(first, kinds[0]);
            }
            if (!readable) {
                mixed[first / PART] = Arrays.copyOf(kinds, PART);
                return this;
            }
            byte[] packed = new byte[PART / PER_BYTE];
            for (int i = 0; i < kinds.length; i++) {
                packed[i / PER_BYTE] |= (byte) (kinds[i] << 2 * (i % PER_BYTE));
            }
            mixed[first / PART] = packed;
            return this;
        }

        private static int check(int kind) {
            if (kind < 0 || kind >= KINDS) {
                throw new IllegalArgumentException("kind of page " + kind);
            }
            return kind;
        }

        public PageMap build() {
            return new PageMap(this);
        }
    }

    public int pages() {
        return pages;
    }

    public int kind(int page) {
        int part = page / PART;
        byte[] m = mixed[part];
        int i = page % PART;
        int k;
        if (m == null) {
            k = uniform[part];
        } else if (m.length == PART) {
            k = m[i];
        } else {
            k = m[i / PER_BYTE] >> 2 * (i % PER_BYTE) & 3;
        }
        return k == SHARED && orphan ? UNREADABLE : k;
    }

    /** How many of the pages from {@code from} to before {@code to} are of a kind. */
    public int count(int kind, int from, int to) {
        int n = 0;
        for (int p = from; p < to; ) {
            int end = Math.min(to, (p / PART + 1) * PART);
            if (end < p) {
                end = to; // the last part of the largest
            }
            if (mixed[p / PART] == null) {
                n += kind(p) == kind ? end - p : 0;
            } else {
                for (int q = p; q < end; q++) {
                    n += kind(q) == kind ? 1 : 0;
                }
            }
            p = end;
        }
        return n;
    }
}
