// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.interpreter.internal;

import dev.faultline.api.cpu.VcpuContext;
import dev.faultline.api.mmu.CodeListener;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentLinkedQueue;

/**
 * The decoded code of one vCPU, by guest-physical page. Bounded: when full it starts afresh.
 *
 * <p>Touched by the vCPU's thread; changes of code that other threads make are queued and served at
 * the next block boundary ({@link #drain}).
 */
final class CodeCache implements CodeListener {
    private static final int FETCH_MASK = VcpuContext.FETCH_TLB_ENTRIES - 1;

    private final VcpuContext v;
    private final Limits limits;
    private final Map<Long, CodePage> pages = new HashMap<>();

    /** Parallel to {@code v.fetchTag}. */
    private final CodePage[] byFetchEntry = new CodePage[VcpuContext.FETCH_TLB_ENTRIES];

    private final ConcurrentLinkedQueue<long[]> foreign = new ConcurrentLinkedQueue<>();
    private int blocks;

    /** Counts removals of blocks, so that the loop notices that the one it runs may be gone. */
    long changes;

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
    }

    @Override
    public void codeChanged(long gpa, long size) {
        if (Thread.currentThread() == v.thread()) {
            change(gpa, size);
        } else {
            foreign.add(new long[] {gpa, size});
            v.post(VcpuContext.REQ_INTERRUPT);
        }
    }

    /** Serves what other threads reported. */
    void drain() {
        for (long[] c = foreign.poll(); c != null; c = foreign.poll()) {
            change(c[0], c[1]);
        }
    }

    boolean hasForeign() {
        return !foreign.isEmpty();
    }

    private void change(long gpa, long size) {
        long first = gpa >>> 12;
        long last = gpa + size - 1 >>> 12;
        if (last - first > pages.size()) {
            pages.values().removeIf(p -> drop(p, p.gfn >= first && p.gfn <= last));
            return;
        }
        for (long gfn = first; gfn <= last; gfn++) {
            int from = gfn == first ? (int) gpa & 0xFFF : 0;
            int to = gfn == last ? (int) (gpa + size - 1) & 0xFFF : 0xFFF;
            boolean left = false;
            for (int bits = 16; bits <= 64; bits <<= 1) {
                CodePage p = pages.get(key(gfn, bits));
                if (p != null) {
                    drop(p, p.holds(from, to));
                    left |= !p.isEmpty();
                }
            }
            if (!left) {
                v.mmu.untrackCode(v, gfn);
            }
        }
    }

    private boolean drop(CodePage p, boolean really) {
        if (really) {
            blocks -= p.count;
            p.clear();
            changes++;
        }
        return false;
    }
}
