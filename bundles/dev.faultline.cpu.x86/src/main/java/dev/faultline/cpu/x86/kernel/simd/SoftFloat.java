// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.kernel.simd;

import static dev.faultline.cpu.x86.kernel.simd.Mxcsr.DAZ;
import static dev.faultline.cpu.x86.kernel.simd.Mxcsr.DE;
import static dev.faultline.cpu.x86.kernel.simd.Mxcsr.FTZ;
import static dev.faultline.cpu.x86.kernel.simd.Mxcsr.IE;
import static dev.faultline.cpu.x86.kernel.simd.Mxcsr.OE;
import static dev.faultline.cpu.x86.kernel.simd.Mxcsr.OM;
import static dev.faultline.cpu.x86.kernel.simd.Mxcsr.PE;
import static dev.faultline.cpu.x86.kernel.simd.Mxcsr.RC_DOWN;
import static dev.faultline.cpu.x86.kernel.simd.Mxcsr.RC_NEAREST;
import static dev.faultline.cpu.x86.kernel.simd.Mxcsr.RC_UP;
import static dev.faultline.cpu.x86.kernel.simd.Mxcsr.UE;
import static dev.faultline.cpu.x86.kernel.simd.Mxcsr.UM;
import static dev.faultline.cpu.x86.kernel.simd.Mxcsr.ZE;

/**
 * Integer-only binary32 and binary64 arithmetic with everything MXCSR asks for. The slow path
 * behind {@link FpArith}.
 *
 * <p>{@code d} chooses the format: true is binary64. A finite non-zero operand is taken apart into
 * an unbiased exponent and a significand with its leading one at bit 62, so that at least nine
 * guard bits lie below either format's last place; whatever falls off the end is jammed into bit 0,
 * which is enough for every rounding mode. Methods return the raised exception flags and put the
 * result into {@code out[o]}.
 */
final class SoftFloat {
    static final long QUIET32 = 0x0040_0000L;
    static final long QUIET64 = 0x0008_0000_0000_0000L;
    static final long DEFAULT_NAN32 = 0xFFC0_0000L;
    static final long DEFAULT_NAN64 = 0xFFF8_0000_0000_0000L;

    private static final long LEADING = 1L << 62;

    private SoftFloat() {}

    // ---- the formats

    static int fracBits(boolean d) {
        return d ? 52 : 23;
    }

    static int maxExp(boolean d) {
        return d ? 0x7FF : 0xFF;
    }

    static int bias(boolean d) {
        return d ? 1023 : 127;
    }

    static long signBit(boolean d) {
        return d ? 1L << 63 : 1L << 31;
    }

    static long magnitude(boolean d, long v) {
        return d ? v & Long.MAX_VALUE : v & 0x7FFF_FFFFL;
    }

    static boolean sign(boolean d, long v) {
        return (v & signBit(d)) != 0;
    }

    static long infinity(boolean d) {
        return (long) maxExp(d) << fracBits(d);
    }

    static boolean isNan(boolean d, long v) {
        return magnitude(d, v) > infinity(d);
    }

    static boolean isInf(boolean d, long v) {
        return magnitude(d, v) == infinity(d);
    }

    static boolean isSnan(boolean d, long v) {
        return isNan(d, v) && (v & quiet(d)) == 0;
    }

    static boolean isZero(boolean d, long v) {
        return magnitude(d, v) == 0;
    }

    static boolean isDenormal(boolean d, long v) {
        long m = magnitude(d, v);
        return m != 0 && m < 1L << fracBits(d);
    }

    static long quiet(boolean d) {
        return d ? QUIET64 : QUIET32;
    }

    static long defaultNan(boolean d) {
        return d ? DEFAULT_NAN64 : DEFAULT_NAN32;
    }

    private static long signed(boolean d, boolean negative, long magnitude) {
        return negative ? magnitude | signBit(d) : magnitude;
    }

    /** The operand as the instruction sees it: under DAZ a denormal is a zero of its sign. */
    static long load(int mxcsr, boolean d, long v) {
        long bits = d ? v : v & 0xFFFF_FFFFL;
        return (mxcsr & DAZ) != 0 && isDenormal(d, bits) ? bits & signBit(d) : bits;
    }

    private static int denormalFlag(boolean d, long v) {
        return isDenormal(d, v) ? DE : 0;
    }

    private static int exponent(boolean d, long v) {
        int fb = fracBits(d);
        long m = magnitude(d, v);
        int e = (int) (m >>> fb);
        return e != 0 ? e - bias(d) : 63 - bias(d) - Long.numberOfLeadingZeros(m) + 1 - fb;
    }

    private static long significand(boolean d, long v) {
        int fb = fracBits(d);
        long m = magnitude(d, v);
        if (m >>> fb == 0) {
            return m << (Long.numberOfLeadingZeros(m) - 1);
        }
        return (m & (1L << fb) - 1 | 1L << fb) << (62 - fb);
    }

    // ---- rounding

    private static long shiftRightJam(long sig, int n) {
        if (n == 0) {
            return sig;
        }
        if (n > 63) {
            return sig != 0 ? 1 : 0;
        }
        return sig >>> n | ((sig & (1L << n) - 1) != 0 ? 1 : 0);
    }

    /**
     * What to add below the last place kept, so that truncation then rounds in the given direction.
     */
    private static long roundIncrement(int rc, boolean negative, long kept, long rest, long half) {
        if (rest == 0) {
            return 0;
        }
        return switch (rc) {
            case RC_NEAREST -> rest > half || rest == half && (kept & 1) != 0 ? 1 : 0;
            case RC_DOWN -> negative ? 1 : 0;
            case RC_UP -> negative ? 0 : 1;
            default -> 0;
        };
    }

    /** Rounds, packs and reports overflow, underflow (tininess after rounding) and inexact. */
    static int round(int mxcsr, boolean d, boolean negative, int exp, long sig, long[] out, int o) {
        int fb = fracBits(d);
        int drop = 62 - fb;
        long mask = (1L << drop) - 1;
        long half = 1L << (drop - 1);
        int rc = Mxcsr.rc(mxcsr);
        int emin = 1 - bias(d);
        boolean tiny = false;
        if (exp < emin) {
            long kept = sig >>> drop;
            tiny =
                    exp < emin - 1
                            || kept + roundIncrement(rc, negative, kept, sig & mask, half)
                                    < 1L << (fb + 1);
            if (tiny && (mxcsr & UM) == 0) {
                out[o] = 0;
                return (sig & mask) != 0 ? UE | PE : UE;
            }
            if (tiny && (mxcsr & FTZ) != 0) {
                out[o] = signed(d, negative, 0);
                return UE | PE;
            }
            sig = shiftRightJam(sig, emin - exp);
            exp = emin;
        }
        long rest = sig & mask;
        long kept = sig >>> drop;
        kept += roundIncrement(rc, negative, kept, rest, half);
        if (exp > bias(d) || ((long) (exp + bias(d) - 1) << fb) + kept >= infinity(d)) {
            return overflow(mxcsr, d, negative, rest != 0, out, o);
        }
        out[o] = signed(d, negative, ((long) (exp + bias(d) - 1) << fb) + kept);
        return rest == 0 ? 0 : tiny ? UE | PE : PE;
    }

    private static int overflow(
            int mxcsr, boolean d, boolean negative, boolean inexact, long[] out, int o) {
        int rc = Mxcsr.rc(mxcsr);
        boolean toInfinity = rc == RC_NEAREST || rc == (negative ? RC_DOWN : RC_UP);
        out[o] = signed(d, negative, toInfinity ? infinity(d) : infinity(d) - 1);
        if ((mxcsr & OM) == 0) {
            return inexact ? OE | PE : OE;
        }
        return OE | PE;
    }

    // ---- NaN rules

    /** The result when an operand is a NaN: the first operand that is one, quieted. */
    private static int nan(boolean d, long a, long b, long[] out, int o) {
        out[o] = (isNan(d, a) ? a : b) | quiet(d);
        return isSnan(d, a) || isSnan(d, b) ? IE : 0;
    }

    private static int invalid(boolean d, long[] out, int o) {
        out[o] = defaultNan(d);
        return IE;
    }

    // ---- arithmetic

    static int add(int mxcsr, boolean d, boolean sub, long x, long y, long[] out, int o) {
        long a = load(mxcsr, d, x);
        long b = load(mxcsr, d, y);
        if (isNan(d, a) || isNan(d, b)) {
            return nan(d, a, b, out, o);
        }
        if (sub) {
            b ^= signBit(d);
        }
        boolean sa = sign(d, a);
        boolean sb = sign(d, b);
        if (isInf(d, a) && isInf(d, b) && sa != sb) {
            return invalid(d, out, o);
        }
        int raised = denormalFlag(d, a) | denormalFlag(d, b);
        if (isInf(d, a) || isInf(d, b)) {
            out[o] = isInf(d, a) ? a : b;
            return raised;
        }
        boolean zeroSign = sa == sb ? sa : Mxcsr.rc(mxcsr) == RC_DOWN;
        if (isZero(d, a) || isZero(d, b)) {
            if (isZero(d, a) && isZero(d, b)) {
                out[o] = signed(d, zeroSign, 0);
                return raised;
            }
            long v = isZero(d, a) ? b : a;
            return raised | round(mxcsr, d, sign(d, v), exponent(d, v), significand(d, v), out, o);
        }
        if (magnitude(d, a) < magnitude(d, b)) {
            long t = a;
            a = b;
            b = t;
        }
        int exp = exponent(d, a);
        long sig = significand(d, a);
        long small = shiftRightJam(significand(d, b), exp - exponent(d, b));
        if (sa == sb) {
            sig += small;
            if (sig < 0) {
                sig = shiftRightJam(sig, 1);
                exp++;
            }
        } else {
            sig -= small;
            if (sig == 0) {
                out[o] = signed(d, zeroSign, 0);
                return raised;
            }
            int up = Long.numberOfLeadingZeros(sig) - 1;
            sig <<= up;
            exp -= up;
        }
        return raised | round(mxcsr, d, sign(d, a), exp, sig, out, o);
    }

    static int mul(int mxcsr, boolean d, long x, long y, long[] out, int o) {
        long a = load(mxcsr, d, x);
        long b = load(mxcsr, d, y);
        if (isNan(d, a) || isNan(d, b)) {
            return nan(d, a, b, out, o);
        }
        boolean negative = sign(d, a) != sign(d, b);
        boolean inf = isInf(d, a) || isInf(d, b);
        boolean zero = isZero(d, a) || isZero(d, b);
        if (inf && zero) {
            return invalid(d, out, o);
        }
        int raised = denormalFlag(d, a) | denormalFlag(d, b);
        if (inf || zero) {
            out[o] = signed(d, negative, inf ? infinity(d) : 0);
            return raised;
        }
        long sa = significand(d, a);
        long sb = significand(d, b);
        long hi = Math.multiplyHigh(sa, sb);
        long lo = sa * sb;
        int exp = exponent(d, a) + exponent(d, b);
        int up = 2;
        if (hi >= 1L << 61) {
            up = 1;
            exp++;
        }
        long sig = hi << up | lo >>> (64 - up) | (lo << up != 0 ? 1 : 0);
        return raised | round(mxcsr, d, negative, exp, sig, out, o);
    }

    static int div(int mxcsr, boolean d, long x, long y, long[] out, int o) {
        long a = load(mxcsr, d, x);
        long b = load(mxcsr, d, y);
        if (isNan(d, a) || isNan(d, b)) {
            return nan(d, a, b, out, o);
        }
        boolean negative = sign(d, a) != sign(d, b);
        if (isInf(d, a) && isInf(d, b) || isZero(d, a) && isZero(d, b)) {
            return invalid(d, out, o);
        }
        if (isZero(d, b) && !isInf(d, a)) {
            out[o] = signed(d, negative, infinity(d));
            return ZE;
        }
        int raised = denormalFlag(d, a) | denormalFlag(d, b);
        if (isInf(d, a) || isInf(d, b) || isZero(d, a)) {
            out[o] = signed(d, negative, isInf(d, a) ? infinity(d) : 0);
            return raised;
        }
        int exp = exponent(d, a) - exponent(d, b);
        // 53-bit significands leave room to bring down ten quotient bits at a time.
        long num = significand(d, a) >>> 10;
        long den = significand(d, b) >>> 10;
        if (num < den) {
            num <<= 1;
            exp--;
        }
        long q = 1;
        long rem = num - den;
        for (int i = 0; i < 6; i++) {
            rem <<= 10;
            long digit = rem / den;
            rem -= digit * den;
            q = q << 10 | digit;
        }
        long sig = q << 2 | (rem != 0 ? 1 : 0);
        return raised | round(mxcsr, d, negative, exp, sig, out, o);
    }

    static int sqrt(int mxcsr, boolean d, long y, long[] out, int o) {
        long b = load(mxcsr, d, y);
        if (isNan(d, b)) {
            return nan(d, b, b, out, o);
        }
        if (isZero(d, b)) {
            out[o] = b;
            return 0;
        }
        if (sign(d, b)) {
            return invalid(d, out, o);
        }
        if (isInf(d, b)) {
            out[o] = b;
            return 0;
        }
        int exp = exponent(d, b);
        double v = significand(d, b) >>> 10;
        if ((exp & 1) != 0) {
            v *= 2;
            exp--;
        }
        double r = Math.sqrt(v);
        double error = Math.fma(r, r, -v);
        long sig = (Double.doubleToRawLongBits(r) & (1L << 52) - 1 | 1L << 52) << 10;
        if (error < 0) {
            sig |= 1;
        } else if (error > 0) {
            sig--;
        }
        return denormalFlag(d, b) | round(mxcsr, d, false, exp >> 1, sig, out, o);
    }

    /** MIN and MAX: the second operand when either is a NaN or both are zeros, as it came. */
    static int minMax(int mxcsr, boolean d, boolean max, long x, long y, long[] out, int o) {
        long a = load(mxcsr, d, x);
        long b = load(mxcsr, d, y);
        if (isNan(d, a) || isNan(d, b)) {
            out[o] = b;
            return IE;
        }
        int c = order(d, a, b);
        out[o] = (max ? c > 0 : c < 0) ? a : b;
        return denormalFlag(d, a) | denormalFlag(d, b);
    }

    /** -1, 0 or 1 for two operands that are not NaNs; the zeros are equal. */
    private static int order(boolean d, long a, long b) {
        if (isZero(d, a) && isZero(d, b)) {
            return 0;
        }
        long ka = sign(d, a) ? -magnitude(d, a) : magnitude(d, a);
        long kb = sign(d, b) ? -magnitude(d, b) : magnitude(d, b);
        return Long.compare(ka, kb);
    }

    /** Relation of two operands: 0 equal, -1 less, 1 greater, 2 unordered. */
    static int relation(int mxcsr, boolean d, long x, long y) {
        long a = load(mxcsr, d, x);
        long b = load(mxcsr, d, y);
        return isNan(d, a) || isNan(d, b) ? 2 : order(d, a, b);
    }

    /**
     * Exceptions of a comparison.
     *
     * @param signalling whether a quiet NaN is invalid too (ordered predicates, COMISS, COMISD)
     */
    static int compareFlags(int mxcsr, boolean d, boolean signalling, long x, long y) {
        long a = load(mxcsr, d, x);
        long b = load(mxcsr, d, y);
        if (isNan(d, a) || isNan(d, b)) {
            return signalling || isSnan(d, a) || isSnan(d, b) ? IE : 0;
        }
        return denormalFlag(d, a) | denormalFlag(d, b);
    }

    // ---- conversions

    static int widen(int mxcsr, long y, long[] out, int o) {
        long b = load(mxcsr, false, y);
        long s = (b & 1L << 31) << 32;
        if (isNan(false, b)) {
            out[o] = s | infinity(true) | (b & 0x7F_FFFFL) << 29 | QUIET64;
            return isSnan(false, b) ? IE : 0;
        }
        if (isInf(false, b)) {
            out[o] = s | infinity(true);
            return 0;
        }
        if (isZero(false, b)) {
            out[o] = s;
            return 0;
        }
        // Every binary32 is exact and normal in binary64.
        long frac = significand(false, b) ^ LEADING;
        out[o] = s | (long) (exponent(false, b) + 1023) << 52 | frac >>> 10;
        return denormalFlag(false, b);
    }

    static int narrow(int mxcsr, long y, long[] out, int o) {
        long b = load(mxcsr, true, y);
        long s = b >>> 32 & 1L << 31;
        if (isNan(true, b)) {
            out[o] = s | infinity(false) | b >>> 29 & 0x7F_FFFFL | QUIET32;
            return isSnan(true, b) ? IE : 0;
        }
        if (isInf(true, b) || isZero(true, b)) {
            out[o] = s | (isZero(true, b) ? 0 : infinity(false));
            return 0;
        }
        return denormalFlag(true, b)
                | round(mxcsr, false, s != 0, exponent(true, b), significand(true, b), out, o);
    }

    /** A signed integer to binary32 or binary64. */
    static int fromInt(int mxcsr, boolean d, long v, long[] out, int o) {
        if (v == 0) {
            out[o] = 0;
            return 0;
        }
        long m = Math.abs(v);
        if (m < 0) {
            return round(mxcsr, d, true, 63, LEADING, out, o);
        }
        int up = Long.numberOfLeadingZeros(m) - 1;
        return round(mxcsr, d, v < 0, 62 - up, m << up, out, o);
    }

    /**
     * To a signed integer of 32 or 64 bits, in the given rounding mode; out of range gives the
     * integer indefinite and IE. A 32-bit result is zero-extended.
     */
    static int toInt(int mxcsr, boolean d, boolean wide, int rc, long y, long[] out, int o) {
        long b = load(mxcsr, d, y);
        long indefinite = wide ? Long.MIN_VALUE : 0x8000_0000L;
        if (isZero(d, b)) {
            out[o] = 0;
            return 0;
        }
        boolean negative = sign(d, b);
        int exp = magnitude(d, b) >= infinity(d) ? 100 : exponent(d, b);
        if (exp > 63) {
            out[o] = indefinite;
            return IE;
        }
        long sig = significand(d, b);
        long kept;
        long rest = 0;
        if (exp >= 62) {
            kept = sig << (exp - 62); // up to 2^64 - 1, unsigned
        } else if (exp < -1) {
            kept = 0;
            rest = 1;
            kept = roundIncrement(rc, negative, 0, rest, 2);
        } else {
            int drop = 62 - exp;
            kept = drop == 63 ? 0 : sig >>> drop;
            rest = sig & (1L << drop) - 1;
            kept += roundIncrement(rc, negative, kept, rest, 1L << (drop - 1));
        }
        long limit = wide ? Long.MAX_VALUE : 0x7FFF_FFFFL;
        if (Long.compareUnsigned(kept, negative ? limit + 1 : limit) > 0) {
            out[o] = indefinite;
            return IE;
        }
        long v = negative ? -kept : kept;
        out[o] = wide ? v : v & 0xFFFF_FFFFL;
        return rest != 0 ? PE : 0;
    }

    /** ROUNDxx: to an integral value in the same format. */
    static int roundToIntegral(int mxcsr, boolean d, int rc, long y, long[] out, int o) {
        long b = load(mxcsr, d, y);
        if (isNan(d, b)) {
            return nan(d, b, b, out, o);
        }
        int fb = fracBits(d);
        int exp = (int) (magnitude(d, b) >>> fb) - bias(d);
        if (exp >= fb || isZero(d, b)) {
            out[o] = b;
            return 0;
        }
        boolean negative = sign(d, b);
        if (exp < 0) {
            long one = (long) bias(d) << fb;
            long m = magnitude(d, b);
            long half = one - (1L << fb);
            boolean up =
                    switch (rc) {
                        case RC_NEAREST -> m > half;
                        case RC_DOWN -> negative;
                        case RC_UP -> !negative;
                        default -> false;
                    };
            out[o] = signed(d, negative, up ? one : 0);
            return PE;
        }
        int drop = fb - exp;
        long rest = b & (1L << drop) - 1;
        long kept = magnitude(d, b) >>> drop;
        // With exponent 0 the last kept bit belongs to the exponent field; the integer is 1, odd.
        long parity = exp == 0 ? 1 : kept;
        kept += roundIncrement(rc, negative, parity, rest, 1L << (drop - 1));
        out[o] = signed(d, negative, kept << drop);
        return rest != 0 ? PE : 0;
    }
}
