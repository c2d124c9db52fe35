// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.snapshot;

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

    private final byte[] kinds;

    /**
     * @param kinds one of the constants per page; not copied, not to be changed
     */
    public PageMap(byte[] kinds) {
        this.kinds = kinds;
    }

    public int pages() {
        return kinds.length;
    }

    public int kind(int page) {
        return kinds[page];
    }
}
