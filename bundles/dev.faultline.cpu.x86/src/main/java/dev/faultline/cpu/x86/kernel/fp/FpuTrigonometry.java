// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.kernel.fp;

import static dev.faultline.cpu.x86.kernel.fp.FpuMath.*;

/**
 * FSIN, FCOS, FSINCOS, FPTAN and FPATAN. Results are correct to within the last place; processors
 * differ among themselves there. Arguments are reduced with the 66-bit approximation of pi that the
 * processors use (SDM 1, "Pi"), so results for large arguments agree too.
 */
public final class FpuTrigonometry {
    // pi/2 in units of 2^-65: 66 bits
    private static final long HALF_PI_HI = 3;
    private static final long HALF_PI_LO = 0x243F6A8885A308D3L;

    private FpuTrigonometry() {}

    /** sin(a); C2 is set and nothing else happens if |a| is 2^63 or more. */
    public static void sin(FpuMath m, long aSig, int aSe) {
        m.begin();
        if (undecided(m, aSig, aSe)) {
            if (aSig == 0) {
                m.result(0, aSe);
            } else {
                sine(m, reduce(m, aSig, aSe), aSe);
            }
        }
    }

    /** cos(a). */
    public static void cos(FpuMath m, long aSig, int aSe) {
        m.begin();
        if (undecided(m, aSig, aSe)) {
            if (aSig == 0) {
                m.result(J, BIAS);
            } else {
                cosine(m, reduce(m, aSig, aSe));
            }
        }
    }

    /** sin(a) in the second result, cos(a), which is pushed, in the first. */
    public static void sinCos(FpuMath m, long aSig, int aSe) {
        m.begin();
        if (!undecided(m, aSig, aSe)) {
            m.secondSig = m.sig;
            m.secondSe = m.se;
            return;
        }
        if (aSig == 0) {
            m.secondSig = 0;
            m.secondSe = aSe;
            m.result(J, BIAS);
            return;
        }
        int quadrant = reduce(m, aSig, aSe);
        sine(m, quadrant, aSe);
        m.secondSig = m.sig;
        m.secondSe = m.se;
        m.cc = 0;
        cosine(m, quadrant);
    }

    /**
     * tan(a) in the second result, 1, which is pushed, in the first; a NaN or indefinite is in
     * both.
     */
    public static void tan(FpuMath m, long aSig, int aSe) {
        m.begin();
        if (!undecided(m, aSig, aSe)) {
            m.secondSig = m.sig;
            m.secondSe = m.se;
            return;
        }
        if (aSig == 0) {
            m.secondSig = 0;
            m.secondSe = aSe;
        } else {
            int quadrant = reduce(m, aSig, aSe);
            series(m.w1, m.w0, m.w3, false);
            series(m.w2, m.w0, m.w3, true);
            boolean swap = (quadrant & 1) != 0;
            m.w4.divide(swap ? m.w2 : m.w1, swap ? m.w1 : m.w2);
            m.w4.negative = m.w0.negative ^ swap ^ (aSe & SIGN) != 0;
            m.w4.round(m, vanishing(m));
            m.secondSig = m.sig;
            m.secondSe = m.se;
        }
        m.result(J, BIAS);
    }

    /** Handles everything but finite numbers in range; false if the operation is over. */
    private static boolean undecided(FpuMath m, long aSig, int aSe) {
        if (m.special(aSig, aSe)) {
            return false;
        }
        int exp = aSe & EXP;
        if (exp == EXP) {
            m.invalid();
            return false;
        }
        if (exp >= BIAS + 63) {
            m.cc |= C2;
            m.result(aSig, aSe);
            return false;
        }
        return !denormal(aSig, aSe) || !m.denormalStops();
    }

    /**
     * Reduces |a| to r in [-pi/4, pi/4], kept in {@code m.w0}.
     *
     * @return the multiple of pi/2 that was taken away
     */
    private static int reduce(FpuMath m, long aSig, int aSe) {
        int exp = FpuArithmetic.normalExp(aSig, aSe & EXP) - BIAS;
        long sig = aSig << Long.numberOfLeadingZeros(aSig);
        Wide r = m.w0;
        if (exp < -1 || exp == -1 && Long.compareUnsigned(sig, 0xC90FDAA22168C234L) <= 0) {
            r.set(false, exp, sig, 0);
            return 0;
        }
        int shift = exp + 2;
        long hi = shift == 64 ? sig : sig >>> 64 - shift;
        long lo = shift == 64 ? 0 : sig << shift;
        int q = 0;
        for (int s = Math.max(exp, 0); s >= 0; s--) {
            long dHi = s == 0 ? HALF_PI_HI : HALF_PI_HI << s | HALF_PI_LO >>> 64 - s;
            long dLo = HALF_PI_LO << s;
            q <<= 1;
            int c = Long.compareUnsigned(hi, dHi);
            if (c > 0 || c == 0 && Long.compareUnsigned(lo, dLo) >= 0) {
                hi -= dHi + (Long.compareUnsigned(lo, dLo) < 0 ? 1 : 0);
                lo -= dLo;
                q |= 1;
            }
        }
        // the remainder is below 2^66: a comparison with half of pi/2 decides to which side it
        // belongs
        long twiceHi = hi << 1 | lo >>> 63;
        long twiceLo = lo << 1;
        boolean over =
                twiceHi > HALF_PI_HI
                        || twiceHi == HALF_PI_HI && Long.compareUnsigned(twiceLo, HALF_PI_LO) > 0;
        if (over) {
            hi = HALF_PI_HI - hi - (Long.compareUnsigned(HALF_PI_LO, lo) < 0 ? 1 : 0);
            lo = HALF_PI_LO - lo;
            q++;
        }
        r.set(over, 127 - 65, hi, lo).normalize();
        return q & 3;
    }

    /** |sin r| or cos r of the reduced argument. */
    private static void series(Wide to, Wide r, Wide z, boolean cosine) {
        z.squareFraction(r);
        if (cosine) {
            to.polynomial(FpuSeries.COS, z, true);
        } else {
            boolean negative = r.negative;
            to.polynomial(FpuSeries.SIN, z, true);
            to.multiply(to, r);
            to.negative = negative;
        }
    }

    private static void sine(FpuMath m, int quadrant, int aSe) {
        boolean useCosine = (quadrant & 1) != 0;
        series(m.w1, m.w0, m.w3, useCosine);
        m.w1.negative = (!useCosine && m.w0.negative) ^ (quadrant & 2) != 0 ^ (aSe & SIGN) != 0;
        m.w1.round(m, vanishing(m));
    }

    private static void cosine(FpuMath m, int quadrant) {
        boolean useSine = (quadrant & 1) != 0;
        series(m.w1, m.w0, m.w3, !useSine);
        // cos(r + pi/2) = -sin r
        m.w1.negative = (useSine && m.w0.negative) ^ (quadrant == 1 || quadrant == 2);
        m.w1.round(m, vanishing(m));
    }

    /**
     * Whether the argument is so small that processors deliver sin r = r, tan r = r and cos r = 1
     * in every rounding mode.
     */
    private static boolean vanishing(FpuMath m) {
        return m.w0.exp < -60;
    }

    /** The angle of the point (x, y): FPATAN with x = ST(0) = a and y = ST(1) = b. */
    public static void atan(FpuMath m, long aSig, int aSe, long bSig, int bSe) {
        m.begin();
        if (m.special(aSig, aSe, bSig, bSe)) {
            return;
        }
        if ((denormal(aSig, aSe) || denormal(bSig, bSe)) && m.denormalStops()) {
            return;
        }
        boolean xNegative = (aSe & SIGN) != 0;
        boolean yNegative = (bSe & SIGN) != 0;
        boolean xInf = infinite(aSig, aSe);
        if (infinite(bSig, bSe)) {
            Wide angle =
                    !xInf
                            ? FpuSeries.HALF_PI
                            : xNegative ? FpuSeries.THREE_QUARTER_PI : FpuSeries.QUARTER_PI;
            constant(m, angle, yNegative);
        } else if (xInf || bSig == 0) {
            if (xNegative) {
                constant(m, FpuSeries.PI, yNegative);
            } else {
                m.result(0, bSe & SIGN);
            }
        } else if (aSig == 0) {
            constant(m, FpuSeries.HALF_PI, yNegative);
        } else {
            finiteAtan(m, aSig, aSe, bSig, bSe);
        }
    }

    private static void constant(FpuMath m, Wide angle, boolean negative) {
        m.w1.set(angle);
        m.w1.negative = negative;
        m.w1.round(m);
    }

    private static void finiteAtan(FpuMath m, long aSig, int aSe, long bSig, int bSe) {
        Wide x = m.w0;
        Wide y = m.w1;
        x.set(
                false,
                FpuArithmetic.normalExp(aSig, aSe & EXP),
                aSig << Long.numberOfLeadingZeros(aSig),
                0);
        y.set(
                false,
                FpuArithmetic.normalExp(bSig, bSe & EXP),
                bSig << Long.numberOfLeadingZeros(bSig),
                0);
        boolean steep = y.exp > x.exp || y.exp == x.exp && Long.compareUnsigned(y.hi, x.hi) > 0;
        arc(m, steep ? y : x, steep ? x : y);
        Wide angle = m.w1;
        if (steep) {
            angle.negative = !angle.negative; // pi/2 - angle
            m.w2.add(FpuSeries.HALF_PI, angle);
            angle.set(m.w2);
        }
        if ((aSe & SIGN) != 0) {
            angle.negative = !angle.negative; // pi - angle
            m.w2.add(FpuSeries.PI, angle);
            angle.set(m.w2);
        }
        angle.negative = (bSe & SIGN) != 0;
        angle.round(m);
    }

    /** m.w1 = atan(low / high), 0 &lt; low &lt;= high; destroys w0 to w4. */
    private static void arc(FpuMath m, Wide high, Wide low) {
        int apart = high.exp - low.exp;
        int step = 0;
        if (apart <= 5) {
            // round(low / high * 16), from the leading bits
            long ratio = (low.hi >>> 2 + apart) / ((high.hi >>> 2) / (2 * FpuSeries.ATAN_STEPS));
            step = (int) (ratio + 1 >> 1);
        }
        if (step == 0) {
            m.w2.divide(low, high);
        } else {
            // (low - c high) / (high + c low), c = step / 16
            m.w2.set(false, step(step), (long) step << Long.numberOfLeadingZeros(step), 0);
            m.w3.multiply(m.w2, high);
            m.w4.multiply(m.w2, low);
            m.w3.negative = true;
            m.w2.add(low, m.w3);
            m.w3.add(high, m.w4);
            m.w2.divide(m.w2, m.w3);
        }
        Wide t = m.w2;
        Wide angle = m.w1;
        if (t.zero()) {
            angle.set(FpuSeries.ATAN[step]);
            return;
        }
        m.w3.squareFraction(t);
        m.w4.polynomial(FpuSeries.ODD_SHORT, m.w3, true);
        m.w4.multiply(m.w4, t);
        angle.add(FpuSeries.ATAN[step], m.w4);
    }

    /** The exponent of step / 16. */
    private static int step(int step) {
        return 63 - Long.numberOfLeadingZeros(step) - 4;
    }
}
