// SPDX-License-Identifier: Apache-2.0
package dev.faultline.protection.internal;

/**
 * The smallest range of gfns that holds every page that lost a right in one operation. One thread.
 */
final class Narrowed {
    private long first = Long.MAX_VALUE;
    private long last = -1;

    void add(long firstGfn, long lastGfn) {
        first = Math.min(first, firstGfn);
        last = Math.max(last, lastGfn);
    }

    boolean isEmpty() {
        return last < 0;
    }

    long first() {
        return first;
    }

    long last() {
        return last;
    }
}
