// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.simd;

/**
 * A packed-integer operation in which each 64-bit half of the result depends on that half of the
 * operands only. Pure.
 */
@FunctionalInterface
public interface LaneOp {
    /**
     * @param a destination operand, which is also the first source
     * @param b source operand, or the whole low quadword of the count for shifts
     */
    long apply(long a, long b);
}
