// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.kernel.simd;

/**
 * RCPPS, RCPSS, RSQRTPS and RSQRTSS: the relative error is below 1.5 * 2^-12 and no exception is
 * ever raised.
 *
 * <p>The architecture leaves the last bits open. These are the bits of Intel's processors: the
 * value at the middle of one of 2048 intervals of the operand, rounded to 12 fraction bits; equal
 * to an Intel Xeon for all 2^32 operands' table entries. Both are unary {@link FpOp}s.
 */
public final class Approximation {
    private static final int MIN_NORMAL = 0x0080_0000;
    private static final int INF = 0x7F80_0000;
    private static final int SIGN = 0x8000_0000;

    private static final short[] RECIPROCAL = new short[2048];
    private static final short[] ROOT = new short[2048];

    static {
        for (int i = 0; i < 2048; i++) {
            RECIPROCAL[i] = fraction(1 + (i + 0.5) / 2048);
            // First half: even exponents, operand in [1, 2); second half: odd, in [2, 4).
            double mid = (1 + ((i & 1023) + 0.5) / 1024) * (i < 1024 ? 1 : 2);
            ROOT[i] = fraction(Math.sqrt(mid));
        }
    }

    private Approximation() {}

    /** Fraction of 1/v, which lies in (0.5, 1), in units of 2^-12 of its binade. */
    private static short fraction(double v) {
        return (short) (Math.floor(8192 / v + 0.5) - 4096);
    }

    public static int rcp(int mxcsr, long a, long b, long[] out, int o) {
        out[o] = reciprocal((int) b) & 0xFFFF_FFFFL;
        return 0;
    }

    public static int rsqrt(int mxcsr, long a, long b, long[] out, int o) {
        out[o] = inverseRoot((int) b) & 0xFFFF_FFFFL;
        return 0;
    }

    private static int reciprocal(int v) {
        int m = v & ~SIGN;
        int s = v & SIGN;
        if (m > INF) {
            return v | 0x0040_0000;
        }
        if (m < MIN_NORMAL) {
            return s | INF;
        }
        int exp = 253 - (m >>> 23);
        return exp <= 0 ? s : s | exp << 23 | RECIPROCAL[m >>> 12 & 0x7FF] << 11;
    }

    private static int inverseRoot(int v) {
        int m = v & ~SIGN;
        if (m > INF) {
            return v | 0x0040_0000;
        }
        if (m < MIN_NORMAL) {
            return v & SIGN | INF;
        }
        if (v < 0) {
            return 0xFFC0_0000;
        }
        if (m == INF) {
            return 0;
        }
        int e = m >>> 23;
        int half = e - 127 >> 1;
        int index = ((e & 1) != 0 ? 0 : 1024) + (m >>> 13 & 0x3FF);
        return 126 - half << 23 | ROOT[index] << 11;
    }
}
