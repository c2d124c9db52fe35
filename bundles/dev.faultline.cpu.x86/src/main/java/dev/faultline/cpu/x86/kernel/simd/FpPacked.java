// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.kernel.simd;

/**
 * Runs an {@link FpOp} over the elements of 128-bit operands. The destination is {@code x[d]} (low)
 * and {@code x[d + 1]} (high); it is also the first source. Returns the exceptions of all elements;
 * when one of them is unmasked the caller restores the destination. Allocation-free; any thread.
 */
public final class FpPacked {
    private FpPacked() {}

    /** Four binary32 elements. */
    public static int ps(FpOp op, int m, long[] x, int d, long slo, long shi) {
        long alo = x[d];
        long ahi = x[d + 1];
        int raised = op.apply(m, alo, slo, x, d);
        long r0 = x[d];
        raised |= op.apply(m, alo >>> 32, slo >>> 32, x, d);
        long lo = r0 | x[d] << 32;
        raised |= op.apply(m, ahi, shi, x, d);
        r0 = x[d];
        raised |= op.apply(m, ahi >>> 32, shi >>> 32, x, d);
        x[d + 1] = r0 | x[d] << 32;
        x[d] = lo;
        return raised;
    }

    /** Two binary64 elements. */
    public static int pd(FpOp op, int m, long[] x, int d, long slo, long shi) {
        return op.apply(m, x[d], slo, x, d) | op.apply(m, x[d + 1], shi, x, d + 1);
    }

    /** ADDSUBPS: subtracts in even elements, adds in odd ones. */
    public static int addSubPs(int m, long[] x, int d, long slo, long shi) {
        long alo = x[d];
        long ahi = x[d + 1];
        int raised = FpArith.subS(m, alo, slo, x, d);
        long r0 = x[d];
        raised |= FpArith.addS(m, alo >>> 32, slo >>> 32, x, d);
        long lo = r0 | x[d] << 32;
        raised |= FpArith.subS(m, ahi, shi, x, d);
        r0 = x[d];
        raised |= FpArith.addS(m, ahi >>> 32, shi >>> 32, x, d);
        x[d + 1] = r0 | x[d] << 32;
        x[d] = lo;
        return raised;
    }

    /** ADDSUBPD. */
    public static int addSubPd(int m, long[] x, int d, long slo, long shi) {
        return FpArith.subD(m, x[d], slo, x, d) | FpArith.addD(m, x[d + 1], shi, x, d + 1);
    }

    /** HADDPS, HSUBPS: neighbours of the destination, then of the source. */
    private static int horizontalPs(FpOp op, int m, long[] x, int d, long slo, long shi) {
        long alo = x[d];
        long ahi = x[d + 1];
        int raised = op.apply(m, alo, alo >>> 32, x, d);
        long r0 = x[d];
        raised |= op.apply(m, ahi, ahi >>> 32, x, d);
        long lo = r0 | x[d] << 32;
        raised |= op.apply(m, slo, slo >>> 32, x, d);
        r0 = x[d];
        raised |= op.apply(m, shi, shi >>> 32, x, d);
        x[d + 1] = r0 | x[d] << 32;
        x[d] = lo;
        return raised;
    }

    /** HADDPD, HSUBPD. */
    private static int horizontalPd(FpOp op, int m, long[] x, int d, long slo, long shi) {
        int raised = op.apply(m, x[d], x[d + 1], x, d);
        return raised | op.apply(m, slo, shi, x, d + 1);
    }

    public static int haddps(int m, long[] x, int d, long slo, long shi) {
        return horizontalPs(FpArith::addS, m, x, d, slo, shi);
    }

    public static int hsubps(int m, long[] x, int d, long slo, long shi) {
        return horizontalPs(FpArith::subS, m, x, d, slo, shi);
    }

    public static int haddpd(int m, long[] x, int d, long slo, long shi) {
        return horizontalPd(FpArith::addD, m, x, d, slo, shi);
    }

    public static int hsubpd(int m, long[] x, int d, long slo, long shi) {
        return horizontalPd(FpArith::subD, m, x, d, slo, shi);
    }

    // ---- conversions that change the size of elements

    public static int cvtps2pd(int m, long[] x, int d, long slo, long shi) {
        return lengthen(FpConvert::floatToDouble, m, x, d, slo);
    }

    public static int cvtdq2pd(int m, long[] x, int d, long slo, long shi) {
        return lengthen(FpConvert::int32ToDouble, m, x, d, slo);
    }

    public static int cvtpd2ps(int m, long[] x, int d, long slo, long shi) {
        return shorten(FpConvert::doubleToFloat, m, x, d, slo, shi);
    }

    public static int cvtpd2dq(int m, long[] x, int d, long slo, long shi) {
        return shorten(FpConvert::doubleToInt32, m, x, d, slo, shi);
    }

    public static int cvttpd2dq(int m, long[] x, int d, long slo, long shi) {
        return shorten(FpConvert::truncateDoubleToInt32, m, x, d, slo, shi);
    }

    /** Two 32-bit elements to two 64-bit ones. */
    private static int lengthen(FpOp op, int m, long[] x, int d, long low) {
        return op.apply(m, 0, low & 0xFFFF_FFFFL, x, d) | op.apply(m, 0, low >>> 32, x, d + 1);
    }

    /** Two 64-bit elements to two 32-bit ones, zeros above. */
    private static int shorten(FpOp op, int m, long[] x, int d, long slo, long shi) {
        int raised = op.apply(m, 0, slo, x, d);
        raised |= op.apply(m, 0, shi, x, d + 1);
        x[d] |= x[d + 1] << 32;
        x[d + 1] = 0;
        return raised;
    }

    // ---- dot products

    private static int product(int m, boolean wanted, long a, long b, long[] x, int o) {
        if (!wanted) {
            x[o] = 0;
            return 0;
        }
        return FpArith.mulS(m, a, b, x, o);
    }

    /**
     * DPPS: (p0 + p1) + (p2 + p3), each step rounded; imm 7:4 chooses the products, 3:0 where the
     * sum goes. An unmasked exception in one step keeps the next from happening; what is returned
     * has been through {@link Mxcsr#reported} step by step.
     */
    public static int dpps(int m, int imm, long[] x, int d, long slo, long shi) {
        long alo = x[d];
        long ahi = x[d + 1];
        int raised = product(m, (imm & 0x10) != 0, alo, slo, x, d);
        long p0 = x[d];
        raised |= product(m, (imm & 0x20) != 0, alo >>> 32, slo >>> 32, x, d);
        long p1 = x[d];
        raised |= product(m, (imm & 0x40) != 0, ahi, shi, x, d);
        long p2 = x[d];
        raised |= product(m, (imm & 0x80) != 0, ahi >>> 32, shi >>> 32, x, d);
        long p3 = x[d];
        raised = Mxcsr.reported(m, raised);
        if (Mxcsr.unmasked(m, raised) != 0) {
            return raised;
        }
        int step = FpArith.addS(m, p0, p1, x, d);
        long s0 = x[d];
        step |= FpArith.addS(m, p2, p3, x, d);
        long s1 = x[d];
        raised |= Mxcsr.reported(m, step);
        if (Mxcsr.unmasked(m, raised) != 0) {
            return raised;
        }
        raised |= Mxcsr.reported(m, FpArith.addS(m, s0, s1, x, d));
        long s = x[d];
        if (SoftFloat.isNan(false, s)) {
            dppsNan(m, imm, p0, p1, p2, p3, x, d);
        } else {
            x[d] = ((imm & 1) != 0 ? s : 0) | ((imm & 2) != 0 ? s << 32 : 0);
            x[d + 1] = ((imm & 4) != 0 ? s : 0) | ((imm & 8) != 0 ? s << 32 : 0);
        }
        return raised;
    }

    /**
     * Which NaN an element of DPPS gets. The SDM does not say; Intel's processors add the pairs of
     * even elements in reverse, and the two sums in reverse for the upper half.
     */
    private static void dppsNan(
            int m, int imm, long p0, long p1, long p2, long p3, long[] x, int d) {
        long even01 = sum(m, p1, p0, x, d);
        long even23 = sum(m, p3, p2, x, d);
        long odd01 = sum(m, p0, p1, x, d);
        long odd23 = sum(m, p2, p3, x, d);
        long e0 = sum(m, even01, even23, x, d);
        long e1 = sum(m, odd01, odd23, x, d);
        long e2 = sum(m, even23, even01, x, d);
        long e3 = sum(m, odd23, odd01, x, d);
        x[d] = ((imm & 1) != 0 ? e0 : 0) | ((imm & 2) != 0 ? e1 << 32 : 0);
        x[d + 1] = ((imm & 4) != 0 ? e2 : 0) | ((imm & 8) != 0 ? e3 << 32 : 0);
    }

    private static long sum(int m, long a, long b, long[] x, int o) {
        FpArith.addS(m, a, b, x, o);
        return x[o];
    }

    /** DPPD: imm 5:4 chooses the products, 1:0 where the sum goes; exceptions as in DPPS. */
    public static int dppd(int m, int imm, long[] x, int d, long slo, long shi) {
        long alo = x[d];
        long ahi = x[d + 1];
        x[d] = 0;
        int raised = (imm & 0x10) != 0 ? FpArith.mulD(m, alo, slo, x, d) : 0;
        x[d + 1] = 0;
        raised |= (imm & 0x20) != 0 ? FpArith.mulD(m, ahi, shi, x, d + 1) : 0;
        raised = Mxcsr.reported(m, raised);
        if (Mxcsr.unmasked(m, raised) != 0) {
            return raised;
        }
        long p0 = x[d];
        long p1 = x[d + 1];
        raised |= Mxcsr.reported(m, FpArith.addD(m, p0, p1, x, d));
        long s = x[d];
        // Of two NaNs, each half gets its own.
        long t = SoftFloat.isNan(true, p1) ? p1 : s;
        x[d] = (imm & 1) != 0 ? s : 0;
        x[d + 1] = (imm & 2) != 0 ? t : 0;
        return raised;
    }
}
