// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.kernel.simd;

/**
 * One scalar floating-point operation on raw bits.
 *
 * <p>Works on binary64 in a whole long or on binary32 in its low half (the high half of operands is
 * ignored, that of the result is zero). Unary operations read {@code b}, the source operand. Pure
 * but for {@code out[o]}; any thread.
 */
@FunctionalInterface
public interface FpOp {
    /**
     * @param mxcsr control bits (RC, FTZ, DAZ, masks); when PE is already set and masked, PE need
     *     not be reported again
     * @param a first source (destination operand)
     * @param b second source
     * @param out receives the result at {@code o}; unspecified if an unmasked exception is returned
     * @return the exceptions raised, as {@link Mxcsr} flag bits
     */
    int apply(int mxcsr, long a, long b, long[] out, int o);
}
