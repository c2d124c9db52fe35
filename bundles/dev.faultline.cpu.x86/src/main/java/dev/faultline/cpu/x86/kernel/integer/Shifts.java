// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.kernel.integer;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.state.Flags;

/**
 * The meaning of shifts and rotates, as {@link Alu} has that of arithmetic. Counts are masked, and
 * at least 1: one of 0 changes no flag, which is the shape's business.
 */
public final class Shifts {
    /** CF and OF-delta bits of flagAux. */
    private static final long TOP = 0xC000_0000_0000_0000L;

    /** Left shift that brings the highest bit of an operand to bit 63. */
    private static final int BYTE = 56;

    private static final int WORD = 48;

    private Shifts() {}

    /** SHL by 1..31. OF as if each bit were a shift of its own. */
    public static long shl32(VcpuContext v, int a, int n) {
        long w = (long) a << n;
        v.flagRes = (int) w;
        v.flagAux = w << 31 & TOP;
        return w & 0xFFFF_FFFFL;
    }

    /** SHL by 1..63. */
    public static long shl64(VcpuContext v, long a, int n) {
        long w = a << n - 1;
        v.flagRes = w << 1;
        v.flagAux = w & TOP;
        return w << 1;
    }

    /** SHR by 1..31. */
    public static long shr32(VcpuContext v, int a, int n) {
        int w = a >>> n - 1;
        long result = (long) (w >>> 1); // its sign bit is clear: the same in 64 bits
        v.flagRes = result;
        v.flagAux = (long) w << 63 | (long) (w ^ w >>> 31) << 63 >>> 1;
        return result;
    }

    /** SHR by 1..63. */
    public static long shr64(VcpuContext v, long a, int n) {
        long w = a >>> n - 1;
        v.flagRes = w >>> 1;
        v.flagAux = w << 63 | (w ^ w >>> 63) << 63 >>> 1;
        return w >>> 1;
    }

    /** SAR by 1..31. */
    public static long sar32(VcpuContext v, int a, int n) {
        int w = a >> n - 1;
        v.flagRes = w >> 1;
        v.flagAux = -(long) (w & 1) & TOP;
        return w >> 1 & 0xFFFF_FFFFL;
    }

    /** SAR by 1..63. */
    public static long sar64(VcpuContext v, long a, int n) {
        long w = a >> n - 1;
        v.flagRes = w >> 1;
        v.flagAux = -(w & 1) & TOP;
        return w >> 1;
    }

    /** SHL by 1..31. */
    public static long shl8(VcpuContext v, int a, int n) {
        return shlSmall(v, a, n, BYTE);
    }

    /** SHL by 1..31. */
    public static long shl16(VcpuContext v, int a, int n) {
        return shlSmall(v, a, n, WORD);
    }

    /** SHR by 1..31. */
    public static long shr8(VcpuContext v, int a, int n) {
        return shrSmall(v, a, n, BYTE);
    }

    /** SHR by 1..31. */
    public static long shr16(VcpuContext v, int a, int n) {
        return shrSmall(v, a, n, WORD);
    }

    /** SAR by 1..31. */
    public static long sar8(VcpuContext v, int a, int n) {
        return sarSmall(v, a, n, BYTE);
    }

    /** SAR by 1..31. */
    public static long sar16(VcpuContext v, int a, int n) {
        return sarSmall(v, a, n, WORD);
    }

    private static long shlSmall(VcpuContext v, long a, int n, int shift) {
        long last = a << n - 1;
        long r = last << 1;
        boolean cf = last << shift < 0;
        Flags.result(v, r << shift >> shift, cf, r << shift < 0 != cf);
        return r << shift >>> shift;
    }

    private static long shrSmall(VcpuContext v, long a, int n, int shift) {
        long last = (a << shift >>> shift) >>> n - 1;
        long r = last >>> 1;
        // Above a shift by 1 the highest bit of what is left is clear, and so is OF.
        Flags.result(v, r << shift >> shift, (last & 1) != 0, last << shift < 0);
        return r;
    }

    private static long sarSmall(VcpuContext v, long a, int n, int shift) {
        long last = a << shift >> shift >> n - 1;
        long r = last >> 1;
        Flags.result(v, r << shift >> shift, (last & 1) != 0, false);
        return r << shift >>> shift;
    }

    public static long rol8(VcpuContext v, int a, int n) {
        int k = n & 7;
        int x = a & 0xFF;
        int r = (x << k | x >>> 8 - k) & 0xFF;
        Flags.setCarryOverflow(v, (r & 1) != 0, (r & 1) != r >>> 7);
        return r;
    }

    public static long rol16(VcpuContext v, int a, int n) {
        int k = n & 15;
        int x = a & 0xFFFF;
        int r = (x << k | x >>> 16 - k) & 0xFFFF;
        Flags.setCarryOverflow(v, (r & 1) != 0, (r & 1) != r >>> 15);
        return r;
    }

    /** ROL by 1..31. */
    public static long rol32(VcpuContext v, int a, int n) {
        int r = Integer.rotateLeft(a, n);
        Flags.setCarryOverflow(v, (r & 1) != 0, (r & 1) != r >>> 31);
        return r & 0xFFFF_FFFFL;
    }

    /** ROL by 1..63. */
    public static long rol64(VcpuContext v, long a, int n) {
        long r = Long.rotateLeft(a, n);
        Flags.setCarryOverflow(v, (r & 1) != 0, (r & 1) != r >>> 63);
        return r;
    }

    public static long ror8(VcpuContext v, int a, int n) {
        int k = n & 7;
        int x = a & 0xFF;
        int r = (x >>> k | x << 8 - k) & 0xFF;
        Flags.setCarryOverflow(v, r >>> 7 != 0, (r >>> 6 & 1) != r >>> 7);
        return r;
    }

    public static long ror16(VcpuContext v, int a, int n) {
        int k = n & 15;
        int x = a & 0xFFFF;
        int r = (x >>> k | x << 16 - k) & 0xFFFF;
        Flags.setCarryOverflow(v, r >>> 15 != 0, (r >>> 14 & 1) != r >>> 15);
        return r;
    }

    /** ROR by 1..31. */
    public static long ror32(VcpuContext v, int a, int n) {
        int r = Integer.rotateRight(a, n);
        Flags.setCarryOverflow(v, r < 0, (r ^ r << 1) < 0);
        return r & 0xFFFF_FFFFL;
    }

    /** ROR by 1..63. */
    public static long ror64(VcpuContext v, long a, int n) {
        long r = Long.rotateRight(a, n);
        Flags.setCarryOverflow(v, r < 0, (r ^ r << 1) < 0);
        return r;
    }

    public static long rcl8(VcpuContext v, int a, int n) {
        return rcl(v, a & 0xFF, n, 8);
    }

    public static long rcl16(VcpuContext v, int a, int n) {
        return rcl(v, a & 0xFFFF, n, 16);
    }

    public static long rcl32(VcpuContext v, int a, int n) {
        return rcl(v, a & 0xFFFF_FFFFL, n, 32);
    }

    public static long rcl64(VcpuContext v, long a, int n) {
        return rcl(v, a, n, 64);
    }

    public static long rcr8(VcpuContext v, int a, int n) {
        return rcr(v, a & 0xFF, n, 8);
    }

    public static long rcr16(VcpuContext v, int a, int n) {
        return rcr(v, a & 0xFFFF, n, 16);
    }

    public static long rcr32(VcpuContext v, int a, int n) {
        return rcr(v, a & 0xFFFF_FFFFL, n, 32);
    }

    public static long rcr64(VcpuContext v, long a, int n) {
        return rcr(v, a, n, 64);
    }

    /** Of an operand and CF together; x is zero-extended. */
    private static long rcl(VcpuContext v, long x, int count, int bits) {
        int n = count % (bits + 1);
        if (n == 0) {
            return x;
        }
        long carry = v.flagAux >>> 63;
        long r = x << n - 1 << 1 | carry << n - 1;
        if (n > 1) {
            r |= x >>> bits + 1 - n;
        }
        boolean cf = (x >>> bits - n & 1) != 0;
        Flags.setCarryOverflow(v, cf, r << 64 - bits < 0 != cf);
        return r << 64 - bits >>> 64 - bits;
    }

    private static long rcr(VcpuContext v, long x, int count, int bits) {
        int n = count % (bits + 1);
        if (n == 0) {
            return x;
        }
        long carry = v.flagAux >>> 63;
        long r = x >>> n - 1 >>> 1 | carry << bits - n;
        if (n > 1) {
            r |= x << bits + 1 - n;
        }
        boolean cf = (x >>> n - 1 & 1) != 0;
        Flags.setCarryOverflow(v, cf, (r ^ r << 1) << 64 - bits < 0);
        return r << 64 - bits >>> 64 - bits;
    }

    /** By more than 16 (undefined) it goes on into itself, as on Intel's processors. */
    public static long shld16(VcpuContext v, int a, int b, int n) {
        long x = a & 0xFFFFL;
        long wide = (x << 32 | (b & 0xFFFFL) << 16 | x) << n;
        return shifted(v, x, wide >>> 32 & 0xFFFF, (wide >>> 48 & 1) != 0, WORD);
    }

    /** SHLD by 1..31. */
    public static long shld32(VcpuContext v, int a, int b, int n) {
        int r = a << n | b >>> 32 - n;
        return shifted(v, a, r & 0xFFFF_FFFFL, (a >>> 32 - n & 1) != 0, 32);
    }

    /** SHLD by 1..63. */
    public static long shld64(VcpuContext v, long a, long b, int n) {
        return shifted(v, a, a << n | b >>> 64 - n, (a >>> 64 - n & 1) != 0, 0);
    }

    /** As {@link #shld16}. */
    public static long shrd16(VcpuContext v, int a, int b, int n) {
        long x = a & 0xFFFFL;
        long wide = x << 32 | (b & 0xFFFFL) << 16 | x;
        return shifted(v, x, wide >>> n & 0xFFFF, (wide >>> n - 1 & 1) != 0, WORD);
    }

    /** SHRD by 1..31. */
    public static long shrd32(VcpuContext v, int a, int b, int n) {
        int r = a >>> n | b << 32 - n;
        return shifted(v, a, r & 0xFFFF_FFFFL, (a >>> n - 1 & 1) != 0, 32);
    }

    /** SHRD by 1..63. */
    public static long shrd64(VcpuContext v, long a, long b, int n) {
        return shifted(v, a, a >>> n | b << 64 - n, (a >>> n - 1 & 1) != 0, 0);
    }

    /** Flags of a double shift: OF says that the sign changed. */
    private static long shifted(VcpuContext v, long x, long r, boolean cf, int shift) {
        Flags.result(v, r << shift >> shift, cf, (x ^ r) << shift < 0);
        return r;
    }
}
