// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.simd;

/**
 * A packed operation on 128 bits whose halves are not independent. Pure but for the destination.
 */
@FunctionalInterface
public interface WideOp {
    /**
     * @param x holds the destination, which is also the first source: low half at {@code d}, high
     *     half at {@code d + 1}
     * @param slo low half of the source
     * @param shi high half of the source
     * @param imm immediate byte, 0 to 255; ignored by operations that have none
     */
    void apply(long[] x, int d, long slo, long shi, int imm);
}
