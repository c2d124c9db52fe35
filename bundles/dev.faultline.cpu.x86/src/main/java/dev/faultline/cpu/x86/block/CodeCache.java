// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.block;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.mmu.CodeListener;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * The decoded code of one vCPU, by guest-physical page. Bounded: when full it starts afresh.
 *
 * <p>Touched by the vCPU's thread; changes of code that other threads make are queued and served at
 * the next block boundary ({@link #drain}).
 */
final class CodeCache implements CodeListener {
    private static final int FETCH_MASK = VcpuContext.FETCH_TLB_ENTRIES - 1;

    /** Key in {@link #foreign}: more than can be told page by page. */
    private static final long EVERYTHING = -1;

    private final VcpuContext v;
    private final Limits limits;
    private final Map<Long, CodePage> pages = new HashMap<>();

    /** Parallel to {@code v.fetchTag}; null: to be looked up. */
    private final @Nullable CodePage[] byFetchEntry = new CodePage[VcpuContext.FETCH_TLB_ENTRIES];

    /**
     * What other threads changed and this vCPU has not served: by gfn, the granules ({@link
     * CodePage#mask}). One entry a page, however often it is written while this vCPU sleeps.
     */
    private final ConcurrentHashMap<Long, Long> foreign = new ConcurrentHashMap<>();

    private int blocks;

    /** Counts removals of blocks, so that the loop notices that the one it runs may be gone. */
    long changes;

    /** Blocks that are gone and have {@link Block#compiled}, until they are taken. */
    private List<Block> dropped = new ArrayList<>();

    private boolean allDropped;

    CodeCache(VcpuContext v, Limits limits) {
        this.v = v;
        this.limits = limits;
    }

    /**
     * The page that the fetch entry of {@code lin} stands for; the entry has just been checked or
     * filled.
     */
    CodePage page(long lin) {
        int i = (int) (lin >>> 12) & FETCH_MASK;
        CodePage p = byFetchEntry[i];
        if (p != null && p.gfn == v.fetchGfn[i] && p.codeBits == v.codeBits) {
            return p;
        }
        p = find(v.fetchGfn[i], v.codeBits);
        byFetchEntry[i] = p;
        return p;
    }

    private CodePage find(long gfn, int codeBits) {
        long key = key(gfn, codeBits);
        CodePage p = pages.get(key);
        if (p == null) {
            if (pages.size() >= limits.pages()) {
                dropAll();
            }
            p = new CodePage(gfn, codeBits);
            pages.put(key, p);
        }
        return p;
    }

    private static long key(long gfn, int codeBits) {
        return gfn << 2 | codeBits >> 5;
    }

    /** The page was tracked, but nothing of it will be decoded. */
    void unused(CodePage page) {
        change(page.gfn, 0);
    }

    void added() {
        if (++blocks > limits.blocks()) {
            dropAll();
        }
    }

    void dropAll() {
        for (CodePage p : pages.values()) {
            if (!p.isEmpty()) {
                v.mmu.untrackCode(v, p.gfn);
                p.clear();
            }
        }
        pages.clear();
        java.util.Arrays.fill(byFetchEntry, null);
        blocks = 0;
        changes++;
        dropped.clear();
        allDropped = true;
    }

    @Override
    public void codeChanged(long gpa, long size) {
        boolean own = Thread.currentThread() == v.thread();
        long end = gpa + size;
        if (end - gpa >>> 12 > limits.pages()) { // nobody means that many pages in particular
            all(own);
            return;
        }
        for (long at = gpa; at < end; at = (at | 0xFFF) + 1) {
            long gfn = at >>> 12;
            long granules =
                    CodePage.mask((int) at & 0xFFF, (int) Math.min(end - 1 - (gfn << 12), 0xFFF));
            if (own) {
                change(gfn, granules);
            } else if (added(gfn, granules)) {
                v.post(VcpuContext.REQ_INTERRUPT);
            }
        }
    }

    private void all(boolean own) {
        if (own) {
            dropAll();
        } else if (added(EVERYTHING, -1L)) {
            v.post(VcpuContext.REQ_INTERRUPT);
        }
    }

    /** False if all of this waits to be served already: what waits is served after this. */
    private boolean added(long gfn, long granules) {
        Long waits = foreign.get(gfn);
        if (waits != null && (waits & granules) == granules) {
            return false;
        }
        foreign.merge(gfn, granules, (a, b) -> a | b);
        return true;
    }

    /** Serves what other threads reported. */
    void drain() {
        for (Long gfn : foreign.keySet()) {
            Long granules = foreign.remove(gfn);
            if (granules == null) {
                continue;
            }
            if (gfn == EVERYTHING) {
                dropAll();
            } else {
                change(gfn, granules);
            }
        }
    }

    /** For tests: see {@link BlockEngine#changesToServe}. */
    int changesToServe() {
        return foreign.size();
    }

    boolean hasForeign() {
        return !foreign.isEmpty();
    }

    private void change(long gfn, long granules) {
        boolean left = false;
        for (int bits = 16; bits <= 64; bits <<= 1) {
            CodePage p = pages.get(key(gfn, bits));
            if (p != null) {
                if (p.holds(granules)) {
                    drop(p);
                }
                left |= !p.isEmpty();
            }
        }
        if (!left) {
            v.mmu.untrackCode(v, gfn);
        }
    }

    /** See {@link BlockEngine#takeDropped}. */
    @Nullable List<Block> takeDropped() {
        List<Block> taken = allDropped ? null : dropped;
        allDropped = false;
        dropped = new ArrayList<>();
        return taken;
    }

    private void drop(CodePage p) {
        blocks -= p.count;
        for (Block b : p.blocks) {
            if (b != null && b.compiled != null) {
                dropped.add(b);
            }
        }
        p.clear();
        changes++;
    }
}
