// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.interpreter.internal;

/**
 * Decoded blocks of one guest-physical page, for one code size. Touched by the vCPU's thread only.
 */
final class CodePage {
    static final int SIZE = 4096;

    final long gfn;
    final int codeBits;

    /** By page offset of the first byte; null = not decoded. */
    Block[] blocks = new Block[SIZE];

    /** Bit i: some block has bytes in [64 i, 64 i + 64). */
    private long granules;

    /** Number of blocks, to bound memory. */
    int count;

    CodePage(long gfn, int codeBits) {
        this.gfn = gfn;
        this.codeBits = codeBits;
    }

    void put(int offset, Block b) {
        if (blocks[offset] == null) {
            count++;
        }
        blocks[offset] = b;
        int last = Math.min(b.end, SIZE) - 1;
        granules |= mask(offset, last);
    }

    boolean holds(int first, int last) {
        return (granules & mask(first, last)) != 0;
    }

    boolean isEmpty() {
        return count == 0;
    }

    void clear() {
        if (count != 0) {
            blocks = new Block[SIZE];
            count = 0;
            granules = 0;
        }
    }

    private static long mask(int first, int last) {
        return -1L << (first >> 6) & -1L >>> 63 - (last >> 6);
    }
}
