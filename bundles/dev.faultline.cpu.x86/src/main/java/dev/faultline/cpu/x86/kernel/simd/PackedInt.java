// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.kernel.simd;

/**
 * Packed-integer operations on one quadword: the whole of an MMX operation, or one half of an SSE
 * one. Methods named after a mnemonic are kernels of the shapes {@code lanes} and {@code lanes-by}:
 * the destination comes first. Pure; any thread.
 */
public final class PackedInt {
    static final long HIGH8 = 0x8080_8080_8080_8080L;
    private static final long HIGH16 = 0x8000_8000_8000_8000L;
    private static final long HIGH32 = 0x8000_0000_8000_0000L;
    static final long LOW32 = 0xFFFF_FFFFL;

    private PackedInt() {}

    static int sb(long v, int i) {
        return (byte) (v >>> 8 * i);
    }

    private static int ub(long v, int i) {
        return (int) (v >>> 8 * i) & 0xFF;
    }

    static int sw(long v, int i) {
        return (short) (v >>> 16 * i);
    }

    static int uw(long v, int i) {
        return (int) (v >>> 16 * i) & 0xFFFF;
    }

    static long pb(int v, int i) {
        return (v & 0xFFL) << 8 * i;
    }

    static long pw(int v, int i) {
        return (v & 0xFFFFL) << 16 * i;
    }

    private static long pd(int lo, int hi) {
        return lo & LOW32 | (long) hi << 32;
    }

    static int clamp(int v, int min, int max) {
        return Math.max(min, Math.min(max, v));
    }

    // ---- logic

    public static long pand(long a, long b) {
        return a & b;
    }

    public static long pandn(long a, long b) {
        return ~a & b;
    }

    public static long por(long a, long b) {
        return a | b;
    }

    public static long pxor(long a, long b) {
        return a ^ b;
    }

    // ---- wrapping add, subtract

    private static long add(long a, long b, long high) {
        return (a & ~high) + (b & ~high) ^ (a ^ b) & high;
    }

    private static long sub(long a, long b, long high) {
        return (a | high) - (b & ~high) ^ (a ^ ~b) & high;
    }

    public static long paddb(long a, long b) {
        return add(a, b, HIGH8);
    }

    public static long paddw(long a, long b) {
        return add(a, b, HIGH16);
    }

    public static long paddd(long a, long b) {
        return add(a, b, HIGH32);
    }

    public static long paddq(long a, long b) {
        return a + b;
    }

    public static long psubb(long a, long b) {
        return sub(a, b, HIGH8);
    }

    public static long psubw(long a, long b) {
        return sub(a, b, HIGH16);
    }

    public static long psubd(long a, long b) {
        return sub(a, b, HIGH32);
    }

    public static long psubq(long a, long b) {
        return a - b;
    }

    // ---- saturating add, subtract

    public static long paddsb(long a, long b) {
        long r = 0;
        for (int i = 0; i < 8; i++) {
            r |= pb(clamp(sb(a, i) + sb(b, i), -128, 127), i);
        }
        return r;
    }

    public static long paddsw(long a, long b) {
        long r = 0;
        for (int i = 0; i < 4; i++) {
            r |= pw(clamp(sw(a, i) + sw(b, i), -32768, 32767), i);
        }
        return r;
    }

    public static long paddusb(long a, long b) {
        // The carry out of each byte becomes a byte of ones.
        long carry = (a & b | (a | b) & ~paddb(a, b)) & HIGH8;
        return paddb(a, b) | (carry >>> 7) * 0xFF;
    }

    public static long paddusw(long a, long b) {
        long carry = (a & b | (a | b) & ~paddw(a, b)) & HIGH16;
        return paddw(a, b) | (carry >>> 15) * 0xFFFF;
    }

    public static long psubsb(long a, long b) {
        long r = 0;
        for (int i = 0; i < 8; i++) {
            r |= pb(clamp(sb(a, i) - sb(b, i), -128, 127), i);
        }
        return r;
    }

    public static long psubsw(long a, long b) {
        long r = 0;
        for (int i = 0; i < 4; i++) {
            r |= pw(clamp(sw(a, i) - sw(b, i), -32768, 32767), i);
        }
        return r;
    }

    /** High bit of each element where a borrow leaves it. */
    private static long borrow(long a, long b, long difference, long high) {
        return (~a & b | (~a | b) & difference) & high;
    }

    public static long psubusb(long a, long b) {
        long d = psubb(a, b);
        return d & ~((borrow(a, b, d, HIGH8) >>> 7) * 0xFF);
    }

    public static long psubusw(long a, long b) {
        long d = psubw(a, b);
        return d & ~((borrow(a, b, d, HIGH16) >>> 15) * 0xFFFF);
    }

    // ---- comparison, minimum, maximum

    public static long pcmpeqb(long a, long b) {
        long x = a ^ b;
        long zero = ~((x & ~HIGH8) + ~HIGH8 | x) & HIGH8;
        return (zero >>> 7) * 0xFF;
    }

    public static long pcmpeqw(long a, long b) {
        long x = a ^ b;
        long zero = ~((x & ~HIGH16) + ~HIGH16 | x) & HIGH16;
        return (zero >>> 15) * 0xFFFF;
    }

    public static long pcmpeqd(long a, long b) {
        return ((int) a == (int) b ? LOW32 : 0) | (a >>> 32 == b >>> 32 ? LOW32 << 32 : 0);
    }

    public static long pcmpeqq(long a, long b) {
        return a == b ? -1 : 0;
    }

    /** Bytes of ones where a is greater, unsigned. */
    private static long aboveB(long a, long b) {
        return (borrow(b, a, psubb(b, a), HIGH8) >>> 7) * 0xFF;
    }

    private static long aboveW(long a, long b) {
        return (borrow(b, a, psubw(b, a), HIGH16) >>> 15) * 0xFFFF;
    }

    public static long pcmpgtb(long a, long b) {
        return aboveB(a ^ HIGH8, b ^ HIGH8);
    }

    public static long pcmpgtw(long a, long b) {
        return aboveW(a ^ HIGH16, b ^ HIGH16);
    }

    public static long pcmpgtd(long a, long b) {
        return ((int) a > (int) b ? LOW32 : 0) | (a >> 32 > b >> 32 ? LOW32 << 32 : 0);
    }

    public static long pcmpgtq(long a, long b) {
        return a > b ? -1 : 0;
    }

    private static long select(long mask, long ifSet, long ifClear) {
        return ifSet & mask | ifClear & ~mask;
    }

    public static long pminub(long a, long b) {
        return select(aboveB(a, b), b, a);
    }

    public static long pmaxub(long a, long b) {
        return select(aboveB(a, b), a, b);
    }

    public static long pminsb(long a, long b) {
        return select(pcmpgtb(a, b), b, a);
    }

    public static long pmaxsb(long a, long b) {
        return select(pcmpgtb(a, b), a, b);
    }

    public static long pminuw(long a, long b) {
        return select(aboveW(a, b), b, a);
    }

    public static long pmaxuw(long a, long b) {
        return select(aboveW(a, b), a, b);
    }

    public static long pminsw(long a, long b) {
        return select(pcmpgtw(a, b), b, a);
    }

    public static long pmaxsw(long a, long b) {
        return select(pcmpgtw(a, b), a, b);
    }

    public static long pminsd(long a, long b) {
        return select(pcmpgtd(a, b), b, a);
    }

    public static long pmaxsd(long a, long b) {
        return select(pcmpgtd(a, b), a, b);
    }

    public static long pminud(long a, long b) {
        return select(pcmpgtd(a ^ HIGH32, b ^ HIGH32), b, a);
    }

    public static long pmaxud(long a, long b) {
        return select(pcmpgtd(a ^ HIGH32, b ^ HIGH32), a, b);
    }

    // ---- multiplication

    public static long pmullw(long a, long b) {
        long r = 0;
        for (int i = 0; i < 4; i++) {
            r |= pw(sw(a, i) * sw(b, i), i);
        }
        return r;
    }

    public static long pmulhw(long a, long b) {
        long r = 0;
        for (int i = 0; i < 4; i++) {
            r |= pw(sw(a, i) * sw(b, i) >> 16, i);
        }
        return r;
    }

    public static long pmulhuw(long a, long b) {
        long r = 0;
        for (int i = 0; i < 4; i++) {
            r |= pw(uw(a, i) * uw(b, i) >>> 16, i);
        }
        return r;
    }

    public static long pmulhrsw(long a, long b) {
        long r = 0;
        for (int i = 0; i < 4; i++) {
            r |= pw((sw(a, i) * sw(b, i) >> 14) + 1 >> 1, i);
        }
        return r;
    }

    public static long pmulld(long a, long b) {
        return pd((int) a * (int) b, (int) (a >>> 32) * (int) (b >>> 32));
    }

    public static long pmuludq(long a, long b) {
        return (a & LOW32) * (b & LOW32);
    }

    public static long pmuldq(long a, long b) {
        return (long) (int) a * (int) b;
    }

    public static long pmaddwd(long a, long b) {
        return pd(
                sw(a, 0) * sw(b, 0) + sw(a, 1) * sw(b, 1),
                sw(a, 2) * sw(b, 2) + sw(a, 3) * sw(b, 3));
    }

    /** Unsigned bytes of a by signed bytes of b. */
    public static long pmaddubsw(long a, long b) {
        long r = 0;
        for (int i = 0; i < 4; i++) {
            int s = ub(a, 2 * i) * sb(b, 2 * i) + ub(a, 2 * i + 1) * sb(b, 2 * i + 1);
            r |= pw(clamp(s, -32768, 32767), i);
        }
        return r;
    }

    // ---- average, difference, sign

    public static long pavgb(long a, long b) {
        return (a | b) - ((a ^ b) >>> 1 & ~HIGH8);
    }

    public static long pavgw(long a, long b) {
        return (a | b) - ((a ^ b) >>> 1 & ~HIGH16);
    }

    public static long psadbw(long a, long b) {
        int s = 0;
        for (int i = 0; i < 8; i++) {
            s += Math.abs(ub(a, i) - ub(b, i));
        }
        return s;
    }

    public static long psignb(long a, long b) {
        long r = 0;
        for (int i = 0; i < 8; i++) {
            r |= pb(sb(a, i) * Integer.signum(sb(b, i)), i);
        }
        return r;
    }

    public static long psignw(long a, long b) {
        long r = 0;
        for (int i = 0; i < 4; i++) {
            r |= pw(sw(a, i) * Integer.signum(sw(b, i)), i);
        }
        return r;
    }

    public static long psignd(long a, long b) {
        return pd(
                (int) a * Integer.signum((int) b),
                (int) (a >>> 32) * Integer.signum((int) (b >>> 32)));
    }

    public static long pabsb(long a, long b) {
        long negative = ((b & HIGH8) >>> 7) * 0xFF;
        return psubb(b ^ negative, negative);
    }

    public static long pabsw(long a, long b) {
        long negative = ((b & HIGH16) >>> 15) * 0xFFFF;
        return psubw(b ^ negative, negative);
    }

    public static long pabsd(long a, long b) {
        return pd(Math.abs((int) b), Math.abs((int) (b >> 32)));
    }

    // ---- shifts; the count is all of
    // b, unsigned

    private static boolean beyond(long count, int width) {
        return Long.compareUnsigned(count, width) >= 0;
    }

    public static long psllw(long a, long b) {
        return beyond(b, 16) ? 0 : a << b & (0xFFFFL << b & 0xFFFF) * 0x0001_0001_0001_0001L;
    }

    public static long pslld(long a, long b) {
        return beyond(b, 32) ? 0 : a << b & (LOW32 << b & LOW32) * 0x0000_0001_0000_0001L;
    }

    public static long psllq(long a, long b) {
        return beyond(b, 64) ? 0 : a << b;
    }

    public static long psrlw(long a, long b) {
        return beyond(b, 16) ? 0 : a >>> b & (0xFFFFL >>> b) * 0x0001_0001_0001_0001L;
    }

    public static long psrld(long a, long b) {
        return beyond(b, 32) ? 0 : a >>> b & (LOW32 >>> b) * 0x0000_0001_0000_0001L;
    }

    public static long psrlq(long a, long b) {
        return beyond(b, 64) ? 0 : a >>> b;
    }

    public static long psraw(long a, long b) {
        int n = beyond(b, 16) ? 15 : (int) b;
        return pw(sw(a, 0) >> n, 0)
                | pw(sw(a, 1) >> n, 1)
                | pw(sw(a, 2) >> n, 2)
                | pw(sw(a, 3) >> n, 3);
    }

    public static long psrad(long a, long b) {
        int n = beyond(b, 32) ? 31 : (int) b;
        return pd((int) a >> n, (int) (a >> 32) >> n);
    }
}
