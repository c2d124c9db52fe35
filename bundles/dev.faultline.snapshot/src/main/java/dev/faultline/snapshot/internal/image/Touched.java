// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.image;

import dev.faultline.api.memory.RamBlock;
import dev.faultline.snapshot.internal.format.Layout;
import dev.faultline.snapshot.internal.save.LiveCopy;
import java.util.BitSet;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Which of a machine's pages may hold anything but zeroes, as the host knows it: so that a save
 * costs what was used, not what was configured. Asked window by window while pages are taken in
 * their order. One thread.
 *
 * <p>What is learnt of a page holds until somebody writes it. Who writes a page that a live save
 * has not taken yet makes it known first ({@link LiveCopy#preserve}), so a page that still waits
 * when it is taken was not written since the window was looked at.
 */
public final class Touched {
    /** Pages that are asked about at once: 512 MiB. */
    private static final int WINDOW = Layout.TABLE * Layout.SECTION;

    private final List<RamBlock> blocks;
    private final @Nullable Pager source;
    private final BitSet bits = new BitSet();
    private int from;
    private int end;

    /**
     * @param source puts pages into the machine without telling anybody, until it is complete; null
     *     if there is none
     */
    public Touched(List<RamBlock> blocks, @Nullable Pager source) {
        this.blocks = blocks;
        this.source = source;
    }

    /** Whether the page may hold something: if not, it is zero. */
    public boolean has(int page) {
        if (page < from || page >= end) {
            look(page);
        }
        return bits.get(page - from);
    }

    /** Whether one of some pages may hold something. */
    public boolean hasAny(int first, int n) {
        for (int p = first; p < first + n; ) {
            if (has(p)) {
                return true;
            }
            int next = bits.nextSetBit(p - from);
            p = next < 0 ? end : Math.min(end, from + next);
        }
        return false;
    }

    private void look(int page) {
        bits.clear();
        int start = 0;
        for (RamBlock b : blocks) {
            int n = (int) (b.size() / Layout.PAGE);
            if (page < start + n) {
                from = page - (page - start) % WINDOW;
                end = Math.min(start + n, from + WINDOW);
                boolean filled = source != null && !source.isComplete();
                long offset = (long) (from - start) * Layout.PAGE;
                if (filled || !b.touched(offset, end - from, bits)) {
                    bits.set(0, end - from);
                }
                return;
            }
            start += n;
        }
        throw new IllegalArgumentException("page " + page + " of " + start);
    }
}
