// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.fault;

import dev.faultline.api.address.Gfn;
import dev.faultline.api.address.Gpa;
import dev.faultline.api.address.Hva;
import dev.faultline.api.address.Page;
import dev.faultline.api.engine.Diversion;
import dev.faultline.api.fault.Resolution;
import dev.faultline.api.memory.HostBytes;
import dev.faultline.api.protection.ProtectionLayer;
import dev.faultline.api.protection.RamProtection;
import dev.faultline.api.protection.Rights;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What handlers answered about accesses of one instruction (or one device request): {@link
 * Resolution#STEP} lets one through although rights forbid it, {@link Resolution#supply} and {@link
 * Resolution#DISCARD} send it to a private copy of the page. An answer holds for the bytes and the
 * kinds of the access that was asked about, and for no other access of the instruction to the same
 * page.
 *
 * <p>One per vCPU and per DMA port; on its thread only.
 */
public final class Answers extends Diversion {
    /** Pages that one instruction may have diverted: more than any instruction touches. */
    static final int MAX_PAGES = 64;

    private static final int WORDS = Page.SIZE / 64;

    private static final class Entry {
        @Gfn long gfn;

        /** Accesses that a layer let through: the layer, first and last byte, kinds. */
        final List<ProtectionLayer> layers = new ArrayList<>();

        private int[] ranges = new int[4];

        boolean supplies;

        /**
         * Bit per byte of the page: an access that starts there is answered from the private page.
         */
        final long[] supplied = new long[WORDS];

        boolean discards;

        /** Bit per byte of the page: written to the private page. */
        final long[] discarded = new long[WORDS];

        final MemorySegment page = Arena.ofAuto().allocate(Page.SIZE, Page.SIZE);

        void use(@Gfn long gfn) {
            this.gfn = gfn;
            layers.clear();
            if (supplies) {
                supplies = false;
                Arrays.fill(supplied, 0);
            }
            if (discards) {
                discards = false;
                Arrays.fill(discarded, 0);
            }
        }

        void open(ProtectionLayer layer, int first, int last, int kinds) {
            int n = layers.size();
            if (2 * n + 2 > ranges.length) {
                ranges = Arrays.copyOf(ranges, 4 * n);
            }
            layers.add(layer);
            ranges[2 * n] = first;
            ranges[2 * n + 1] = last << Rights.BITS | kinds;
        }

        boolean opens(ProtectionLayer layer, int first, int last, int kinds) {
            for (int i = 0; i < layers.size(); i++) {
                int to = ranges[2 * i + 1];
                if (layers.get(i) == layer
                        && ranges[2 * i] <= first
                        && last <= to >> Rights.BITS
                        && (kinds & ~to) == 0) {
                    return true;
                }
            }
            return false;
        }

        boolean supplies(int offset) {
            return supplies && (supplied[offset >>> 6] >>> offset & 1) != 0;
        }

        boolean discards(int first, int last) {
            for (int i = first; discards && i <= last; i++) {
                if ((discarded[i >>> 6] >>> i & 1) == 0) {
                    return false;
                }
            }
            return discards;
        }
    }

    private final List<Entry> entries = new ArrayList<>();
    private int count;

    /**
     * Lets an access through as far as {@code layer} is concerned.
     *
     * @param gpa its first byte
     * @param length bytes; the access stays in its page
     * @param kinds {@link Rights} bits
     * @return false: too many pages
     */
    boolean step(@Gpa long gpa, int length, int kinds, ProtectionLayer layer) {
        Entry e = entry(Page.gfn(gpa));
        if (e == null) {
            return false;
        }
        int first = (int) gpa & Page.SIZE - 1;
        int last = first + length - 1;
        if (!e.opens(layer, first, last, kinds)) {
            e.open(layer, first, last, kinds);
        }
        return true;
    }

    /**
     * Whether {@code layer} lets all of the access through already; parameters as of {@link #step}.
     */
    boolean opens(@Gpa long gpa, int length, int kinds, ProtectionLayer layer) {
        Entry e = find(Page.gfn(gpa));
        int first = (int) gpa & Page.SIZE - 1;
        return e != null && e.opens(layer, first, first + length - 1, kinds);
    }

    /**
     * Answers reads that start inside the range with {@code bytes}.
     *
     * @return false: too many pages
     */
    boolean supply(@Gpa long gpa, byte[] bytes) {
        Entry e = entry(Page.gfn(gpa));
        if (e == null) {
            return false;
        }
        if (!e.supplies) {
            e.page.fill((byte) 0);
            e.supplies = true;
        }
        int at = (int) gpa & Page.SIZE - 1;
        int n = Math.min(bytes.length, Page.SIZE - at);
        HostBytes.copyIn(bytes, 0, e.page.address() + at, n);
        for (int i = at; i < at + n; i++) {
            e.supplied[i >>> 6] |= 1L << i;
        }
        return true;
    }

    /**
     * Drops writes inside the range, which stays in its page.
     *
     * @return false: too many pages
     */
    boolean discard(@Gpa long gpa, int length) {
        Entry e = entry(Page.gfn(gpa));
        if (e == null) {
            return false;
        }
        e.discards = true;
        int at = (int) gpa & Page.SIZE - 1;
        for (int i = at; i < at + length; i++) {
            e.discarded[i >>> 6] |= 1L << i;
        }
        return true;
    }

    @Override
    public void clear() {
        super.clear();
        for (int i = 0; i < count; i++) {
            entries.get(i).layers.clear(); // a layer kept here would keep its bundle's classes
        }
        count = 0;
    }

    private @Nullable Entry find(@Gfn long gfn) {
        for (int i = 0; i < count; i++) {
            if (entries.get(i).gfn == gfn) {
                return entries.get(i);
            }
        }
        return null;
    }

    private @Nullable Entry entry(@Gfn long gfn) {
        Entry e = find(gfn);
        if (e != null || count == MAX_PAGES) {
            return e;
        }
        if (count == entries.size()) {
            entries.add(new Entry());
        }
        e = entries.get(count++);
        e.use(gfn);
        activate();
        return e;
    }

    @Override
    public long divert(
            RamProtection protection, int access, @Gpa long gpa, int length, @Hva long hva) {
        Entry e = find(Page.gfn(gpa));
        if (e == null) {
            return -1;
        }
        int first = (int) gpa & Page.SIZE - 1;
        int last = first + length - 1;
        long elsewhere = -1;
        if (access == Rights.W && e.discards(first, last)) {
            if (!e.supplies) {
                // A read-modify-write reads what is there: its right to read is checked by itself.
                HostBytes.copy(hva - first, e.page.address(), Page.SIZE);
            }
            elsewhere = e.page.address() + first;
        } else if (access != Rights.W && e.supplies(first)) {
            elsewhere = e.page.address() + first;
        } else if (!e.layers.isEmpty() && opened(protection, e, access, first, last)) {
            elsewhere = hva;
        }
        return elsewhere;
    }

    /** Whether every layer that forbids the access now lets it through. */
    private static boolean opened(
            RamProtection protection, Entry e, int access, int first, int last) {
        List<ProtectionLayer> layers = protection.layers();
        for (int i = 0; i < layers.size(); i++) {
            ProtectionLayer l = layers.get(i);
            if ((access & ~l.rightsOf(e.gfn)) != 0 && !e.opens(l, first, last, access)) {
                return false;
            }
        }
        return true;
    }
}
