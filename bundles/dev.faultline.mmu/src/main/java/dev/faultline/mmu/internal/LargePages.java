// SPDX-License-Identifier: Apache-2.0
package dev.faultline.mmu.internal;

import dev.faultline.api.address.Gva;
import dev.faultline.api.engine.VcpuContext;
import java.util.Arrays;

/**
 * Which large pages may have pieces in a vCPU's TLB since the last flush of all: what INVLPG has to
 * look for beside the page itself. A Bloom filter: it may say so of one that has none. One thread.
 */
final class LargePages {
    private static final int WORDS = 16;

    private final VcpuContext v;

    /** By lin &gt;&gt;&gt; 22 (pages of 2 and 4 MiB), and ~(lin &gt;&gt;&gt; 30) (1 GiB). */
    private final long[] words = new long[WORDS];

    /** {@code v.tlbFlushes} that it stands for. */
    private long flush = -1;

    LargePages(VcpuContext v) {
        this.v = v;
    }

    /** A piece of the page of {@code 1 << shift} bytes, 2 MiB or more, at {@code lin} is cached. */
    void add(@Gva long lin, int shift) {
        if (flush != v.tlbFlushes) {
            Arrays.fill(words, 0);
            flush = v.tlbFlushes;
        }
        int h = hash(shift > 22 ? ~(lin >>> 30) : lin >>> 22);
        words[h >>> 6] |= 1L << h;
    }

    /**
     * In how large a region, of {@code 1 << } so many bytes, pieces of the page at {@code lin} may
     * be cached: 30, 22, or 12 if it is none that was added.
     */
    int shiftAt(@Gva long lin) {
        if (flush != v.tlbFlushes) {
            return 12;
        }
        return has(~(lin >>> 30)) ? 30 : has(lin >>> 22) ? 22 : 12;
    }

    private boolean has(long region) {
        int h = hash(region);
        return (words[h >>> 6] & 1L << h) != 0;
    }

    private static int hash(long region) {
        return (int) (region * 0x9E37_79B9_7F4A_7C15L >>> 54);
    }
}
