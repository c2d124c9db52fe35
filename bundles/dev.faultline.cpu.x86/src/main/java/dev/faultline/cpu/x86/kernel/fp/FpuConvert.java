// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.kernel.fp;

import static dev.faultline.cpu.x86.kernel.fp.FpuMath.*;

/**
 * Conversions between the 80-bit format and integers, float32, float64 and packed decimal. Source:
 * SDM 1, "Data Types and Addressing Modes" of the x87 chapter; SDM 2, FLD, FST, FILD, FIST, FISTTP,
 * FBLD, FBSTP.
 */
public final class FpuConvert {
    private static final long TEN_TO_18 = 1_000_000_000_000_000_000L;

    private FpuConvert() {}

    /** A signed integer as an 80-bit value; exact. */
    public static void fromInteger(FpuMath m, long value) {
        m.begin();
        widenInteger(m, value);
    }

    /** As {@link #fromInteger}, as the memory operand of an operation still to come. */
    public static void widenInteger(FpuMath m, long value) {
        if (value == 0) {
            m.result(0, 0);
            return;
        }
        long abs = Math.abs(value);
        int n = Long.numberOfLeadingZeros(abs);
        m.result(abs << n, (value < 0 ? SIGN : 0) | BIAS + 63 - n);
    }

    /** FLD m32: signaling NaNs are quieted (IE), denormals reported (DE). */
    public static void fromFloat32(FpuMath m, int value) {
        m.begin();
        widenFloat32(m, value);
        loaded(m);
    }

    /** FLD m64. */
    public static void fromFloat64(FpuMath m, long value) {
        m.begin();
        widenFloat64(m, value);
        loaded(m);
    }

    private static void loaded(FpuMath m) {
        if (m.takeSourceDenormal()) {
            m.flags |= DE;
        } else {
            m.special(m.sig, m.se);
        }
    }

    /**
     * A float32 as memory operand: the same value, signaling NaNs kept; the operation that follows
     * reports them and denormals, and selects among NaNs.
     */
    public static void widenFloat32(FpuMath m, int value) {
        int sign = value >>> 16 & SIGN;
        int exp = value >>> 23 & 0xFF;
        long fraction = (value & 0x7FFFFFL) << 40;
        widen(m, sign, exp, 0xFF, BIAS - 127, fraction);
    }

    /** A float64 as memory operand; see {@link #widenFloat32}. */
    public static void widenFloat64(FpuMath m, long value) {
        int sign = (int) (value >>> 48) & SIGN;
        int exp = (int) (value >>> 52) & 0x7FF;
        long fraction = (value & 0xFFFFFFFFFFFFFL) << 11;
        widen(m, sign, exp, 0x7FF, BIAS - 1023, fraction);
    }

    private static void widen(FpuMath m, int sign, int exp, int max, int rebias, long fraction) {
        m.sourceDenormal = false;
        if (exp == max) {
            m.result(J | fraction, sign | EXP);
        } else if (exp != 0) {
            m.result(J | fraction, sign | exp + rebias);
        } else if (fraction == 0) {
            m.result(0, sign);
        } else {
            int n = Long.numberOfLeadingZeros(fraction);
            m.result(fraction << n, sign | 1 + rebias - n);
            m.sourceDenormal = true;
        }
    }

    /** FST m32: the float32 goes to the low half of {@link FpuMath#bits}. */
    public static void toFloat32(FpuMath m, long sig, int se) {
        toFloat(m, sig, se, 24, 127);
    }

    /** FST m64: the float64 goes to {@link FpuMath#bits}. */
    public static void toFloat64(FpuMath m, long sig, int se) {
        toFloat(m, sig, se, 53, 1023);
    }

    private static void toFloat(FpuMath m, long sig, int se, int digits, int bias) {
        m.begin();
        long sign = (se & SIGN) != 0 ? 1L << (digits == 24 ? 31 : 63) : 0;
        int fractionBits = digits - 1;
        long infinity = (long) (2 * bias + 1) << fractionBits;
        if (m.special(sig, se)) {
            long s = (m.se & SIGN) != 0 ? 1L << (digits == 24 ? 31 : 63) : 0;
            m.bits = s | infinity | (m.sig & ~J) >>> 64 - digits;
            return;
        }
        int exp = se & EXP;
        if (exp == EXP) {
            m.bits = sign | infinity;
            return;
        }
        if (sig == 0) {
            m.bits = sign;
            return;
        }
        int e = FpuArithmetic.normalExp(sig, exp) - BIAS + bias;
        sig <<= Long.numberOfLeadingZeros(sig);
        m.bits = sign | roundFloat(m, sign != 0, e, sig, digits, 2 * bias + 1);
    }

    private static long roundFloat(
            FpuMath m, boolean negative, int exp, long sig, int digits, int max) {
        int drop = 64 - digits;
        long ulp = 1L << drop;
        long kept = sig & -ulp;
        long rest = sig << digits;
        boolean up = rest != 0 && m.increments(negative, (kept & ulp) != 0, rest);
        long r = up ? kept + ulp : kept;
        int e = exp;
        if (r == 0) {
            r = J;
            e++;
        }
        if (e < 1) {
            if ((m.masks & UE) == 0) {
                m.flags |= UE;
                return 0;
            }
            return denormalFloat(m, negative, exp, sig, digits);
        }
        if (e >= max) {
            m.flags |= OE;
            if ((m.masks & OE) == 0) {
                return 0;
            }
            m.flags |= PE;
            boolean toInfinity = m.rc == NEAREST || m.rc == (negative ? DOWN : UP);
            if (toInfinity) {
                m.cc |= C1;
            }
            return ((long) max << digits - 1) - (toInfinity ? 0 : 1);
        }
        m.inexact(rest != 0, up);
        return ((long) e << digits - 1) + ((r & ~J) >>> drop);
    }

    private static long denormalFloat(FpuMath m, boolean negative, int exp, long sig, int digits) {
        int shift = 64 - digits + 1 - exp; // bits below the last place
        long r = shift < 64 ? sig >>> shift : 0;
        long rest = shift < 64 ? sig << 64 - shift : shift == 64 ? sig : 1;
        boolean up = rest != 0 && m.increments(negative, (r & 1) != 0, rest);
        if (rest != 0) {
            m.flags |= UE;
        }
        m.inexact(rest != 0, up);
        return up ? r + 1 : r;
    }

    /**
     * FIST and FISTTP: the integer goes to {@link FpuMath#bits}, sign-extended; out of range (IE)
     * it is the "integer indefinite", the most negative one.
     *
     * @param width 16, 32 or 64
     * @param truncate ignore rounding control (FISTTP)
     */
    public static void toInteger(FpuMath m, long sig, int se, int width, boolean truncate) {
        m.begin();
        long limit = 1L << width - 1;
        int exp = se & EXP;
        boolean negative = (se & SIGN) != 0;
        if (unsupported(sig, se) || exp > BIAS + 63) {
            m.flags |= IE;
            m.bits = -limit;
            return;
        }
        int shift = BIAS + 63 - exp;
        long whole = shift < 64 ? sig >>> shift : 0;
        long rest = rest(sig, shift);
        boolean up = !truncate && rest != 0 && m.increments(negative, (whole & 1) != 0, rest);
        if (up) {
            whole++;
        }
        boolean carry = up && whole == 0;
        long largest = negative ? limit : limit - 1;
        if (carry || Long.compareUnsigned(whole, largest) > 0) {
            m.flags |= IE;
            m.bits = -limit;
            return;
        }
        m.inexact(rest != 0, up);
        m.bits = negative ? -whole : whole;
    }

    private static long rest(long sig, int shift) {
        if (shift == 0) {
            return 0;
        }
        if (shift < 64) {
            return sig << 64 - shift;
        }
        return shift == 64 ? sig : sig != 0 ? 1 : 0;
    }

    /**
     * FBLD: 18 decimal digits in {@code low} and the low byte of {@code high}, the sign in bit 15
     * of it.
     */
    public static void fromDecimal(FpuMath m, long low, int high) {
        m.begin();
        long value = 0;
        for (int shift = 4; shift >= 0; shift -= 4) {
            value = value * 10 + (high >> shift & 15);
        }
        for (int shift = 60; shift >= 0; shift -= 4) {
            value = value * 10 + (low >>> shift & 15);
        }
        int sign = high & SIGN;
        if (value == 0) {
            m.result(0, sign);
        } else {
            int n = Long.numberOfLeadingZeros(value);
            m.result(value << n, sign | BIAS + 63 - n);
        }
    }

    /** FBSTP: the ten bytes go to {@link FpuMath#sig} (low eight) and {@link FpuMath#se}. */
    public static void toDecimal(FpuMath m, long sig, int se) {
        m.begin();
        int exp = se & EXP;
        boolean negative = (se & SIGN) != 0;
        if (unsupported(sig, se) || exp > BIAS + 63) {
            decimalIndefinite(m);
            return;
        }
        int shift = BIAS + 63 - exp;
        long whole = shift < 64 ? sig >>> shift : 0;
        long rest = rest(sig, shift);
        boolean up = rest != 0 && m.increments(negative, (whole & 1) != 0, rest);
        if (up) {
            whole++;
        }
        if (up && whole == 0 || Long.compareUnsigned(whole, TEN_TO_18 - 1) > 0) {
            decimalIndefinite(m);
            return;
        }
        m.inexact(rest != 0, up);
        long low = 0;
        for (int shiftLeft = 0; shiftLeft < 64; shiftLeft += 4) {
            low |= whole % 10 << shiftLeft;
            whole /= 10;
        }
        m.result(low, (negative ? SIGN : 0) | (int) (whole / 10 << 4 | whole % 10));
    }

    private static void decimalIndefinite(FpuMath m) {
        m.flags |= IE;
        m.result(0xC000_0000_0000_0000L, 0xFFFF);
    }
}
