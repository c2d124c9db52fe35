// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.fault;

import dev.faultline.api.memory.HostBytes;
import dev.faultline.api.protection.ProtectionLayer;
import dev.faultline.api.protection.RamProtection;
import dev.faultline.api.protection.Rights;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Pages whose stopped accesses take another way during one instruction (or one device request):
 * {@link Resolution#STEP} lets them through although rights forbid them, {@link Resolution#supply}
 * and {@link Resolution#DISCARD} send them to a private copy of the page. No rights change, nothing
 * is cached.
 *
 * <p>For engines and providers. One per vCPU and per DMA port; on its thread only. Whoever finds
 * that rights stop an access asks {@link #divert} before recording the fault.
 */
public final class Diversion {
    /** Pages that one instruction may have diverted: more than any instruction touches. */
    public static final int MAX_PAGES = 64;

    private static final int PAGE = 4096;
    private static final int WORDS = PAGE / 64;

    private static final class Entry {
        long gfn;

        /** Layers that let the instruction through; empty: none did. */
        final List<ProtectionLayer> open = new ArrayList<>();

        boolean discards;
        boolean supplies;

        /**
         * Bit per byte of the page: an access that starts there is answered from the private page.
         */
        final long[] supplied = new long[WORDS];

        final MemorySegment page = Arena.ofAuto().allocate(PAGE, PAGE);

        void use(long gfn) {
            this.gfn = gfn;
            open.clear();
            discards = false;
            if (supplies) {
                supplies = false;
                Arrays.fill(supplied, 0);
            }
        }

        boolean covers(int offset) {
            return supplies && (supplied[offset >>> 6] >>> offset & 1) != 0;
        }
    }

    private final List<Entry> entries = new ArrayList<>();
    private int count;
    private boolean leavesTraces;

    /**
     * True while anything is diverted: then engines execute one instruction (or one iteration) at a
     * time.
     */
    public boolean active() {
        return count != 0;
    }

    /**
     * True if cached translations come from a diverted access: they must not outlive the
     * instruction.
     */
    public boolean leavesTraces() {
        return leavesTraces;
    }

    /** A translation was cached that holds for this instruction only. */
    public void leaveTraces() {
        leavesTraces = true;
    }

    /**
     * Lets accesses to the page through as far as {@code layer} is concerned. @return false: too
     * many pages
     */
    public boolean step(long gfn, ProtectionLayer layer) {
        Entry e = entry(gfn);
        if (e == null) {
            return false;
        }
        if (!e.open.contains(layer)) {
            e.open.add(layer);
        }
        return true;
    }

    /** Whether {@code layer} lets this instruction through already. */
    public boolean opens(long gfn, ProtectionLayer layer) {
        Entry e = find(gfn);
        return e != null && e.open.contains(layer);
    }

    /**
     * Answers reads that start inside the range with {@code bytes}. @return false: too many pages
     */
    public boolean supply(long gpa, byte[] bytes) {
        Entry e = entry(gpa >>> 12);
        if (e == null) {
            return false;
        }
        if (!e.supplies) {
            e.page.fill((byte) 0);
            e.supplies = true;
        }
        int at = (int) gpa & PAGE - 1;
        int n = Math.min(bytes.length, PAGE - at);
        HostBytes.copyIn(bytes, 0, e.page.address() + at, n);
        for (int i = at; i < at + n; i++) {
            e.supplied[i >>> 6] |= 1L << i;
        }
        return true;
    }

    /** Drops writes to the page. @return false: too many pages */
    public boolean discard(long gfn) {
        Entry e = entry(gfn);
        if (e != null) {
            e.discards = true;
        }
        return e != null;
    }

    /** The instruction is over. */
    public void clear() {
        for (int i = 0; i < count; i++) {
            entries.get(i).open.clear(); // a layer kept here would keep its bundle's classes
        }
        count = 0;
        leavesTraces = false;
    }

    private Entry find(long gfn) {
        for (int i = 0; i < count; i++) {
            if (entries.get(i).gfn == gfn) {
                return entries.get(i);
            }
        }
        return null;
    }

    private Entry entry(long gfn) {
        Entry e = find(gfn);
        if (e != null || count == MAX_PAGES) {
            return e;
        }
        if (count == entries.size()) {
            entries.add(new Entry());
        }
        e = entries.get(count++);
        e.use(gfn);
        return e;
    }

    /**
     * The way of an access that rights forbid.
     *
     * @param access one of {@link Rights#R}, {@link Rights#W}, {@link Rights#X}
     * @param gpa byte address; the access stays in its page
     * @param hva of the same byte
     * @return {@code hva}: go ahead; another: access that address instead; negative: the access
     *     stays stopped
     */
    public long divert(RamProtection protection, int access, long gpa, long hva) {
        Entry e = find(gpa >>> 12);
        if (e == null) {
            return -1;
        }
        int offset = (int) gpa & PAGE - 1;
        long elsewhere = -1;
        if (access == Rights.W && e.discards) {
            if (!e.supplies) {
                // A read-modify-write reads what is there: its right to read is checked by itself.
                HostBytes.copy(hva - offset, e.page.address(), PAGE);
            }
            elsewhere = e.page.address() + offset;
        } else if (access != Rights.W && e.covers(offset)) {
            elsewhere = e.page.address() + offset;
        } else if (!e.open.isEmpty() && (access & rightsWithout(protection, e)) != 0) {
            elsewhere = hva;
        }
        return elsewhere;
    }

    /** Effective rights but for the layers that let the instruction through, as they are now. */
    private static int rightsWithout(RamProtection protection, Entry e) {
        int rights = Rights.RWX;
        List<ProtectionLayer> layers = protection.layers();
        for (int i = 0; i < layers.size(); i++) {
            ProtectionLayer l = layers.get(i);
            if (!e.open.contains(l)) {
                rights &= l.rights(e.gfn << 12);
            }
        }
        return rights;
    }
}
