// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.kernel.fp;

import static dev.faultline.cpu.x86.kernel.fp.FpuMath.*;

/**
 * The basic arithmetic of the x87 FPU, bit-exact: add, subtract, multiply, divide, square root and
 * the two remainders. Source: SDM 1, "Programming with the x87 FPU"; SDM 2, the pages of the
 * instructions. See {@link FpuMath} for how operands and results travel.
 */
public final class FpuArithmetic {
    private FpuArithmetic() {}

    /** a + b. */
    public static void add(FpuMath m, long aSig, int aSe, long bSig, int bSe) {
        m.begin();
        sum(m, aSig, aSe, bSig, bSe, 0);
    }

    /** a - b. */
    public static void subtract(FpuMath m, long aSig, int aSe, long bSig, int bSe) {
        m.begin();
        sum(m, aSig, aSe, bSig, bSe, SIGN);
    }

    private static void sum(FpuMath m, long aSig, int aSe, long bSig, int bSe, int flip) {
        int aExp = aSe & EXP;
        int bExp = bSe & EXP;
        if (!normal(aSig, aSe) || !normal(bSig, bSe) || m.sourceDenormal) {
            if (sumSpecial(m, aSig, aSe, bSig, bSe, flip)) {
                return;
            }
            aExp = Math.max(aExp, 1);
            bExp = Math.max(bExp, 1);
        }
        int aSign = aSe & SIGN;
        int bSign = bSe & SIGN ^ flip;
        if (aExp < bExp || aExp == bExp && Long.compareUnsigned(aSig, bSig) < 0) {
            long s = aSig;
            aSig = bSig;
            bSig = s;
            int t = aExp;
            aExp = bExp;
            bExp = t;
            t = aSign;
            aSign = bSign;
            bSign = t;
        }
        int shift = aExp - bExp;
        long hi;
        long lo;
        if (shift == 0) {
            hi = bSig;
            lo = 0;
        } else if (shift < 64) {
            hi = bSig >>> shift;
            lo = bSig << 64 - shift;
        } else if (shift < 128) {
            hi = 0;
            lo = bSig >>> shift - 64 | (shift > 64 && bSig << 128 - shift != 0 ? 1 : 0);
        } else {
            hi = 0;
            lo = bSig != 0 ? 1 : 0;
        }
        if (aSign == bSign) {
            addMagnitudes(m, aSign, aExp, aSig, hi, lo);
        } else {
            long rLo = -lo;
            long rHi = aSig - hi - (lo != 0 ? 1 : 0);
            if ((rHi | rLo) == 0) {
                m.result(0, m.rc == DOWN ? SIGN : 0);
            } else {
                m.normalizeRound(aSign, aExp, rHi, rLo, m.precision);
            }
        }
    }

    private static void addMagnitudes(FpuMath m, int sign, int exp, long a, long hi, long lo) {
        long r = a + hi;
        if (Long.compareUnsigned(r, a) < 0) {
            m.round(sign, exp + 1, r >>> 1 | J, r << 63 | lo >>> 1 | lo & 1, m.precision);
        } else if (r < 0) {
            m.round(sign, exp, r, lo, m.precision);
        } else if ((r | lo) == 0) {
            m.result(0, sign);
        } else {
            m.normalizeRound(sign, exp, r, lo, m.precision);
        }
    }

    private static boolean sumSpecial(FpuMath m, long aSig, int aSe, long bSig, int bSe, int flip) {
        if (m.special(aSig, aSe, bSig, bSe)) {
            return true;
        }
        boolean aInf = infinite(aSig, aSe);
        boolean bInf = infinite(bSig, bSe);
        boolean denormal = m.takeSourceDenormal() || denormal(aSig, aSe) || denormal(bSig, bSe);
        int bSign = bSe & SIGN ^ flip;
        if (aInf && bInf && (aSe & SIGN) != bSign) {
            m.invalid();
            return true;
        }
        if (denormal && m.denormalStops()) {
            return true;
        }
        if (aInf || bInf) {
            m.infinity(aInf ? aSe & SIGN : bSign);
            return true;
        }
        return false;
    }

    /** a * b. */
    public static void multiply(FpuMath m, long aSig, int aSe, long bSig, int bSe) {
        m.begin();
        int sign = (aSe ^ bSe) & SIGN;
        int aExp = aSe & EXP;
        int bExp = bSe & EXP;
        if (!normal(aSig, aSe) || !normal(bSig, bSe) || m.sourceDenormal) {
            if (m.special(aSig, aSe, bSig, bSe)) {
                return;
            }
            boolean inf = infinite(aSig, aSe) || infinite(bSig, bSe);
            boolean zero = zero(aSig, aSe) || zero(bSig, bSe);
            boolean denormal = m.takeSourceDenormal() || denormal(aSig, aSe) || denormal(bSig, bSe);
            if (inf && zero) {
                m.invalid();
                return;
            }
            if (denormal && m.denormalStops()) {
                return;
            }
            if (inf) {
                m.infinity(sign);
                return;
            }
            if (zero) {
                m.result(0, sign);
                return;
            }
            aExp = normalExp(aSig, aExp);
            aSig <<= Long.numberOfLeadingZeros(aSig);
            bExp = normalExp(bSig, bExp);
            bSig <<= Long.numberOfLeadingZeros(bSig);
        }
        long hi = Math.unsignedMultiplyHigh(aSig, bSig);
        long lo = aSig * bSig;
        int exp = aExp + bExp - BIAS + 1;
        if (hi >= 0) {
            hi = hi << 1 | lo >>> 63;
            lo <<= 1;
            exp--;
        }
        m.round(sign, exp, hi, lo, m.precision);
    }

    /** The biased exponent after normalizing; of a denormal it is zero or negative. */
    static int normalExp(long sig, int exp) {
        return exp != 0 ? exp : 1 - Long.numberOfLeadingZeros(sig);
    }

    /** a / b. */
    public static void divide(FpuMath m, long aSig, int aSe, long bSig, int bSe) {
        m.begin();
        int sign = (aSe ^ bSe) & SIGN;
        int aExp = aSe & EXP;
        int bExp = bSe & EXP;
        if (!normal(aSig, aSe) || !normal(bSig, bSe) || m.sourceDenormal) {
            if (divideSpecial(m, sign, aSig, aSe, bSig, bSe)) {
                return;
            }
            aExp = normalExp(aSig, aExp);
            aSig <<= Long.numberOfLeadingZeros(aSig);
            bExp = normalExp(bSig, bExp);
            bSig <<= Long.numberOfLeadingZeros(bSig);
        }
        int exp = aExp - bExp + BIAS;
        long q;
        if (Long.compareUnsigned(aSig, bSig) >= 0) {
            q = m.divide128(aSig >>> 1, aSig << 63, bSig);
        } else {
            q = m.divide128(aSig, 0, bSig);
            exp--;
        }
        m.round(sign, exp, q, fraction(m.remainder, bSig), m.precision);
    }

    /** 64 bits that round as remainder / divisor would: half is exact, the rest sticky. */
    private static long fraction(long remainder, long divisor) {
        if (remainder == 0) {
            return 0;
        }
        int c = Long.compareUnsigned(remainder, divisor - remainder);
        return c == 0 ? J : c > 0 ? J | 1 : 1;
    }

    private static boolean divideSpecial(
            FpuMath m, int sign, long aSig, int aSe, long bSig, int bSe) {
        if (m.special(aSig, aSe, bSig, bSe)) {
            return true;
        }
        boolean aInf = infinite(aSig, aSe);
        boolean bInf = infinite(bSig, bSe);
        boolean aZero = zero(aSig, aSe);
        boolean bZero = zero(bSig, bSe);
        boolean denormal = m.takeSourceDenormal() || denormal(aSig, aSe) || denormal(bSig, bSe);
        if (aInf && bInf || aZero && bZero) {
            m.invalid();
            return true;
        }
        if (bZero && !aInf) {
            m.flags |= ZE;
            m.infinity(sign);
            return true;
        }
        if (denormal && m.denormalStops()) {
            return true;
        }
        if (aInf) {
            m.infinity(sign);
            return true;
        }
        if (aZero || bInf) {
            m.result(0, sign);
            return true;
        }
        return false;
    }

    /** The square root of a. */
    public static void sqrt(FpuMath m, long aSig, int aSe) {
        m.begin();
        if (m.special(aSig, aSe)) {
            return;
        }
        if (zero(aSig, aSe)) {
            m.result(0, aSe);
            return;
        }
        if ((aSe & SIGN) != 0) {
            m.invalid();
            return;
        }
        if (infinite(aSig, aSe)) {
            m.infinity(0);
            return;
        }
        if (denormal(aSig, aSe) && m.denormalStops()) {
            return;
        }
        int e = normalExp(aSig, aSe & EXP) - BIAS;
        long sig = aSig << Long.numberOfLeadingZeros(aSig);
        // radicand hi:lo in [2^126, 2^128), so that its root has 64 bits
        boolean odd = (e & 1) != 0;
        long hi = odd ? sig : sig >>> 1;
        long lo = odd ? 0 : sig << 63;
        long root = root(m, hi, lo);
        long sqHi = Math.unsignedMultiplyHigh(root, root);
        long sqLo = root * root;
        long restLo = lo - sqLo;
        long restHi = hi - sqHi - (Long.compareUnsigned(lo, sqLo) < 0 ? 1 : 0);
        long rest = 0;
        if ((restHi | restLo) != 0) {
            boolean aboveHalf = restHi != 0 || Long.compareUnsigned(restLo, root) > 0;
            rest = aboveHalf ? J | 1 : 1;
        }
        m.round(0, (e >> 1) + BIAS, root, rest, m.precision);
    }

    /**
     * floor(sqrt(hi:lo)) for hi >= 2^62: an estimate from double, one Newton step, exact
     * correction.
     */
    private static long root(FpuMath m, long hi, long lo) {
        double approx = Math.sqrt((hi >>> 1) * 2.0) * 4294967296.0;
        long s = approx >= 0x1p64 ? -1L : toUnsigned(approx);
        if (Long.compareUnsigned(hi, s) < 0) {
            long q = m.divide128(hi, lo, s | J);
            long base = s | J;
            s = (base >>> 1) + (q >>> 1) + (base & q & 1);
        }
        while (squareExceeds(s, hi, lo)) {
            s--;
        }
        while (s != -1L && !squareExceeds(s + 1, hi, lo)) {
            s++;
        }
        return s;
    }

    private static long toUnsigned(double d) {
        return d >= 0x1p63 ? (long) (d - 0x1p63) | J : (long) d;
    }

    private static boolean squareExceeds(long s, long hi, long lo) {
        int c = Long.compareUnsigned(Math.unsignedMultiplyHigh(s, s), hi);
        return c > 0 || c == 0 && Long.compareUnsigned(s * s, lo) > 0;
    }

    /**
     * The partial remainder of a by b: C2 is set while it is incomplete, else the low quotient bits
     * are in C0, C3, C1.
     *
     * @param ieee false: FPREM, quotient truncated; true: FPREM1, quotient rounded to nearest
     */
    public static void remainder(FpuMath m, long aSig, int aSe, long bSig, int bSe, boolean ieee) {
        m.begin();
        if (m.special(aSig, aSe, bSig, bSe)) {
            return;
        }
        if (infinite(aSig, aSe) || zero(bSig, bSe)) {
            m.invalid();
            return;
        }
        if ((denormal(aSig, aSe) || denormal(bSig, bSe)) && m.denormalStops()) {
            return;
        }
        if (zero(aSig, aSe)) {
            m.result(0, aSe);
            return;
        }
        if (infinite(bSig, bSe)) {
            m.result(aSig, aSig < 0 && (aSe & EXP) == 0 ? aSe + 1 : aSe);
            return;
        }
        int sign = aSe & SIGN;
        int aExp = normalExp(aSig, aSe & EXP);
        long a = aSig << Long.numberOfLeadingZeros(aSig);
        int bExp = normalExp(bSig, bSe & EXP);
        long b = bSig << Long.numberOfLeadingZeros(bSig);
        int d = aExp - bExp;
        if (d >= 64) {
            int n = d & 31 | 32;
            m.cc |= C2;
            divideShifted(m, a, n, b);
            pack(m, sign, bExp + d - n, m.remainder, sign);
        } else if (d < 0) {
            small(m, sign, d, a, aExp, b, ieee);
        } else {
            complete(m, sign, a, d, b, bExp, ieee);
        }
    }

    private static void complete(
            FpuMath m, int sign, long a, int d, long b, int bExp, boolean ieee) {
        long q = divideShifted(m, a, d, b);
        long r = m.remainder;
        int rSign = sign;
        if (ieee && r != 0) {
            int c = Long.compareUnsigned(r, b - r);
            if (c > 0 || c == 0 && (q & 1) != 0) {
                q++;
                r = b - r;
                rSign ^= SIGN;
            }
        }
        quotient(m, q);
        pack(m, rSign, bExp, r, sign);
    }

    /** |a| &lt; |b|: the remainder is a, or a - b for FPREM1 if a is more than half of b. */
    private static void small(FpuMath m, int sign, int d, long a, int aExp, long b, boolean ieee) {
        if (ieee && d == -1 && Long.compareUnsigned(a, b) > 0) {
            quotient(m, 1);
            pack(m, sign ^ SIGN, aExp, (b << 1) - a, sign);
        } else {
            m.round(sign, aExp, a, 0);
        }
    }

    /** The low 64 bits of a * 2^shift / b; both normalized, shift 0..63; sets the remainder. */
    private static long divideShifted(FpuMath m, long a, int shift, long b) {
        long top = 0;
        if (Long.compareUnsigned(a, b) >= 0) {
            a -= b;
            top = 1;
        }
        if (shift == 0) {
            m.remainder = a;
            return top;
        }
        return top << shift | m.divide128(a >>> 64 - shift, a << shift, b);
    }

    private static void quotient(FpuMath m, long q) {
        m.cc |= ((q & 4) != 0 ? C0 : 0) | ((q & 2) != 0 ? C3 : 0) | ((q & 1) != 0 ? C1 : 0);
    }

    private static void pack(FpuMath m, int sign, int exp, long r, int zeroSign) {
        if (r == 0) {
            m.result(0, zeroSign);
        } else {
            m.normalizeRound(sign, exp, r, 0, 64);
        }
    }
}
