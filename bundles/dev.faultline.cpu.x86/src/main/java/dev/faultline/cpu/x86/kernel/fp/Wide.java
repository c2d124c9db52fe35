// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.kernel.fp;

/**
 * A mutable floating-point number with a 128-bit significand, the working precision of the
 * transcendental functions: (-1)^negative * hi:lo / 2^127 * 2^exp, top bit of {@code hi} set unless
 * the number is zero. Results are truncated, so an operation is wrong by at most about one unit in
 * the last of 128 places; the functions need 70.
 */
final class Wide {
    boolean negative;
    int exp;
    long hi;
    long lo;

    boolean zero() {
        return (hi | lo) == 0;
    }

    Wide set(boolean n, int e, long h, long l) {
        negative = n;
        exp = e;
        hi = h;
        lo = l;
        return this;
    }

    Wide set(Wide w) {
        return set(w.negative, w.exp, w.hi, w.lo);
    }

    /** Brings the top bit up after the significand was set to an unnormalized value. */
    Wide normalize() {
        if (hi == 0) {
            if (lo == 0) {
                return this;
            }
            hi = lo;
            lo = 0;
            exp -= 64;
        }
        int n = Long.numberOfLeadingZeros(hi);
        if (n != 0) {
            hi = hi << n | lo >>> 64 - n;
            lo <<= n;
            exp -= n;
        }
        return this;
    }

    /** Sets hi:lo to the upper half of the 256-bit product of two significands. */
    void multiplyHigh(long aHi, long aLo, long bHi, long bLo) {
        long crossHi = Math.unsignedMultiplyHigh(aHi, bLo);
        long crossLo = aHi * bLo;
        long otherHi = Math.unsignedMultiplyHigh(aLo, bHi);
        long otherLo = aLo * bHi;
        long mid = crossLo + otherLo;
        long carry = Long.compareUnsigned(mid, crossLo) < 0 ? 1 : 0;
        long low = Math.unsignedMultiplyHigh(aLo, bLo);
        if (Long.compareUnsigned(mid + low, mid) < 0) {
            carry++;
        }
        long l = aHi * bHi;
        long h = Math.unsignedMultiplyHigh(aHi, bHi);
        l += crossHi;
        if (Long.compareUnsigned(l, crossHi) < 0) {
            h++;
        }
        l += otherHi;
        if (Long.compareUnsigned(l, otherHi) < 0) {
            h++;
        }
        l += carry;
        if (Long.compareUnsigned(l, carry) < 0) {
            h++;
        }
        hi = h;
        lo = l;
    }

    /** this = a * b. */
    Wide multiply(Wide a, Wide b) {
        int e = a.exp + b.exp + 1;
        boolean n = a.negative != b.negative;
        multiplyHigh(a.hi, a.lo, b.hi, b.lo);
        negative = n;
        exp = e;
        return normalize();
    }

    /** this = a / b, bit by bit; b is not zero. */
    Wide divide(Wide a, Wide b) {
        long rHi = a.hi;
        long rLo = a.lo;
        long dHi = b.hi;
        long dLo = b.lo;
        int e = a.exp - b.exp;
        boolean n = a.negative != b.negative;
        long qHi = 0;
        long qLo = 0;
        boolean carry = false;
        for (int i = 0; i < 128; i++) {
            qHi = qHi << 1 | qLo >>> 63;
            qLo <<= 1;
            if (carry || atLeast(rHi, rLo, dHi, dLo)) {
                rHi -= dHi + (Long.compareUnsigned(rLo, dLo) < 0 ? 1 : 0);
                rLo -= dLo;
                qLo |= 1;
            }
            carry = rHi < 0;
            rHi = rHi << 1 | rLo >>> 63;
            rLo <<= 1;
        }
        set(n, e, qHi, qLo);
        return normalize();
    }

    private static boolean atLeast(long aHi, long aLo, long bHi, long bLo) {
        int c = Long.compareUnsigned(aHi, bHi);
        return c > 0 || c == 0 && Long.compareUnsigned(aLo, bLo) >= 0;
    }

    /** this = a + b. */
    Wide add(Wide a, Wide b) {
        if (a.zero()) {
            return set(b);
        }
        if (b.zero()) {
            return set(a);
        }
        boolean swap = a.exp < b.exp || a.exp == b.exp && !atLeast(a.hi, a.lo, b.hi, b.lo);
        Wide big = swap ? b : a;
        Wide small = swap ? a : b;
        int shift = big.exp - small.exp;
        long sHi = shiftedHi(small.hi, shift);
        long sLo = shiftedLo(small.hi, small.lo, shift);
        boolean n = big.negative;
        int e = big.exp;
        if (a.negative == b.negative) {
            long l = big.lo + sLo;
            long c = Long.compareUnsigned(l, sLo) < 0 ? 1 : 0;
            long h = big.hi + sHi + c;
            boolean over =
                    c != 0 ? Long.compareUnsigned(h, sHi) <= 0 : Long.compareUnsigned(h, sHi) < 0;
            if (over) {
                return set(n, e + 1, h >>> 1 | FpuMath.J, h << 63 | l >>> 1);
            }
            return set(n, e, h, l);
        }
        long l = big.lo - sLo;
        long h = big.hi - sHi - (Long.compareUnsigned(big.lo, sLo) < 0 ? 1 : 0);
        return set(n, e, h, l).normalize();
    }

    static long shiftedHi(long hi, int shift) {
        return shift < 64 ? hi >>> shift : 0;
    }

    static long shiftedLo(long hi, long lo, int shift) {
        if (shift == 0) {
            return lo;
        }
        if (shift < 64) {
            return lo >>> shift | hi << 64 - shift;
        }
        return shift < 128 ? hi >>> shift - 64 : 0;
    }

    /** Turns |this|, which is below 1, into the fixed-point fraction hi:lo / 2^128. */
    Wide toFraction() {
        int shift = -1 - exp;
        long h = shiftedHi(hi, shift);
        lo = shiftedLo(hi, lo, shift);
        hi = h;
        exp = -1;
        return this;
    }

    /** Sets this to the square of a, |a| below 1, as a fixed-point fraction. */
    Wide squareFraction(Wide a) {
        multiplyHigh(a.hi, a.lo, a.hi, a.lo);
        int shift = -2 - 2 * a.exp;
        long h = shiftedHi(hi, shift);
        lo = shiftedLo(hi, lo, shift);
        hi = h;
        exp = -1;
        return this;
    }

    /**
     * Sets this to c[0] + z*(c[1] + z*(c[2] + ...)), or with alternating signs; all partial sums
     * lie in [0, 2).
     *
     * @param c coefficients as pairs hi, lo in units of 2^-127
     * @param z a fixed-point fraction in units of 2^-128
     */
    Wide polynomial(long[] c, Wide z, boolean alternating) {
        int i = c.length - 2;
        hi = c[i];
        lo = c[i + 1];
        for (i -= 2; i >= 0; i -= 2) {
            multiplyHigh(hi, lo, z.hi, z.lo);
            if (alternating) {
                long l = c[i + 1] - lo;
                hi = c[i] - hi - (Long.compareUnsigned(c[i + 1], lo) < 0 ? 1 : 0);
                lo = l;
            } else {
                long l = c[i + 1] + lo;
                hi = c[i] + hi + (Long.compareUnsigned(l, lo) < 0 ? 1 : 0);
                lo = l;
            }
        }
        negative = false;
        exp = 0;
        return normalize();
    }

    /** Rounds this as the result of an inexact operation. */
    void round(FpuMath m) {
        round(m, false);
    }

    /**
     * Rounds this, and reports it as inexact in any case.
     *
     * @param asIs round as if this were the exact result
     */
    void round(FpuMath m, boolean asIs) {
        m.round(negative ? FpuMath.SIGN : 0, exp + FpuMath.BIAS, hi, asIs ? lo : lo | 1);
        m.flags |= FpuMath.PE;
        if ((m.se & FpuMath.EXP) == 0) {
            m.flags |= FpuMath.UE;
        }
    }
}
