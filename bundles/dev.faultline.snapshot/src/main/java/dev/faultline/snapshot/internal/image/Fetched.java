// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.image;

import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.snapshot.internal.format.Layout;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Verified pages on their way from an {@link Image} to whoever asked for one of them: that page,
 * and those that came with it for free. Used by one thread at a time, over and over.
 */
public final class Fetched {
    private static final int ZERO = -1;

    private final int[] page = new int[Layout.SECTION];
    private final int[] offset = new int[Layout.SECTION];
    private final byte[] own = new byte[Layout.GROUP * Layout.PAGE];
    private byte[] content = own;
    private int count;
    private @Nullable Chunks from;
    private Chunks.@Nullable Entry entry;

    public int count() {
        return count;
    }

    public int page(int i) {
        return page[i];
    }

    /** Whether the page is all zero; it has no {@link #offset} then. */
    public boolean isZero(int i) {
        return offset[i] == ZERO;
    }

    /** Where in {@link #content} the page begins. */
    public int offset(int i) {
        return offset[i];
    }

    /** Not to be changed. Good until {@link #release}. */
    public byte[] content() {
        return content;
    }

    /** Room for a group's pages that no chunk has. */
    byte[] own() {
        content = own;
        return own;
    }

    void chunk(Chunks of, Chunks.Entry e) {
        from = of;
        entry = e;
        content = e.content();
    }

    void add(int p, int at) {
        page[count] = p;
        offset[count++] = at;
    }

    void addZero(int p) {
        add(p, ZERO);
    }

    /** Copies the i-th page to {@code at}. */
    void copyOut(int i, byte[] to, int at) {
        if (isZero(i)) {
            Arrays.fill(to, at, at + Layout.PAGE, (byte) 0);
        } else {
            System.arraycopy(content, offset[i], to, at, Layout.PAGE);
        }
    }

    /** Copies the page of a number, which is here. */
    void copy(int number, byte[] to, int at) {
        int i = 0;
        while (page[i] != number) {
            i++;
        }
        copyOut(i, to, at);
    }

    /** Keeps those pages only that are of kind PARENT in {@code child}. */
    void retainShared(Image child) throws SnapshotException {
        int n = 0;
        for (int i = 0; i < count; i++) {
            if (child.kind(page[i]) == Layout.PARENT) {
                page[n] = page[i];
                offset[n++] = offset[i];
            }
        }
        count = n;
    }

    /** Done with the content. Idempotent. */
    public void release() {
        Chunks of = from;
        Chunks.Entry e = entry;
        if (of != null && e != null) {
            of.release(e);
            entry = null;
            from = null;
        }
        content = own;
        count = 0;
    }
}
