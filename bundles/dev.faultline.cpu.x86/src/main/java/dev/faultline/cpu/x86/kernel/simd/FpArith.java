// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.kernel.simd;

import static dev.faultline.cpu.x86.kernel.simd.Mxcsr.MASK_SHIFT;
import static dev.faultline.cpu.x86.kernel.simd.Mxcsr.PE;

/**
 * Scalar binary32 ({@code S}) and binary64 ({@code D}) arithmetic; each method is an {@link FpOp}.
 *
 * <p>Under round-to-nearest, with operands that are normal or zero and a result safely inside the
 * normal range, the JVM's own arithmetic gives the right bits and the only exception possible is
 * PE. Whether the result is exact is worked out from the residual, and not at all while PE is
 * already set and masked (flags are sticky), which is where programs spend their lives. Everything
 * else goes to {@link SoftFloat}.
 */
public final class FpArith {
    private static final int RC = 3 << Mxcsr.RC_SHIFT;
    private static final int PE_CARE = PE | PE << MASK_SHIFT;

    private FpArith() {}

    private static boolean nearest(int mxcsr) {
        return (mxcsr & RC) == 0;
    }

    /** PE is already set and masked, so that raising it again would change nothing. */
    private static boolean inexactKnown(int mxcsr) {
        return (mxcsr & PE_CARE) == PE_CARE;
    }

    private static boolean normalD(long v) {
        return ((int) (v >>> 52) + 1 & 0x7FF) > 1;
    }

    private static boolean zeroD(long v) {
        return v << 1 == 0;
    }

    private static boolean plainD(long v) {
        return normalD(v) || zeroD(v);
    }

    /** Normal, and not the least binade, where a result may have been tiny before rounding. */
    private static boolean safeD(long v) {
        return ((int) (v >>> 52) + 1 & 0x7FF) > 2;
    }

    private static boolean normalS(int v) {
        return ((v >>> 23) + 1 & 0xFF) > 1;
    }

    private static boolean zeroS(int v) {
        return v << 1 == 0;
    }

    private static boolean plainS(int v) {
        return normalS(v) || zeroS(v);
    }

    private static boolean safeS(int v) {
        return ((v >>> 23) + 1 & 0xFF) > 2;
    }

    private static long zext(int v) {
        return v & 0xFFFF_FFFFL;
    }

    // ---- add, sub

    public static int addD(int m, long a, long b, long[] out, int o) {
        if (nearest(m) && plainD(a) && plainD(b)) {
            double x = Double.longBitsToDouble(a);
            double y = Double.longBitsToDouble(b);
            double r = x + y;
            long bits = Double.doubleToRawLongBits(r);
            if (safeD(bits) || zeroD(bits)) {
                out[o] = bits;
                return inexactKnown(m) || sumIsExact(x, y, r) ? 0 : PE;
            }
        }
        return SoftFloat.add(m, true, false, a, b, out, o);
    }

    public static int subD(int m, long a, long b, long[] out, int o) {
        if (nearest(m) && plainD(a) && plainD(b)) {
            double x = Double.longBitsToDouble(a);
            double y = Double.longBitsToDouble(b);
            double r = x - y;
            long bits = Double.doubleToRawLongBits(r);
            if (safeD(bits) || zeroD(bits)) {
                out[o] = bits;
                return inexactKnown(m) || sumIsExact(x, -y, r) ? 0 : PE;
            }
        }
        return SoftFloat.add(m, true, true, a, b, out, o);
    }

    /**
     * Whether {@code r}, the rounded sum, is the sum: the error term of Knuth's two-sum is zero.
     */
    private static boolean sumIsExact(double x, double y, double r) {
        double yr = r - x;
        return (x - (r - yr)) + (y - yr) == 0;
    }

    public static int addS(int m, long a, long b, long[] out, int o) {
        return nearest(m)
                ? addNearestS(m, (int) a, (int) b, false, out, o)
                : SoftFloat.add(m, false, false, a, b, out, o);
    }

    public static int subS(int m, long a, long b, long[] out, int o) {
        return nearest(m)
                ? addNearestS(m, (int) a, (int) b, true, out, o)
                : SoftFloat.add(m, false, true, a, b, out, o);
    }

    private static int addNearestS(int m, int a, int b, boolean sub, long[] out, int o) {
        if (plainS(a) && plainS(b)) {
            float x = Float.intBitsToFloat(a);
            float y = sub ? -Float.intBitsToFloat(b) : Float.intBitsToFloat(b);
            float r = x + y;
            int bits = Float.floatToRawIntBits(r);
            if (safeS(bits) || zeroS(bits)) {
                out[o] = zext(bits);
                return inexactKnown(m) || sumIsExact(x, y, r) ? 0 : PE;
            }
        }
        return SoftFloat.add(m, false, sub, a, b, out, o);
    }

    private static boolean sumIsExact(float x, float y, float r) {
        float yr = r - x;
        return (x - (r - yr)) + (y - yr) == 0;
    }

    // ---- mul, div, sqrt

    public static int mulD(int m, long a, long b, long[] out, int o) {
        if (nearest(m) && plainD(a) && plainD(b)) {
            double x = Double.longBitsToDouble(a);
            double y = Double.longBitsToDouble(b);
            double r = x * y;
            long bits = Double.doubleToRawLongBits(r);
            if (zeroD(a) || zeroD(b)) {
                out[o] = bits;
                return 0;
            }
            if (safeD(bits)) {
                if (inexactKnown(m)) {
                    out[o] = bits;
                    return 0;
                }
                if (residualRepresentable(bits)) {
                    out[o] = bits;
                    return Math.fma(x, y, -r) == 0 ? 0 : PE;
                }
            }
        }
        return SoftFloat.mul(m, true, a, b, out, o);
    }

    /** The residual of a product this large cannot underflow. */
    private static boolean residualRepresentable(long bits) {
        return ((int) (bits >>> 52) & 0x7FF) > 110;
    }

    public static int mulS(int m, long a, long b, long[] out, int o) {
        int ia = (int) a;
        int ib = (int) b;
        if (nearest(m) && plainS(ia) && plainS(ib)) {
            float x = Float.intBitsToFloat(ia);
            float y = Float.intBitsToFloat(ib);
            float r = x * y;
            int bits = Float.floatToRawIntBits(r);
            if (safeS(bits) || zeroS(ia) || zeroS(ib)) {
                out[o] = zext(bits);
                return inexactKnown(m) || (double) x * y == r ? 0 : PE;
            }
        }
        return SoftFloat.mul(m, false, a, b, out, o);
    }

    public static int divD(int m, long a, long b, long[] out, int o) {
        if (nearest(m) && plainD(a) && normalD(b)) {
            double x = Double.longBitsToDouble(a);
            double y = Double.longBitsToDouble(b);
            double r = x / y;
            long bits = Double.doubleToRawLongBits(r);
            if (zeroD(a)) {
                out[o] = bits;
                return 0;
            }
            if (safeD(bits)) {
                if (inexactKnown(m)) {
                    out[o] = bits;
                    return 0;
                }
                if (residualRepresentable(a)) {
                    out[o] = bits;
                    return Math.fma(r, y, -x) == 0 ? 0 : PE;
                }
            }
        }
        return SoftFloat.div(m, true, a, b, out, o);
    }

    public static int divS(int m, long a, long b, long[] out, int o) {
        int ia = (int) a;
        int ib = (int) b;
        if (nearest(m) && plainS(ia) && normalS(ib)) {
            float x = Float.intBitsToFloat(ia);
            float y = Float.intBitsToFloat(ib);
            float r = x / y;
            int bits = Float.floatToRawIntBits(r);
            if (safeS(bits) || zeroS(ia)) {
                out[o] = zext(bits);
                return inexactKnown(m) || (double) r * y == x ? 0 : PE;
            }
        }
        return SoftFloat.div(m, false, a, b, out, o);
    }

    /** Square root of {@code b}; {@code a} is not used. */
    public static int sqrtD(int m, long a, long b, long[] out, int o) {
        if (nearest(m) && b > 0 && normalD(b) && (inexactKnown(m) || residualRepresentable(b))) {
            double y = Double.longBitsToDouble(b);
            double r = Math.sqrt(y);
            out[o] = Double.doubleToRawLongBits(r);
            return inexactKnown(m) || Math.fma(r, r, -y) == 0 ? 0 : PE;
        }
        return SoftFloat.sqrt(m, true, b, out, o);
    }

    /** Square root of {@code b}; {@code a} is not used. */
    public static int sqrtS(int m, long a, long b, long[] out, int o) {
        int ib = (int) b;
        if (nearest(m) && ib > 0 && normalS(ib)) {
            float y = Float.intBitsToFloat(ib);
            // A binary64 root rounded again to binary32 is correctly rounded.
            float r = (float) Math.sqrt(y);
            out[o] = zext(Float.floatToRawIntBits(r));
            return inexactKnown(m) || (double) r * r == y ? 0 : PE;
        }
        return SoftFloat.sqrt(m, false, b, out, o);
    }

    // ---- min, max

    public static int minD(int m, long a, long b, long[] out, int o) {
        if (plainD(a) && plainD(b)) {
            out[o] = Double.longBitsToDouble(a) < Double.longBitsToDouble(b) ? a : b;
            return 0;
        }
        return SoftFloat.minMax(m, true, false, a, b, out, o);
    }

    public static int maxD(int m, long a, long b, long[] out, int o) {
        if (plainD(a) && plainD(b)) {
            out[o] = Double.longBitsToDouble(a) > Double.longBitsToDouble(b) ? a : b;
            return 0;
        }
        return SoftFloat.minMax(m, true, true, a, b, out, o);
    }

    public static int minS(int m, long a, long b, long[] out, int o) {
        return SoftFloat.minMax(m, false, false, a, b, out, o);
    }

    public static int maxS(int m, long a, long b, long[] out, int o) {
        return SoftFloat.minMax(m, false, true, a, b, out, o);
    }

    // ---- comparison

    /**
     * Predicates 0 to 3 of CMPccPS and friends, by relation (bit 0 less, 1 equal, 2 greater, 3
     * unordered).
     */
    private static final int[] TRUE_FOR = {0b0010, 0b0001, 0b0011, 0b1000};

    /** The comparison with predicate {@code imm & 7}: all ones or all zeros. */
    public static FpOp compareD(int imm) {
        int p = imm & 7;
        return (m, a, b, out, o) -> compare(m, true, p, a, b, out, o);
    }

    /** The comparison with predicate {@code imm & 7}: 32 ones or zeros. */
    public static FpOp compareS(int imm) {
        int p = imm & 7;
        return (m, a, b, out, o) -> compare(m, false, p, a, b, out, o);
    }

    private static int compare(int m, boolean d, int p, long a, long b, long[] out, int o) {
        int relation = SoftFloat.relation(m, d, a, b);
        boolean hit = (TRUE_FOR[p & 3] >>> (relation + 1) & 1) != 0 ^ p >= 4;
        out[o] = hit ? d ? -1L : 0xFFFF_FFFFL : 0;
        boolean signalling = (p & 3) == 1 || (p & 3) == 2;
        return SoftFloat.compareFlags(m, d, signalling, a, b);
    }

    /** ZF, PF and CF of COMISD and UCOMISD; OF, SF and AF are cleared by the caller. */
    public static int comparisonFlagsD(int m, long a, long b) {
        if (plainD(a) && plainD(b)) {
            double x = Double.longBitsToDouble(a);
            double y = Double.longBitsToDouble(b);
            return x > y ? 0 : x < y ? 0x01 : 0x40;
        }
        return rflags(SoftFloat.relation(m, true, a, b));
    }

    /** ZF, PF and CF of COMISS and UCOMISS. */
    public static int comparisonFlagsS(int m, long a, long b) {
        return rflags(SoftFloat.relation(m, false, a, b));
    }

    private static int rflags(int relation) {
        return switch (relation) {
            case 2 -> 0x45;
            case 1 -> 0;
            case 0 -> 0x40;
            default -> 0x01;
        };
    }

    /** Exceptions of (U)COMISD; {@code signalling} for COMISD. */
    public static int comparisonRaisesD(int m, boolean signalling, long a, long b) {
        return plainD(a) && plainD(b) ? 0 : SoftFloat.compareFlags(m, true, signalling, a, b);
    }

    /** Exceptions of (U)COMISS; {@code signalling} for COMISS. */
    public static int comparisonRaisesS(int m, boolean signalling, long a, long b) {
        return SoftFloat.compareFlags(m, false, signalling, a, b);
    }
}
