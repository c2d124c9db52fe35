// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.block;

/**
 * How much decoded code one vCPU's engine keeps.
 *
 * @param blockLength instructions in a block, at most {@link #LONGEST_BLOCK}
 * @param pages of code; when there are more it starts afresh
 * @param blocks in all; when there are more it starts afresh
 */
public record Limits(int blockLength, int pages, int blocks) {
    public static final int LONGEST_BLOCK = 48;

    /** About 200 MB in the worst case. */
    public static final Limits DEFAULT = new Limits(LONGEST_BLOCK, 6000, 600_000);

    public Limits {
        if (blockLength < 1 || blockLength > LONGEST_BLOCK) {
            throw new IllegalArgumentException(
                    "block length %d: expected 1 .. %d".formatted(blockLength, LONGEST_BLOCK));
        }
        if (pages < 1 || blocks < 1) {
            throw new IllegalArgumentException(
                    "%d pages and %d blocks: expected at least 1 each".formatted(pages, blocks));
        }
    }
}
