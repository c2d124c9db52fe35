// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.kernel.fp;

import static dev.faultline.cpu.x86.kernel.fp.FpuMath.*;

/**
 * F2XM1, FYL2X and FYL2XP1, correct to within the last place. Source: SDM 2, the pages of these
 * instructions.
 */
public final class FpuLogarithm {
    private static final long SQRT_2 = 0xB504F333F9DE6484L;

    private FpuLogarithm() {}

    /**
     * 2^a - 1 for a in [-1, 1]. Other arguments, whose results are undefined, come back unchanged.
     */
    public static void exp2MinusOne(FpuMath m, long aSig, int aSe) {
        m.begin();
        if (m.special(aSig, aSe)) {
            return;
        }
        boolean negative = (aSe & SIGN) != 0;
        if (zero(aSig, aSe)) {
            m.result(0, aSe);
            return;
        }
        if (infinite(aSig, aSe)) {
            m.result(J, negative ? SIGN | BIAS : EXP);
            return;
        }
        if (denormal(aSig, aSe) && m.denormalStops()) {
            return;
        }
        int exp = FpuArithmetic.normalExp(aSig, aSe & EXP) - BIAS;
        long sig = aSig << Long.numberOfLeadingZeros(aSig);
        if (exp >= 0) {
            boolean one = exp == 0 && sig == J;
            m.flags |= PE;
            m.result(aSig, one && negative ? aSe - 1 : aSe);
            return;
        }
        Wide y = m.w0.set(negative, exp, sig, 0);
        y.multiply(y, FpuSeries.LN2);
        m.w1.set(y).toFraction();
        m.w2.polynomial(FpuSeries.EXP, m.w1, negative);
        m.w2.multiply(m.w2, y).round(m);
    }

    /** b * log2(a): FYL2X with a = ST(0), b = ST(1). */
    public static void yLog2x(FpuMath m, long aSig, int aSe, long bSig, int bSe) {
        m.begin();
        if (m.special(aSig, aSe, bSig, bSe)) {
            return;
        }
        boolean aZero = zero(aSig, aSe);
        boolean aOne = aSig == J && aSe == BIAS;
        boolean bZero = zero(bSig, bSe);
        boolean aInf = infinite(aSig, aSe);
        boolean bInf = infinite(bSig, bSe);
        if ((aSe & SIGN) != 0 && !aZero || bZero && (aZero || aInf) || bInf && aOne) {
            m.invalid();
            return;
        }
        int flipped = bSe & SIGN ^ SIGN;
        if (aZero) {
            m.flags |= bInf ? 0 : ZE;
            m.infinity(flipped);
            return;
        }
        if ((denormal(aSig, aSe) || denormal(bSig, bSe)) && m.denormalStops()) {
            return;
        }
        boolean below = (aSe & EXP) < BIAS;
        if (aInf || bInf) {
            m.infinity(below ? flipped : bSe & SIGN);
        } else if (bZero || aOne) {
            m.result(0, below ? flipped : bSe & SIGN);
        } else {
            int e = FpuArithmetic.normalExp(aSig, aSe & EXP) - BIAS;
            m.w0.set(false, e, aSig << Long.numberOfLeadingZeros(aSig), 0);
            logarithm(m);
            times(m, bSig, bSe);
        }
    }

    /** b * log2(a + 1): FYL2XP1 with a = ST(0), b = ST(1). */
    public static void yLog2xPlus1(FpuMath m, long aSig, int aSe, long bSig, int bSe) {
        m.begin();
        if (m.special(aSig, aSe, bSig, bSe)) {
            return;
        }
        boolean negative = (aSe & SIGN) != 0;
        boolean aInf = infinite(aSig, aSe);
        boolean bInf = infinite(bSig, bSe);
        boolean aZero = zero(aSig, aSe);
        boolean bZero = zero(bSig, bSe);
        if (aInf && (bZero || negative) || aZero && bInf) {
            m.invalid();
            return;
        }
        if ((denormal(aSig, aSe) || denormal(bSig, bSe)) && m.denormalStops()) {
            return;
        }
        int sign = (aSe ^ bSe) & SIGN;
        if (aInf || bInf) {
            m.infinity(sign);
        } else if (aZero || bZero) {
            m.result(0, sign);
        } else if (negative && (aSe & EXP) >= BIAS) {
            m.flags |= PE; // undefined; processors return the argument
            m.result(aSig, aSe);
        } else {
            int e = FpuArithmetic.normalExp(aSig, aSe & EXP) - BIAS;
            m.w1.set(negative, e, aSig << Long.numberOfLeadingZeros(aSig), 0);
            if (e < -2) {
                nearOne(m);
            } else {
                m.w2.set(false, 0, J, 0);
                m.w0.add(m.w1, m.w2);
                logarithm(m);
            }
            times(m, bSig, bSe);
        }
    }

    /** Rounds w0 * b; processors report even the logarithm of a power of two as inexact. */
    private static void times(FpuMath m, long bSig, int bSe) {
        int e = FpuArithmetic.normalExp(bSig, bSe & EXP) - BIAS;
        long sig = bSig << Long.numberOfLeadingZeros(bSig);
        m.w1.set((bSe & SIGN) != 0, e, sig, 0);
        m.w0.multiply(m.w0, m.w1);
        m.w0.round(m, m.exactLogarithm);
    }

    /** w0 = log2(w0), w0 positive and not 1. */
    private static void logarithm(FpuMath m) {
        Wide x = m.w0;
        int k = x.exp;
        m.exactLogarithm = x.hi == J && x.lo == 0;
        if (m.exactLogarithm) {
            integer(x, k);
            return;
        }
        x.exp = 0;
        if (Long.compareUnsigned(x.hi, SQRT_2) > 0) {
            x.exp = -1;
            k++;
        }
        m.w2.set(true, 0, J, 0);
        m.w1.add(x, m.w2);
        nearOne(m);
        if (k != 0) {
            integer(m.w1, k);
            m.w2.set(m.w0);
            m.w0.add(m.w1, m.w2);
        }
    }

    private static void integer(Wide w, int k) {
        long abs = Math.abs(k);
        w.set(k < 0, 63 - Long.numberOfLeadingZeros(abs), abs << Long.numberOfLeadingZeros(abs), 0);
    }

    /** w0 = log2(1 + w1) = 2/ln2 * atanh(w1 / (2 + w1)), |w1| below 1/2. */
    private static void nearOne(FpuMath m) {
        m.exactLogarithm = false;
        m.w2.set(false, 1, J, 0);
        m.w3.add(m.w1, m.w2);
        Wide t = m.w2.divide(m.w1, m.w3);
        m.w3.squareFraction(t);
        m.w0.polynomial(FpuSeries.ODD, m.w3, false);
        m.w0.multiply(m.w0, t);
        m.w0.multiply(m.w0, FpuSeries.TWO_OVER_LN2);
    }
}
