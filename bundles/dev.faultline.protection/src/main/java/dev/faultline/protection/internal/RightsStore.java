// SPDX-License-Identifier: Apache-2.0
package dev.faultline.protection.internal;

import dev.faultline.api.protection.Rights;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicReferenceArray;

/**
 * Rights of all pages in one layer, default RWX. Two levels: groups of 1 GiB, made when something
 * in them is first restricted, over chunks of 2 MiB. Any thread; reading neither locks nor
 * allocates; writing locks only to make a group.
 */
final class RightsStore {
    private static final int CHUNKS = 512;
    private static final int CHUNK_SHIFT = 9;
    private static final int GROUP_SHIFT = 18;

    /** One GiB: null is a chunk that restricts nothing. */
    private static final class Group {
        final AtomicReferenceArray<Chunk> chunks = new AtomicReferenceArray<>(CHUNKS);
    }

    static {
        // Initialised here, when a machine is made, rather than inside its first restriction.
        Chunk.packed(Rights.NONE, 0, 0, Rights.NONE).set(0, Rights.R);
    }

    /**
     * Immutable; index is gfn &gt;&gt;&gt; 18. Replaced under the lock of this object whenever a
     * group is added.
     */
    private volatile Group[] groups = {};

    int get(long gfn) {
        Group[] all = groups;
        long i = gfn >>> GROUP_SHIFT;
        if (i >= all.length || all[(int) i] == null) {
            return Rights.RWX;
        }
        Chunk c = all[(int) i].chunks.get(slot(gfn));
        return c == null ? Rights.RWX : c.get(page(gfn));
    }

    /** Sets one page; returns its old rights. Allocates only if the page's chunk was uniform. */
    int set(long gfn, int rights) {
        Group group = groupFor(gfn, rights);
        if (group == null) {
            return Rights.RWX;
        }
        int slot = slot(gfn);
        int page = page(gfn);
        for (; ; ) {
            Chunk c = group.chunks.get(slot);
            int uniform = Chunk.uniformRights(c);
            if (uniform == rights) {
                return rights;
            }
            if (uniform >= 0) {
                Chunk fresh = Chunk.packed(uniform, page, page, rights);
                if (group.chunks.compareAndSet(slot, c, fresh)) {
                    return uniform;
                }
                continue;
            }
            int old = c.set(page, rights);
            if (old >= 0) {
                if (rights == Rights.RWX && old != rights && c.wordFree(page)) {
                    dropIfFree(group, slot, c);
                }
                return old;
            }
            Thread.onSpinWait();
        }
    }

    /** Sets pages first..last. */
    void set(long first, long last, int rights, Narrowed narrowed) {
        long at = first;
        while (at <= last) {
            Group group = groupFor(at, rights);
            if (group == null) {
                at = (at >>> GROUP_SHIFT) + 1 << GROUP_SHIFT;
                continue;
            }
            long chunkLast = Math.min(last, at | Chunk.PAGES - 1);
            if (page(at) == 0 && page(chunkLast) == Chunk.PAGES - 1) {
                setWhole(group, slot(at), rights, at, narrowed);
            } else {
                setPart(
                        group,
                        slot(at),
                        page(at),
                        page(chunkLast),
                        rights,
                        at - page(at),
                        narrowed);
            }
            at = chunkLast + 1;
        }
    }

    private static void setWhole(Group group, int slot, int rights, long base, Narrowed narrowed) {
        Chunk target = Chunk.uniform(rights);
        for (; ; ) {
            Chunk c = group.chunks.get(slot);
            int uniform = Chunk.uniformRights(c);
            if (uniform >= 0) {
                if (!group.chunks.compareAndSet(slot, c, target)) {
                    continue;
                }
                if ((uniform & ~rights) != 0) {
                    narrowed.add(base, base + Chunk.PAGES - 1);
                }
                return;
            }
            if (c.acquire()) {
                c.seal(rights, base, narrowed);
                group.chunks.set(slot, target);
                return;
            }
            Thread.onSpinWait();
        }
    }

    private static void setPart(
            Group group, int slot, int first, int last, int rights, long base, Narrowed narrowed) {
        for (; ; ) {
            Chunk c = group.chunks.get(slot);
            int uniform = Chunk.uniformRights(c);
            if (uniform == rights) {
                return;
            }
            if (uniform >= 0) {
                if (!group.chunks.compareAndSet(
                        slot, c, Chunk.packed(uniform, first, last, rights))) {
                    continue;
                }
                if ((uniform & ~rights) != 0) {
                    narrowed.add(base + first, base + last);
                }
                return;
            }
            if (c.set(first, last, rights, base, narrowed)) {
                if (rights == Rights.RWX && c.wordFree(first)) {
                    dropIfFree(group, slot, c);
                }
                return;
            }
            Thread.onSpinWait();
        }
    }

    /** Gives the chunk's memory back if it restricts nothing any more. */
    private static void dropIfFree(Group group, int slot, Chunk c) {
        if (c.nextRestricted(0) < 0 && c.acquire() && c.sealIfFree()) {
            group.chunks.set(slot, null);
        }
    }

    /** The group of {@code gfn}; null if there is none and {@code rights} needs none. */
    private Group groupFor(long gfn, int rights) {
        Group[] all = groups;
        int i = Math.toIntExact(gfn >>> GROUP_SHIFT);
        Group group = i < all.length ? all[i] : null;
        return group != null || rights == Rights.RWX ? group : addGroup(i);
    }

    private synchronized Group addGroup(int i) {
        Group[] all = groups;
        if (i < all.length && all[i] != null) {
            return all[i];
        }
        Group[] more = Arrays.copyOf(all, Math.max(all.length, i + 1));
        more[i] = new Group();
        groups = more;
        return more[i];
    }

    // ---- queries
    // -------------------------------------------------------------------------------------------------

    long nextRestricted(long gfn) {
        Group[] all = groups;
        long at = gfn;
        while (at >>> GROUP_SHIFT < all.length) {
            Group group = all[(int) (at >>> GROUP_SHIFT)];
            if (group == null) {
                at = (at >>> GROUP_SHIFT) + 1 << GROUP_SHIFT;
                continue;
            }
            Chunk c = group.chunks.get(slot(at));
            int page = c == null ? -1 : c.nextRestricted(page(at));
            if (page >= 0) {
                return at - page(at) + page;
            }
            at = (at | Chunk.PAGES - 1) + 1;
        }
        return -1;
    }

    long restrictedPages() {
        long n = 0;
        for (Group group : groups) {
            for (int i = 0; group != null && i < CHUNKS; i++) {
                Chunk c = group.chunks.get(i);
                n += c == null ? 0 : c.restrictedPages();
            }
        }
        return n;
    }

    /** Bytes of host memory, with headers as HotSpot lays them out with compressed references. */
    long bytes() {
        Group[] all = groups;
        long n = 16 + 4L * all.length;
        for (Group group : all) {
            if (group == null) {
                continue;
            }
            n += 16 + 16 + 16 + 4L * CHUNKS;
            for (int i = 0; i < CHUNKS; i++) {
                n += Chunk.uniformRights(group.chunks.get(i)) < 0 ? Chunk.packedBytes() : 0;
            }
        }
        return n;
    }

    private static int slot(long gfn) {
        return (int) (gfn >>> CHUNK_SHIFT) & CHUNKS - 1;
    }

    private static int page(long gfn) {
        return (int) gfn & Chunk.PAGES - 1;
    }
}
