// SPDX-License-Identifier: Apache-2.0
package dev.faultline.protection.internal;

import dev.faultline.api.protection.Rights;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/**
 * Rights of all pages in one layer, default RWX. Two levels: groups of 1 GiB over chunks of 2 MiB.
 * Either is uniform, and then shared and immutable, until a part of it differs; so closing a whole
 * guest costs a few stores however large it is. Any thread; reading neither locks nor allocates;
 * writing locks only to replace a uniform group.
 */
final class RightsStore {
    private static final int CHUNKS = 512;
    private static final int CHUNK_SHIFT = 9;
    private static final int GROUP_SHIFT = 18;
    private static final int GROUP_PAGES = 1 << GROUP_SHIFT;

    /** One GiB; null, too, is a group that restricts nothing. */
    private static final class Group {
        private static final Group[] UNIFORM = new Group[Rights.RWX];
        private static final AtomicReferenceArray<@Nullable Chunk> NONE =
                new AtomicReferenceArray<>(0);

        static {
            for (int r = 0; r < UNIFORM.length; r++) {
                UNIFORM[r] = new Group(r, NONE);
            }
        }

        /** Rights of every page, or -1: see {@link #chunks}. */
        final int uniform;

        /** A null chunk restricts nothing. Empty in a uniform group. */
        final AtomicReferenceArray<@Nullable Chunk> chunks;

        private Group(int uniform, AtomicReferenceArray<@Nullable Chunk> chunks) {
            this.uniform = uniform;
            this.chunks = chunks;
        }

        /** Null, which costs nothing, for RWX. */
        static @Nullable Group uniform(int rights) {
            return rights == Rights.RWX ? null : UNIFORM[rights];
        }

        /** Rights of every page if {@code g} is uniform or null, else -1. */
        static int uniformRights(@Nullable Group g) {
            return g == null ? Rights.RWX : g.uniform;
        }

        /** Chunks that all have {@code rights}. */
        static Group chunked(int rights) {
            AtomicReferenceArray<@Nullable Chunk> chunks = new AtomicReferenceArray<>(CHUNKS);
            Chunk each = Chunk.uniform(rights);
            for (int i = 0; each != null && i < CHUNKS; i++) {
                chunks.setPlain(i, each);
            }
            return new Group(-1, chunks);
        }
    }

    static {
        // Initialised here, when a machine is made, rather than inside its first restriction.
        Chunk.packed(Rights.NONE, 0, 0, Rights.NONE).set(0, Rights.R);
        Group.uniform(Rights.NONE);
    }

    /**
     * Index is gfn &gt;&gt;&gt; 18. Replaced by a longer one, and its elements set, under the lock
     * of this object. A chunked group stays for ever.
     */
    private volatile AtomicReferenceArray<@Nullable Group> groups = new AtomicReferenceArray<>(0);

    private @Nullable Group group(long gfn) {
        AtomicReferenceArray<@Nullable Group> all = groups;
        long i = gfn >>> GROUP_SHIFT;
        return i < all.length() ? all.get((int) i) : null;
    }

    int get(long gfn) {
        Group group = group(gfn);
        int uniform = Group.uniformRights(group);
        if (group == null || uniform >= 0) {
            return uniform;
        }
        Chunk c = group.chunks.get(slot(gfn));
        return c == null ? Rights.RWX : c.get(page(gfn));
    }

    /** Sets one page; returns its old rights. Allocates only if the page's chunk was uniform. */
    int set(long gfn, int rights) {
        Group group = group(gfn);
        int all = Group.uniformRights(group);
        if (all == rights) {
            return rights;
        }
        if (group == null || all >= 0) {
            group = chunked(gfn);
        }
        int slot = slot(gfn);
        int page = page(gfn);
        for (; ; ) {
            Chunk c = group.chunks.get(slot);
            int uniform = Chunk.uniformRights(c);
            if (uniform == rights) {
                return rights;
            }
            if (c == null || uniform >= 0) {
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
            long groupLast = Math.min(last, at | GROUP_PAGES - 1);
            Group group = group(at);
            int uniform = Group.uniformRights(group);
            if (uniform != rights) {
                if (uniform >= 0 && groupLast - at == GROUP_PAGES - 1) {
                    if (!replace(at, group, Group.uniform(rights))) {
                        continue; // another thread was faster
                    }
                    if ((uniform & ~rights) != 0) {
                        narrowed.add(at, groupLast);
                    }
                } else {
                    setChunks(
                            group == null || uniform >= 0 ? chunked(at) : group,
                            at,
                            groupLast,
                            rights,
                            narrowed);
                }
            }
            at = groupLast + 1;
        }
    }

    /** Sets pages first..last of one group. */
    private static void setChunks(
            Group group, long first, long last, int rights, Narrowed narrowed) {
        long at = first;
        while (at <= last) {
            long chunkLast = Math.min(last, at | Chunk.PAGES - 1);
            int from = page(at);
            int to = page(chunkLast);
            if (from == 0 && to == Chunk.PAGES - 1) {
                setWhole(group, slot(at), rights, at, narrowed);
            } else {
                setPart(group, slot(at), from, to, rights, at - from, narrowed);
            }
            at = chunkLast + 1;
        }
    }

    private static void setWhole(Group group, int slot, int rights, long base, Narrowed narrowed) {
        Chunk target = Chunk.uniform(rights);
        for (; ; ) {
            Chunk c = group.chunks.get(slot);
            int uniform = Chunk.uniformRights(c);
            if (c == null || uniform >= 0) {
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
            if (c == null || uniform >= 0) {
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

    /**
     * Gives the chunk's memory back if it restricts nothing any more. Not where a few pages were
     * closed in an open chunk: they will be again, and a fault handler that closes one page and
     * opens another shall not allocate.
     */
    private static void dropIfFree(Group group, int slot, Chunk c) {
        if (!c.outlivesRestrictions() && c.nextRestricted(0) < 0 && c.acquire() && c.sealIfFree()) {
            group.chunks.set(slot, null);
        }
    }

    /** Replaces a uniform group by another one; false if it is no longer {@code old}. */
    private synchronized boolean replace(long gfn, @Nullable Group old, @Nullable Group now) {
        if (group(gfn) != old) {
            return false;
        }
        reserve(gfn).set((int) (gfn >>> GROUP_SHIFT), now);
        return true;
    }

    /** The group of {@code gfn}, made of chunks from now on. */
    private synchronized Group chunked(long gfn) {
        Group group = group(gfn);
        int uniform = Group.uniformRights(group);
        if (group != null && uniform < 0) {
            return group;
        }
        Group fresh = Group.chunked(uniform);
        reserve(gfn).set((int) (gfn >>> GROUP_SHIFT), fresh);
        return fresh;
    }

    /** The groups, with room for the one of {@code gfn}. Under the lock. */
    private AtomicReferenceArray<@Nullable Group> reserve(long gfn) {
        AtomicReferenceArray<@Nullable Group> all = groups;
        int i = Math.toIntExact(gfn >>> GROUP_SHIFT);
        if (i >= all.length()) {
            AtomicReferenceArray<@Nullable Group> more = new AtomicReferenceArray<>(i + 1);
            for (int k = 0; k < all.length(); k++) {
                more.setPlain(k, all.get(k));
            }
            groups = more;
            all = more;
        }
        return all;
    }

    // ---- queries

    long nextRestricted(long gfn) {
        AtomicReferenceArray<@Nullable Group> all = groups;
        long at = gfn;
        while (at >>> GROUP_SHIFT < all.length()) {
            Group group = all.get((int) (at >>> GROUP_SHIFT));
            int uniform = Group.uniformRights(group);
            if (group == null || uniform == Rights.RWX) {
                at = (at >>> GROUP_SHIFT) + 1 << GROUP_SHIFT;
                continue;
            }
            if (uniform >= 0) {
                return at;
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
        AtomicReferenceArray<@Nullable Group> all = groups;
        long n = 0;
        for (int g = 0; g < all.length(); g++) {
            Group group = all.get(g);
            int uniform = Group.uniformRights(group);
            if (group == null || uniform >= 0) {
                n += uniform == Rights.RWX ? 0 : GROUP_PAGES;
                continue;
            }
            for (int i = 0; i < CHUNKS; i++) {
                Chunk c = group.chunks.get(i);
                n += c == null ? 0 : c.restrictedPages();
            }
        }
        return n;
    }

    /** Bytes of host memory, with headers as HotSpot lays them out with compressed references. */
    long bytes() {
        AtomicReferenceArray<@Nullable Group> all = groups;
        long n = 16 + 16 + 4L * all.length();
        for (int g = 0; g < all.length(); g++) {
            Group group = all.get(g);
            if (group == null || Group.uniformRights(group) >= 0) {
                continue;
            }
            n += 24 + 16 + 16 + 4L * CHUNKS;
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
