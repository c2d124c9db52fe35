// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.kernel.simd;

import static dev.faultline.cpu.x86.kernel.simd.Mxcsr.PE;

/**
 * Conversions between binary32, binary64 and signed integers, and rounding to integral values. Each
 * is a unary {@link FpOp}: the operand is {@code b}. 32-bit results are zero-extended.
 */
public final class FpConvert {
    private FpConvert() {}

    /** Binary32 to binary64 (CVTSS2SD, CVTPS2PD). */
    public static int floatToDouble(int m, long a, long b, long[] out, int o) {
        int e = (int) b >>> 23 & 0xFF;
        if (e != 0 && e != 0xFF) {
            out[o] = Double.doubleToRawLongBits(Float.intBitsToFloat((int) b));
            return 0;
        }
        return SoftFloat.widen(m, b, out, o);
    }

    /** Binary64 to binary32 (CVTSD2SS, CVTPD2PS). */
    public static int doubleToFloat(int m, long a, long b, long[] out, int o) {
        int e = (int) (b >>> 52) & 0x7FF;
        // The binades whose rounded value is a normal binary32 whatever happens.
        if (Mxcsr.rc(m) == Mxcsr.RC_NEAREST && e > 1023 - 126 && e < 1023 + 127) {
            double v = Double.longBitsToDouble(b);
            float r = (float) v;
            out[o] = Float.floatToRawIntBits(r) & 0xFFFF_FFFFL;
            return r == v ? 0 : PE;
        }
        return SoftFloat.narrow(m, b, out, o);
    }

    public static int int32ToDouble(int m, long a, long b, long[] out, int o) {
        out[o] = Double.doubleToRawLongBits((int) b);
        return 0;
    }

    public static int int64ToDouble(int m, long a, long b, long[] out, int o) {
        if (b == (b << 10) >> 10) {
            out[o] = Double.doubleToRawLongBits(b);
            return 0;
        }
        return SoftFloat.fromInt(m, true, b, out, o);
    }

    public static int int32ToFloat(int m, long a, long b, long[] out, int o) {
        return int64ToFloat(m, a, (int) b, out, o);
    }

    public static int int64ToFloat(int m, long a, long b, long[] out, int o) {
        if (b == (b << 39) >> 39) {
            out[o] = Float.floatToRawIntBits(b) & 0xFFFF_FFFFL;
            return 0;
        }
        return SoftFloat.fromInt(m, false, b, out, o);
    }

    /** CVTSD2SI, CVTPD2DQ and CVTPD2PI: in MXCSR's rounding mode. */
    public static int doubleToInt32(int m, long a, long b, long[] out, int o) {
        return SoftFloat.toInt(m, true, false, Mxcsr.rc(m), b, out, o);
    }

    public static int doubleToInt64(int m, long a, long b, long[] out, int o) {
        return SoftFloat.toInt(m, true, true, Mxcsr.rc(m), b, out, o);
    }

    public static int floatToInt32(int m, long a, long b, long[] out, int o) {
        return SoftFloat.toInt(m, false, false, Mxcsr.rc(m), b, out, o);
    }

    public static int floatToInt64(int m, long a, long b, long[] out, int o) {
        return SoftFloat.toInt(m, false, true, Mxcsr.rc(m), b, out, o);
    }

    /** CVTTSD2SI, CVTTPD2DQ and CVTTPD2PI: towards zero. */
    public static int truncateDoubleToInt32(int m, long a, long b, long[] out, int o) {
        int e = (int) (b >>> 52) & 0x7FF;
        if (e != 0 && e < 1023 + 31) {
            double v = Double.longBitsToDouble(b);
            int r = (int) v;
            out[o] = r & 0xFFFF_FFFFL;
            return r == v ? 0 : PE;
        }
        return SoftFloat.toInt(m, true, false, Mxcsr.RC_ZERO, b, out, o);
    }

    public static int truncateDoubleToInt64(int m, long a, long b, long[] out, int o) {
        int e = (int) (b >>> 52) & 0x7FF;
        if (e != 0 && e < 1023 + 63) {
            double v = Double.longBitsToDouble(b);
            long r = (long) v;
            out[o] = r;
            return r == v ? 0 : PE;
        }
        return SoftFloat.toInt(m, true, true, Mxcsr.RC_ZERO, b, out, o);
    }

    public static int truncateFloatToInt32(int m, long a, long b, long[] out, int o) {
        return SoftFloat.toInt(m, false, false, Mxcsr.RC_ZERO, b, out, o);
    }

    public static int truncateFloatToInt64(int m, long a, long b, long[] out, int o) {
        return SoftFloat.toInt(m, false, true, Mxcsr.RC_ZERO, b, out, o);
    }

    /**
     * ROUNDSD and ROUNDPD with this immediate (bit 3 suppresses PE, bit 2 takes MXCSR's mode, bits
     * 1:0 the mode).
     */
    public static FpOp roundD(int imm) {
        return (m, a, b, out, o) -> round(m, true, imm, b, out, o);
    }

    /** ROUNDSS and ROUNDPS with this immediate. */
    public static FpOp roundS(int imm) {
        return (m, a, b, out, o) -> round(m, false, imm, b, out, o);
    }

    private static int round(int m, boolean d, int imm, long b, long[] out, int o) {
        int rc = (imm & 4) != 0 ? Mxcsr.rc(m) : imm & 3;
        int raised = SoftFloat.roundToIntegral(m, d, rc, b, out, o);
        return (imm & 8) != 0 ? raised & ~PE : raised;
    }
}
