// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.format;

import java.util.concurrent.atomic.AtomicLongArray;

/**
 * A growing set of pages: a bit for each, and a bit for each word of them that is not empty, so
 * that a small set over large RAM is walked fast. Any thread; adding allocates nothing.
 */
public final class PageSet {
    private final AtomicLongArray bits;
    private final AtomicLongArray summary;

    public PageSet(int pages) {
        bits = new AtomicLongArray((pages + 63) / 64);
        summary = new AtomicLongArray((bits.length() + 63) / 64);
    }

    /** Another set of the same pages. */
    public PageSet copy() {
        PageSet all = new PageSet(bits.length() << 6);
        all.addAll(this);
        return all;
    }

    public boolean has(int page) {
        return (bits.get(page >> 6) >>> page & 1) != 0;
    }

    public void add(int page) {
        or(page >> 6, 1L << page);
    }

    private void or(int word, long mask) {
        if ((bits.get(word) & mask) == mask) {
            return;
        }
        set(bits, word, mask);
        set(summary, word >> 6, 1L << word);
    }

    private static void set(AtomicLongArray a, int i, long mask) {
        long old = a.get(i);
        while ((old & mask) != mask) {
            long seen = a.compareAndExchange(i, old, old | mask);
            if (seen == old) {
                return;
            }
            old = seen;
        }
    }

    public void addAll(PageSet other) {
        for (int s = 0; s < summary.length(); s++) {
            for (long m = other.summary.get(s); m != 0; m &= m - 1) {
                int word = s << 6 | Long.numberOfTrailingZeros(m);
                or(word, other.bits.get(word));
            }
        }
    }

    public int size() {
        int n = 0;
        for (int s = 0; s < summary.length(); s++) {
            for (long m = summary.get(s); m != 0; m &= m - 1) {
                n += Long.bitCount(bits.get(s << 6 | Long.numberOfTrailingZeros(m)));
            }
        }
        return n;
    }
}
