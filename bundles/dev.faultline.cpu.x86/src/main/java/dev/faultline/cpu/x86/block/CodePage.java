// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.block;

import org.jspecify.annotations.Nullable;

/**
 * Decoded blocks of one guest-physical page, for one code size. Touched by the vCPU's thread only.
 */
final class CodePage {
    static final int SIZE = 4096;

    final long gfn;
    final int codeBits;

    /** Places in a new page's table. */
    private static final int FEW = 32;

    /**
     * By page offset of the first byte, modulo the table's length, a power of two: null or a block
     * of another start means not decoded. Most pages have few blocks, and many machines have many
     * pages, so a table grows until no two blocks of the page share a place.
     */
    @Nullable Block[] blocks = new Block[FEW];

    /**
     * Bit i: some block, or the end of one that begins in the page before, has bytes in [64 i, 64 i
     * + 64).
     */
    private long granules;

    /** Number of blocks, to bound memory. */
    int count;

    CodePage(long gfn, int codeBits) {
        this.gfn = gfn;
        this.codeBits = codeBits;
    }

    void put(int offset, Block b) {
        Block there = blocks[offset & blocks.length - 1];
        while (there != null && there.start != offset) {
            grow();
            there = blocks[offset & blocks.length - 1];
        }
        if (there == null) {
            count++;
        }
        blocks[offset & blocks.length - 1] = b;
        int last = Math.min(b.end, SIZE) - 1;
        granules |= mask(offset, last);
    }

    /** A block that begins in the page before has the first {@code size} bytes of this one. */
    void reach(int size) {
        granules |= mask(0, size - 1);
    }

    /** What had a place of its own has one in twice the table, too. */
    private void grow() {
        @Nullable Block[] larger = new Block[2 * blocks.length];
        for (Block b : blocks) {
            if (b != null) {
                larger[b.start & larger.length - 1] = b;
            }
        }
        blocks = larger;
    }

    /** Whether a block has bytes in one of the granules. */
    boolean holds(long mask) {
        return (granules & mask) != 0;
    }

    boolean isEmpty() {
        return granules == 0;
    }

    void clear() {
        if (granules != 0) {
            blocks = new Block[FEW];
            count = 0;
            granules = 0;
        }
    }

    /**
     * The granules of 64 bytes that the bytes from page offset {@code first} to {@code last} touch.
     */
    static long mask(int first, int last) {
        return -1L << (first >> 6) & -1L >>> 63 - (last >> 6);
    }
}
