// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86;

import dev.faultline.api.engine.VcpuContext;

/**
 * Arithmetic that sets the status flags, in the two lazy words that {@link VcpuContext#flagRes}
 * describes. Operands of sizes below 64 bits may have anything above their size; results come back
 * truncated (zero-extended).
 */
public final class Flags {
    /** CF and OF-delta bits of flagAux. */
    private static final long TOP = 0xC000_0000_0000_0000L;

    private Flags() {}

    public static long add64(VcpuContext v, long a, long b) {
        long r = a + b;
        long carry = a & b | (a | b) & ~r;
        v.flagRes = r;
        v.flagAux = carry & (TOP | 8);
        return r;
    }

    public static long adc64(VcpuContext v, long a, long b) {
        long r = a + b + (v.flagAux >>> 63);
        long carry = a & b | (a | b) & ~r;
        v.flagRes = r;
        v.flagAux = carry & (TOP | 8);
        return r;
    }

    public static long sub64(VcpuContext v, long a, long b) {
        long r = a - b;
        long borrow = ~a & b | (~a | b) & r;
        v.flagRes = r;
        v.flagAux = borrow & (TOP | 8);
        return r;
    }

    public static long sbb64(VcpuContext v, long a, long b) {
        long r = a - b - (v.flagAux >>> 63);
        long borrow = ~a & b | (~a | b) & r;
        v.flagRes = r;
        v.flagAux = borrow & (TOP | 8);
        return r;
    }

    public static long and64(VcpuContext v, long a, long b) {
        long r = a & b;
        v.flagRes = r;
        v.flagAux = 0;
        return r;
    }

    public static long or64(VcpuContext v, long a, long b) {
        long r = a | b;
        v.flagRes = r;
        v.flagAux = 0;
        return r;
    }

    public static long xor64(VcpuContext v, long a, long b) {
        long r = a ^ b;
        v.flagRes = r;
        v.flagAux = 0;
        return r;
    }

    public static long and32(VcpuContext v, int a, int b) {
        int r = a & b;
        v.flagRes = r;
        v.flagAux = 0;
        return r & 0xFFFF_FFFFL;
    }

    public static long or32(VcpuContext v, int a, int b) {
        int r = a | b;
        v.flagRes = r;
        v.flagAux = 0;
        return r & 0xFFFF_FFFFL;
    }

    public static long xor32(VcpuContext v, int a, int b) {
        int r = a ^ b;
        v.flagRes = r;
        v.flagAux = 0;
        return r & 0xFFFF_FFFFL;
    }

    /**
     * AND, OR, XOR, TEST of 8 or 16 bits ({@code shift} 56 or 48).
     *
     * @return the result zero-extended
     */
    public static long logicSmall(VcpuContext v, long r, int shift) {
        v.flagRes = r << shift >> shift;
        v.flagAux = 0;
        return r << shift >>> shift;
    }

    public static long add32(VcpuContext v, int a, int b) {
        int r = a + b;
        int carry = a & b | (a | b) & ~r;
        v.flagRes = r;
        v.flagAux = (long) carry << 32 & TOP | carry & 8;
        return r & 0xFFFF_FFFFL;
    }

    public static long adc32(VcpuContext v, int a, int b) {
        int r = a + b + (int) (v.flagAux >>> 63);
        int carry = a & b | (a | b) & ~r;
        v.flagRes = r;
        v.flagAux = (long) carry << 32 & TOP | carry & 8;
        return r & 0xFFFF_FFFFL;
    }

    public static long sub32(VcpuContext v, int a, int b) {
        int r = a - b;
        int borrow = ~a & b | (~a | b) & r;
        v.flagRes = r;
        v.flagAux = (long) borrow << 32 & TOP | borrow & 8;
        return r & 0xFFFF_FFFFL;
    }

    public static long sbb32(VcpuContext v, int a, int b) {
        int r = a - b - (int) (v.flagAux >>> 63);
        int borrow = ~a & b | (~a | b) & r;
        v.flagRes = r;
        v.flagAux = (long) borrow << 32 & TOP | borrow & 8;
        return r & 0xFFFF_FFFFL;
    }

    /**
     * 8 or 16 bits: {@code shift} is 56 or 48.
     *
     * @return the result zero-extended
     */
    public static long addSmall(VcpuContext v, long a, long b, long carryIn, int shift) {
        long r = a + b + carryIn;
        long carry = a & b | (a | b) & ~r;
        v.flagRes = r << shift >> shift;
        v.flagAux = carry << shift & TOP | carry & 8;
        return r << shift >>> shift;
    }

    /**
     * 8 or 16 bits: {@code shift} is 56 or 48.
     *
     * @return the result zero-extended
     */
    public static long subSmall(VcpuContext v, long a, long b, long borrowIn, int shift) {
        long r = a - b - borrowIn;
        long borrow = ~a & b | (~a | b) & r;
        v.flagRes = r << shift >> shift;
        v.flagAux = borrow << shift & TOP | borrow & 8;
        return r << shift >>> shift;
    }

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

    /** After an add or sub, puts back the CF that was there before (INC, DEC), keeping OF. */
    public static void keepCarry(VcpuContext v, long oldAux) {
        long aux = v.flagAux;
        long overflow = (aux ^ aux << 1) & 1L << 63;
        long cf = oldAux & 1L << 63;
        v.flagAux = aux & 8 | cf | (cf ^ overflow) >>> 1;
    }

    /** Result flags from {@code r} (sign-extended), with the given CF and OF; AF becomes 0. */
    public static void result(VcpuContext v, long r, boolean cf, boolean of) {
        v.flagRes = r;
        v.flagAux = (cf ? 1L << 63 : 0) | (cf != of ? 1L << 62 : 0);
    }

    /** Changes only CF. */
    public static void setCarry(VcpuContext v, boolean cf) {
        long aux = v.flagAux;
        if (aux < 0 != cf) {
            v.flagAux = aux ^ TOP;
        }
    }

    /** Changes only OF. */
    public static void setOverflow(VcpuContext v, boolean of) {
        if (of(v) != of) {
            v.flagAux ^= 1L << 62;
        }
    }

    /** Changes only CF and OF (rotates). */
    public static void setCarryOverflow(VcpuContext v, boolean cf, boolean of) {
        v.flagAux = v.flagAux & ~TOP | (cf ? 1L << 63 : 0) | (cf != of ? 1L << 62 : 0);
    }

    /** SF != OF: the "less" of signed comparisons. */
    public static boolean less(VcpuContext v) {
        long aux = v.flagAux;
        return (v.flagRes ^ aux << 63 ^ aux ^ aux << 1) < 0;
    }

    public static boolean cf(VcpuContext v) {
        return v.flagAux < 0;
    }

    public static boolean zf(VcpuContext v) {
        return v.flagRes == 0;
    }

    public static boolean sf(VcpuContext v) {
        return (v.flagRes ^ v.flagAux << 63) < 0;
    }

    public static boolean of(VcpuContext v) {
        return (v.flagAux ^ v.flagAux << 1) < 0;
    }

    public static boolean pf(VcpuContext v) {
        return (Long.bitCount((v.flagRes ^ v.flagAux >>> 8) & 0xFF) & 1) == 0;
    }
}
