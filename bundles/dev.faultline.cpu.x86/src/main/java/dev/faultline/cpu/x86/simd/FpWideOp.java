// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.simd;

/** A floating-point operation on a whole XMM register. */
@FunctionalInterface
public interface FpWideOp {
    /**
     * @param mxcsr as for {@link FpOp}
     * @param x holds the destination, which is also the first source, at {@code d} and {@code d +
     *     1}; unspecified there if an unmasked exception is returned
     * @param slo low half of the source
     * @param shi high half of the source
     * @return the exceptions that all elements raised
     */
    int apply(int mxcsr, long[] x, int d, long slo, long shi);
}
