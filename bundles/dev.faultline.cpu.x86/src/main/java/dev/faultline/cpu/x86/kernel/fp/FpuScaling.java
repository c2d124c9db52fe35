// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.kernel.fp;

import static dev.faultline.cpu.x86.kernel.fp.FpuMath.*;

/** FRNDINT, FSCALE and FXTRACT. Source: SDM 2, the pages of these instructions. */
public final class FpuScaling {
    private FpuScaling() {}

    /** a rounded to an integer as rounding control says. */
    public static void roundToInteger(FpuMath m, long aSig, int aSe) {
        m.begin();
        if (m.special(aSig, aSe)) {
            return;
        }
        int exp = aSe & EXP;
        if (exp >= BIAS + 63 || (exp | aSig) == 0) {
            m.result(aSig, aSe);
            return;
        }
        if (exp == 0 && m.denormalStops()) {
            return;
        }
        int sign = aSe & SIGN;
        int shift = BIAS + 63 - exp;
        long whole = shift < 64 ? aSig >>> shift : 0;
        long rest = shift < 64 ? aSig << 64 - shift : shift == 64 ? aSig : 1;
        boolean up = rest != 0 && m.increments(sign != 0, (whole & 1) != 0, rest);
        if (up) {
            whole++;
        }
        m.inexact(rest != 0, up);
        if (whole == 0) {
            m.result(0, sign);
        } else {
            int n = Long.numberOfLeadingZeros(whole);
            m.result(whole << n, sign | BIAS + 63 - n);
        }
    }

    /** a * 2^trunc(b). */
    public static void scale(FpuMath m, long aSig, int aSe, long bSig, int bSe) {
        m.begin();
        if (m.special(aSig, aSe, bSig, bSe)) {
            return;
        }
        boolean aInf = infinite(aSig, aSe);
        boolean aZero = zero(aSig, aSe);
        boolean bInf = infinite(bSig, bSe);
        boolean down = (bSe & SIGN) != 0;
        if (bInf && (down ? aInf : aZero)) {
            m.invalid();
            return;
        }
        if ((denormal(aSig, aSe) || denormal(bSig, bSe)) && m.denormalStops()) {
            return;
        }
        int sign = aSe & SIGN;
        if (bInf && !aInf && !aZero) {
            if (down) {
                m.result(0, sign);
            } else {
                m.infinity(sign);
            }
            return;
        }
        if (aInf || aZero || zero(bSig, bSe)) {
            m.result(aSig, aSig < 0 && (aSe & EXP) == 0 ? aSe + 1 : aSe);
            return;
        }
        int n = clampedInteger(bSig, bSe & EXP);
        int exp = FpuArithmetic.normalExp(aSig, aSe & EXP) + (down ? -n : n);
        long sig = aSig << Long.numberOfLeadingZeros(aSig);
        if (!massive(m, sign, exp)) {
            m.round(sign, exp, sig, 0);
        }
    }

    /**
     * Unmasked overflow and underflow too large to be repaired by moving the exponent by 24576: the
     * result is infinity or zero (SDM 1, "Numeric Overflow Exception (#O)" and "Numeric Underflow
     * Exception (#U)").
     */
    private static boolean massive(FpuMath m, int sign, int exp) {
        if (exp > EXP - 1 + WRAP && (m.masks & OE) == 0) {
            m.flags |= OE | PE;
            m.cc |= C1;
            m.infinity(sign);
            return true;
        }
        if (exp + WRAP < 1 && (m.masks & UE) == 0) {
            m.flags |= UE | PE;
            m.result(0, sign);
            return true;
        }
        return false;
    }

    /** trunc(|b|), at most 65535, which is far beyond every exponent. */
    private static int clampedInteger(long sig, int exp) {
        if (exp < BIAS) {
            return 0;
        }
        return exp >= BIAS + 16 ? 0xFFFF : (int) (sig >>> 63 - (exp - BIAS));
    }

    /**
     * Splits a into exponent and significand. The significand is the result; the exponent, an
     * 80-bit value too, is in {@link FpuMath#secondSig} and {@link FpuMath#secondSe}.
     */
    public static void extract(FpuMath m, long aSig, int aSe) {
        m.begin();
        if (m.special(aSig, aSe)) {
            exponent(m, m.sig, m.se);
            return;
        }
        if (infinite(aSig, aSe)) {
            m.result(aSig, aSe);
            exponent(m, J, EXP);
            return;
        }
        if (zero(aSig, aSe)) {
            m.flags |= ZE;
            m.result(0, aSe);
            exponent(m, J, SIGN | EXP);
            return;
        }
        if (denormal(aSig, aSe) && m.denormalStops()) {
            return;
        }
        int e = FpuArithmetic.normalExp(aSig, aSe & EXP) - BIAS;
        m.result(aSig << Long.numberOfLeadingZeros(aSig), aSe & SIGN | BIAS);
        if (e == 0) {
            exponent(m, 0, 0);
        } else {
            long abs = Math.abs(e);
            int n = Long.numberOfLeadingZeros(abs);
            exponent(m, abs << n, (e < 0 ? SIGN : 0) | BIAS + 63 - n);
        }
    }

    private static void exponent(FpuMath m, long sig, int se) {
        m.secondSig = sig;
        m.secondSe = se;
    }
}
