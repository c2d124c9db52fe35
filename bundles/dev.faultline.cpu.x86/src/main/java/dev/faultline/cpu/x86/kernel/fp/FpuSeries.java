// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.kernel.fp;

import java.math.BigInteger;

/**
 * Constants and series coefficients of the transcendental functions, in 128-bit significands.
 * Computed once from their definitions rather than typed in.
 */
final class FpuSeries {
    private static final int GUARD = 192;
    private static final BigInteger ONE = BigInteger.ONE.shiftLeft(GUARD);

    /** 1/(2k+1)!, for sin(x)/x in x*x. */
    static final long[] SIN = inverseFactorials(1, 2, 16);

    /** 1/(2k)!, for cos(x) in x*x. */
    static final long[] COS = inverseFactorials(0, 2, 16);

    /** 1/(k+1)!, for (e^x - 1)/x. */
    static final long[] EXP = inverseFactorials(1, 1, 32);

    /** 1/(2k+1), for atan(x)/x (alternating) and atanh(x)/x, in x*x. */
    static final long[] ODD = inverseOdd(26);

    /** 1/(2k+1), fewer terms, for |x| of at most 1/32. */
    static final long[] ODD_SHORT = inverseOdd(13);

    /** The number of steps of the table {@link #ATAN} in [0, 1]. */
    static final int ATAN_STEPS = 16;

    private static final BigInteger LN2_FIXED = ln2();
    private static final BigInteger PI_FIXED = pi();

    static final Wide LN2 = wide(LN2_FIXED);

    /** 2 / ln 2. */
    static final Wide TWO_OVER_LN2 = wide(ONE.shiftLeft(GUARD + 1).divide(LN2_FIXED));

    static final Wide PI = wide(PI_FIXED);
    static final Wide HALF_PI = wide(PI_FIXED.shiftRight(1));
    static final Wide QUARTER_PI = wide(PI_FIXED.shiftRight(2));
    static final Wide THREE_QUARTER_PI =
            wide(PI_FIXED.multiply(BigInteger.valueOf(3)).shiftRight(2));

    /** atan(i / ATAN_STEPS). */
    static final Wide[] ATAN = atanTable();

    private FpuSeries() {}

    private static long[] inverseFactorials(int first, int step, int terms) {
        long[] c = new long[2 * terms];
        BigInteger value = ONE;
        int n = first;
        for (int i = 0; i < terms; i++) {
            store(c, i, value);
            for (int k = 1; k <= step; k++) {
                value = value.divide(BigInteger.valueOf(n + k));
            }
            n += step;
        }
        return c;
    }

    private static long[] inverseOdd(int terms) {
        long[] c = new long[2 * terms];
        for (int i = 0; i < terms; i++) {
            store(c, i, ONE.divide(BigInteger.valueOf(2 * i + 1)));
        }
        return c;
    }

    private static void store(long[] c, int i, BigInteger fixed) {
        BigInteger v = fixed.shiftRight(GUARD - 127);
        c[2 * i] = v.shiftRight(64).longValue();
        c[2 * i + 1] = v.longValue();
    }

    private static Wide wide(BigInteger fixed) {
        Wide w = new Wide();
        if (fixed.signum() == 0) {
            return w;
        }
        int length = fixed.bitLength();
        BigInteger v =
                length >= 128 ? fixed.shiftRight(length - 128) : fixed.shiftLeft(128 - length);
        return w.set(false, length - 1 - GUARD, v.shiftRight(64).longValue(), v.longValue());
    }

    /** atan(num/den), or atanh, by its series. */
    private static BigInteger arc(long num, long den, boolean hyperbolic) {
        BigInteger n2 = BigInteger.valueOf(num * num);
        BigInteger d2 = BigInteger.valueOf(den * den);
        BigInteger power = ONE.multiply(BigInteger.valueOf(num)).divide(BigInteger.valueOf(den));
        BigInteger sum = BigInteger.ZERO;
        for (int k = 1; power.signum() != 0; k += 2) {
            BigInteger term = power.divide(BigInteger.valueOf(k));
            sum = hyperbolic || (k & 2) == 0 ? sum.add(term) : sum.subtract(term);
            power = power.multiply(n2).divide(d2);
        }
        return sum;
    }

    private static BigInteger ln2() {
        return arc(1, 3, true).shiftLeft(1);
    }

    /** Machin: pi = 16 atan(1/5) - 4 atan(1/239). */
    private static BigInteger pi() {
        return arc(1, 5, false).shiftLeft(4).subtract(arc(1, 239, false).shiftLeft(2));
    }

    private static Wide[] atanTable() {
        Wide[] table = new Wide[ATAN_STEPS + 1];
        for (int i = 0; i < ATAN_STEPS; i++) {
            table[i] = wide(arc(i, ATAN_STEPS, false));
        }
        table[ATAN_STEPS] = wide(PI_FIXED.shiftRight(2)); // the series does not converge at 1
        return table;
    }
}
