// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.kernel.fp;

import dev.faultline.api.engine.EngineScratch;

/**
 * The arithmetic context of one x87 FPU: rounding control in, one 80-bit result and its exceptions
 * out.
 *
 * <p>An 80-bit value travels as two primitives: the 64-bit significand {@code sig} with its
 * explicit integer bit, and {@code se}, the sign (bit 15) and biased exponent (bits 14:0),
 * zero-extended. Operations are static methods of the other classes of this package; each starts by
 * calling {@link #begin()} and leaves its result in the public fields. Nothing here allocates. One
 * instance belongs to one vCPU and is not thread-safe.
 *
 * <p>The caller turns a result into architectural state (SDM 1, "x87 FPU Floating-Point Exception
 * Handling"): if {@link #blocked()} the destination keeps its old value; otherwise it takes {@link
 * #sig}/{@link #se}, which already hold the masked response, or the result with its exponent moved
 * by 24576 if overflow or underflow is unmasked.
 */
public final class FpuMath extends EngineScratch {
    /** Invalid operation; bit 0 of status and control word. */
    public static final int IE = 0x01;

    /** Denormal operand. */
    public static final int DE = 0x02;

    /** Division by zero. */
    public static final int ZE = 0x04;

    /** Overflow. */
    public static final int OE = 0x08;

    /** Underflow. */
    public static final int UE = 0x10;

    /** Inexact result (precision). */
    public static final int PE = 0x20;

    /** Condition code bits at their places in the status word. */
    public static final int C0 = 0x0100, C1 = 0x0200, C2 = 0x0400, C3 = 0x4000;

    /** All condition code bits. */
    public static final int CC = C0 | C1 | C2 | C3;

    /** Rounding control values (control word bits 11:10); the fourth, 3, truncates. */
    public static final int NEAREST = 0, DOWN = 1, UP = 2;

    static final long J = 1L << 63;
    static final long QUIET = 1L << 62;
    static final int SIGN = 0x8000;
    static final int EXP = 0x7FFF;
    static final int BIAS = 16383;
    static final int WRAP = 24576;

    /** The significand of "real indefinite", the default NaN; its se is {@link #INDEFINITE_SE}. */
    public static final long INDEFINITE_SIG = J | QUIET;

    /** Sign and exponent of "real indefinite". */
    public static final int INDEFINITE_SE = 0xFFFF;

    int masks = 0x3F;
    int rc = NEAREST;
    int precision = 64;

    /** The significand of the result. */
    public long sig;

    /** Sign and exponent of the result, 16 bits. */
    public int se;

    /** The second result of FXTRACT, FSINCOS and FPTAN. */
    public long secondSig;

    /** Sign and exponent of the second result. */
    public int secondSe;

    /** A result that is not an 80-bit value: an integer, or the bits of a float32 or float64. */
    public long bits;

    /** Exceptions of the last operation: IE to PE. */
    public int flags;

    /** Condition code bits of operations that define them; otherwise only C1, "rounded up". */
    public int cc;

    /**
     * True if a denormal float32 or float64 was widened into an operand of the next operation,
     * which has to report it; widening makes such a value normal.
     */
    boolean sourceDenormal;

    /** Takes over rounding control, precision control and masks from an x87 control word. */
    public void control(int fcw) {
        masks = fcw & 0x3F;
        rc = fcw >> 10 & 3;
        precision =
                switch (fcw >> 8 & 3) {
                    case 0 -> 24;
                    case 2 -> 53;
                    default -> 64; // 1 is reserved; processors treat it as extended precision
                };
    }

    /** Forgets the exceptions of the operation before. */
    public void begin() {
        flags = 0;
        cc = 0;
    }

    /** Whether an unmasked exception found before the operation forbids writing its result. */
    public boolean blocked() {
        return (flags & ~masks & (IE | DE | ZE)) != 0;
    }

    /**
     * Whether an unmasked exception forbids pushing a value loaded by FLD m32 or m64: only an
     * invalid operation does; processors push a denormal even if DE is unmasked.
     */
    public boolean loadBlocked() {
        return (flags & ~masks & IE) != 0;
    }

    /** Whether an unmasked exception forbids storing the result in memory (and popping). */
    public boolean storeBlocked() {
        return (flags & ~masks & (IE | DE | ZE | OE | UE)) != 0;
    }

    // ---- scratch of the transcendental functions

    final Wide w0 = new Wide();
    final Wide w1 = new Wide();
    final Wide w2 = new Wide();
    final Wide w3 = new Wide();
    final Wide w4 = new Wide();
    boolean exactLogarithm;

    // ---- classification of operands

    static boolean normal(long sig, int se) {
        return sig < 0 && (se + 1 & EXP) > 1;
    }

    static boolean unsupported(long sig, int se) {
        return sig >= 0 && (se & EXP) != 0;
    }

    static boolean nan(long sig, int se) {
        return (se & EXP) == EXP && sig < 0 && sig << 1 != 0;
    }

    static boolean signaling(long sig, int se) {
        return nan(sig, se) && (sig & QUIET) == 0;
    }

    static boolean infinite(long sig, int se) {
        return (se & EXP) == EXP && sig == J;
    }

    static boolean zero(long sig, int se) {
        return (se & EXP) == 0 && sig == 0;
    }

    static boolean denormal(long sig, int se) {
        return (se & EXP) == 0 && sig != 0;
    }

    // ---- results

    void result(long resultSig, int resultSe) {
        sig = resultSig;
        se = resultSe;
    }

    /** Invalid operation: the result is real indefinite. */
    void invalid() {
        flags |= IE;
        result(INDEFINITE_SIG, INDEFINITE_SE);
    }

    void infinity(int sign) {
        result(J, sign | EXP);
    }

    /** Reports denormal operands; true if that ends the operation because DE is unmasked. */
    boolean denormalStops() {
        flags |= DE;
        return (masks & DE) == 0;
    }

    /** Decides one-operand operations on unsupported values and NaNs; true if decided. */
    boolean special(long aSig, int aSe) {
        if (unsupported(aSig, aSe)) {
            invalid();
            return true;
        }
        if (!nan(aSig, aSe)) {
            return false;
        }
        if ((aSig & QUIET) == 0) {
            flags |= IE;
        }
        result(aSig | QUIET, aSe);
        return true;
    }

    /**
     * Decides two-operand operations on unsupported values and NaNs; true if decided (SDM 1, table
     * "Rules for Handling NaNs"): a quiet NaN wins over a signaling one, else the larger
     * significand, else the positive one.
     */
    boolean special(long aSig, int aSe, long bSig, int bSe) {
        if (unsupported(aSig, aSe) || unsupported(bSig, bSe)) {
            sourceDenormal = false;
            invalid();
            return true;
        }
        boolean aNan = nan(aSig, aSe);
        boolean bNan = nan(bSig, bSe);
        if (!aNan && !bNan) {
            return false;
        }
        sourceDenormal = false;
        boolean aSignals = aNan && (aSig & QUIET) == 0;
        boolean bSignals = bNan && (bSig & QUIET) == 0;
        if (aSignals || bSignals) {
            flags |= IE;
        }
        boolean takeA;
        if (!bNan) {
            takeA = true;
        } else if (!aNan) {
            takeA = false;
        } else if (aSignals != bSignals) {
            takeA = bSignals;
        } else if (aSig != bSig) {
            takeA = Long.compareUnsigned(aSig, bSig) > 0;
        } else {
            takeA = aSe < bSe;
        }
        result((takeA ? aSig : bSig) | QUIET, takeA ? aSe : bSe);
        return true;
    }

    /** Consumes the note that a widened memory operand was denormal. */
    boolean takeSourceDenormal() {
        boolean was = sourceDenormal;
        sourceDenormal = false;
        return was;
    }

    // ---- rounding

    boolean increments(boolean negative, boolean odd, long rest) {
        return switch (rc) {
            case NEAREST -> rest < 0 && (odd || rest != J);
            case DOWN -> negative;
            case UP -> !negative;
            default -> false;
        };
    }

    /** Rounds to 64 bits whatever the precision control says. */
    void round(int sign, int exp, long hi, long lo) {
        round(sign, exp, hi, lo, 64);
    }

    /**
     * Rounds, and handles overflow and underflow; sets the result, OE, UE, PE and C1.
     *
     * @param sign 0x8000 or 0
     * @param exp biased exponent; may be out of range on either side
     * @param hi significand, integer bit set
     * @param lo the 64 bits below it, the last one sticky
     * @param bitsKept 24, 53 or 64
     */
    void round(int sign, int exp, long hi, long lo, int bitsKept) {
        long ulp = 1L << 64 - bitsKept;
        long rest = bitsKept == 64 ? lo : hi << bitsKept | (lo != 0 ? 1 : 0);
        long kept = hi & -ulp;
        int e = exp;
        boolean up = rest != 0 && increments(sign != 0, (kept & ulp) != 0, rest);
        if (up) {
            kept += ulp;
            if (kept == 0) {
                kept = J;
                e++;
            }
        }
        if (e < 1) {
            if ((masks & UE) != 0) {
                denormalize(sign, exp, hi, lo, bitsKept);
                return;
            }
            flags |= UE;
            e += WRAP;
        } else if (e > EXP - 1) {
            flags |= OE;
            if ((masks & OE) != 0) {
                overflow(sign, -ulp);
                return;
            }
            e -= WRAP;
        }
        inexact(rest != 0, up);
        result(kept, sign | e & EXP);
    }

    void inexact(boolean inexact, boolean up) {
        if (inexact) {
            flags |= PE;
            if (up) {
                cc |= C1;
            }
        }
    }

    /**
     * The masked response to overflow: infinity, or the largest finite number on the way to zero.
     */
    private void overflow(int sign, long largest) {
        flags |= PE;
        if (rc == NEAREST || rc == (sign != 0 ? DOWN : UP)) {
            cc |= C1;
            infinity(sign);
        } else {
            result(largest, sign | EXP - 1);
        }
    }

    /**
     * The masked response to underflow: a denormal, an underflow exception only if it is inexact.
     */
    private void denormalize(int sign, int exp, long hi, long lo, int bitsKept) {
        int shift = 1 - exp;
        long high = shift < 64 ? hi >>> shift : 0;
        long low;
        if (shift < 64) {
            low = hi << 64 - shift | (lo != 0 ? 1 : 0);
        } else if (shift == 64) {
            low = hi | (lo != 0 ? 1 : 0);
        } else if (shift < 128) {
            low = hi >>> shift - 64 | ((hi << 128 - shift | lo) != 0 ? 1 : 0);
        } else {
            low = 1;
        }
        long ulp = 1L << 64 - bitsKept;
        long rest = bitsKept == 64 ? low : high << bitsKept | (low != 0 ? 1 : 0);
        long kept = high & -ulp;
        boolean up = rest != 0 && increments(sign != 0, (kept & ulp) != 0, rest);
        if (up) {
            kept += ulp;
        }
        if (rest != 0) {
            flags |= UE;
        }
        inexact(rest != 0, up);
        result(kept, sign | (kept < 0 ? 1 : 0));
    }

    /** Normalizes a non-zero finite number of up to 128 bits and rounds it to 64. */
    void normalizeRound(int sign, int exp, long hi, long lo, int bitsKept) {
        if (hi == 0) {
            int n = Long.numberOfLeadingZeros(lo);
            round(sign, exp - 64 - n, lo << n, 0, bitsKept);
            return;
        }
        int n = Long.numberOfLeadingZeros(hi);
        if (n != 0) {
            hi = hi << n | lo >>> 64 - n;
            lo <<= n;
        }
        round(sign, exp - n, hi, lo, bitsKept);
    }

    // ---- unsigned 128 / 64 division

    /** The remainder of the last {@link #divide128(long, long, long)}. */
    long remainder;

    /**
     * Unsigned quotient of the 128-bit number {@code hi:lo} by a normalized divisor (top bit set),
     * {@code hi < d}; the remainder goes to {@link #remainder}. Two digits of 32 bits, Knuth's
     * algorithm D.
     */
    long divide128(long hi, long lo, long d) {
        long d1 = d >>> 32;
        long d0 = d & 0xFFFFFFFFL;
        long q1 = digit(hi, lo >>> 32, d1, d0);
        long r1 = (hi << 32 | lo >>> 32) - q1 * d;
        long q0 = digit(r1, lo & 0xFFFFFFFFL, d1, d0);
        remainder = (r1 << 32 | lo & 0xFFFFFFFFL) - q0 * d;
        return q1 << 32 | q0;
    }

    private static long digit(long hi, long next, long d1, long d0) {
        long q = Long.divideUnsigned(hi, d1);
        long r = hi - q * d1;
        while (q >>> 32 != 0 || Long.compareUnsigned(q * d0, r << 32 | next) > 0) {
            q--;
            r += d1;
            if (r >>> 32 != 0) {
                break;
            }
        }
        return q;
    }
}
