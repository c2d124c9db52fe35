// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.kernel.simd;

/**
 * Packed operations on 128 bits whose halves are not independent. Methods named after a mnemonic
 * are kernels of the vector shapes: the destination, and first source, is {@code x[d]} and {@code
 * x[d + 1]}; the second source comes in halves, then an immediate byte, which those without one
 * ignore. Pure but for the destination; any thread.
 */
public final class PackedWide {
    private static final long LOW32 = 0xFFFF_FFFFL;

    private PackedWide() {}

    private static void set(long[] x, int d, long lo, long hi) {
        x[d] = lo;
        x[d + 1] = hi;
    }

    // ---- pack, unpack, horizontal

    public static void packsswb(long[] x, int d, long slo, long shi, int imm) {
        set(x, d, PackedShapes.packsswb(x[d], x[d + 1]), PackedShapes.packsswb(slo, shi));
    }

    public static void packuswb(long[] x, int d, long slo, long shi, int imm) {
        set(x, d, PackedShapes.packuswb(x[d], x[d + 1]), PackedShapes.packuswb(slo, shi));
    }

    public static void packssdw(long[] x, int d, long slo, long shi, int imm) {
        set(x, d, PackedShapes.packssdw(x[d], x[d + 1]), PackedShapes.packssdw(slo, shi));
    }

    public static void packusdw(long[] x, int d, long slo, long shi, int imm) {
        set(x, d, packusdw(x[d], x[d + 1]), packusdw(slo, shi));
    }

    private static long packusdw(long a, long b) {
        return PackedShapes.packUnsignedWords(a) | PackedShapes.packUnsignedWords(b) << 32;
    }

    public static void punpcklbw(long[] x, int d, long slo, long shi, int imm) {
        set(x, d, PackedShapes.punpcklbw(x[d], slo), PackedShapes.punpckhbw(x[d], slo));
    }

    public static void punpckhbw(long[] x, int d, long slo, long shi, int imm) {
        long a = x[d + 1];
        set(x, d, PackedShapes.punpcklbw(a, shi), PackedShapes.punpckhbw(a, shi));
    }

    public static void punpcklwd(long[] x, int d, long slo, long shi, int imm) {
        set(x, d, PackedShapes.punpcklwd(x[d], slo), PackedShapes.punpckhwd(x[d], slo));
    }

    public static void punpckhwd(long[] x, int d, long slo, long shi, int imm) {
        long a = x[d + 1];
        set(x, d, PackedShapes.punpcklwd(a, shi), PackedShapes.punpckhwd(a, shi));
    }

    /** PUNPCKLDQ and UNPCKLPS. */
    public static void punpckldq(long[] x, int d, long slo, long shi, int imm) {
        set(x, d, PackedShapes.punpckldq(x[d], slo), PackedShapes.punpckhdq(x[d], slo));
    }

    /** PUNPCKHDQ and UNPCKHPS. */
    public static void punpckhdq(long[] x, int d, long slo, long shi, int imm) {
        long a = x[d + 1];
        set(x, d, PackedShapes.punpckldq(a, shi), PackedShapes.punpckhdq(a, shi));
    }

    /** PUNPCKLQDQ and UNPCKLPD. */
    public static void punpcklqdq(long[] x, int d, long slo, long shi, int imm) {
        x[d + 1] = slo;
    }

    /** PUNPCKHQDQ and UNPCKHPD. */
    public static void punpckhqdq(long[] x, int d, long slo, long shi, int imm) {
        set(x, d, x[d + 1], shi);
    }

    public static void phaddw(long[] x, int d, long slo, long shi, int imm) {
        set(x, d, PackedShapes.phaddw(x[d], x[d + 1]), PackedShapes.phaddw(slo, shi));
    }

    public static void phaddd(long[] x, int d, long slo, long shi, int imm) {
        set(x, d, PackedShapes.phaddd(x[d], x[d + 1]), PackedShapes.phaddd(slo, shi));
    }

    public static void phaddsw(long[] x, int d, long slo, long shi, int imm) {
        set(x, d, PackedShapes.phaddsw(x[d], x[d + 1]), PackedShapes.phaddsw(slo, shi));
    }

    public static void phsubw(long[] x, int d, long slo, long shi, int imm) {
        set(x, d, PackedShapes.phsubw(x[d], x[d + 1]), PackedShapes.phsubw(slo, shi));
    }

    public static void phsubd(long[] x, int d, long slo, long shi, int imm) {
        set(x, d, PackedShapes.phsubd(x[d], x[d + 1]), PackedShapes.phsubd(slo, shi));
    }

    public static void phsubsw(long[] x, int d, long slo, long shi, int imm) {
        set(x, d, PackedShapes.phsubsw(x[d], x[d + 1]), PackedShapes.phsubsw(slo, shi));
    }

    // ---- shuffles

    public static void pshufb(long[] x, int d, long slo, long shi, int imm) {
        long lo = x[d];
        long hi = x[d + 1];
        set(x, d, chooseBytes(lo, hi, slo), chooseBytes(lo, hi, shi));
    }

    private static long chooseBytes(long lo, long hi, long control) {
        long r = 0;
        for (int i = 0; i < 64; i += 8) {
            int c = (byte) (control >>> i);
            if (c >= 0) {
                r |= ((c & 8) == 0 ? lo : hi) >>> 8 * (c & 7) << 56 >>> 56 - i;
            }
        }
        return r;
    }

    private static long dword(long lo, long hi, int index) {
        return ((index & 2) == 0 ? lo : hi) >>> 32 * (index & 1) & LOW32;
    }

    public static void pshufd(long[] x, int d, long slo, long shi, int imm) {
        long lo = dword(slo, shi, imm) | dword(slo, shi, imm >>> 2) << 32;
        set(x, d, lo, dword(slo, shi, imm >>> 4) | dword(slo, shi, imm >>> 6) << 32);
    }

    public static void pshuflw(long[] x, int d, long slo, long shi, int imm) {
        set(x, d, PackedShapes.pshufw(slo, imm), shi);
    }

    public static void pshufhw(long[] x, int d, long slo, long shi, int imm) {
        set(x, d, slo, PackedShapes.pshufw(shi, imm));
    }

    public static void shufps(long[] x, int d, long slo, long shi, int imm) {
        long lo = dword(x[d], x[d + 1], imm) | dword(x[d], x[d + 1], imm >>> 2) << 32;
        set(x, d, lo, dword(slo, shi, imm >>> 4) | dword(slo, shi, imm >>> 6) << 32);
    }

    public static void shufpd(long[] x, int d, long slo, long shi, int imm) {
        set(x, d, (imm & 1) == 0 ? x[d] : x[d + 1], (imm & 2) == 0 ? slo : shi);
    }

    public static void palignr(long[] x, int d, long slo, long shi, int imm) {
        long lo = x[d];
        long hi = x[d + 1];
        switch (imm >>> 3) {
            case 0 ->
                    set(
                            x,
                            d,
                            PackedShapes.palignr(shi, slo, imm),
                            PackedShapes.palignr(lo, shi, imm));
            case 1 ->
                    set(
                            x,
                            d,
                            PackedShapes.palignr(lo, shi, imm - 8),
                            PackedShapes.palignr(hi, lo, imm - 8));
            case 2 -> set(x, d, PackedShapes.palignr(hi, lo, imm - 16), hi >>> 8 * (imm - 16));
            case 3 -> set(x, d, hi >>> 8 * (imm - 24), 0);
            default -> set(x, d, 0, 0);
        }
    }

    /** PSRLDQ of the destination by {@code imm} bytes. */
    public static void psrldq(long[] x, int d, long slo, long shi, int imm) {
        long lo = x[d];
        long hi = x[d + 1];
        if (imm >= 8) {
            set(x, d, imm >= 16 ? 0 : hi >>> 8 * (imm - 8), 0);
        } else if (imm != 0) {
            set(x, d, lo >>> 8 * imm | hi << 64 - 8 * imm, hi >>> 8 * imm);
        }
    }

    /** PSLLDQ of the destination by {@code imm} bytes. */
    public static void pslldq(long[] x, int d, long slo, long shi, int imm) {
        long lo = x[d];
        long hi = x[d + 1];
        if (imm >= 8) {
            set(x, d, 0, imm >= 16 ? 0 : lo << 8 * (imm - 8));
        } else if (imm != 0) {
            set(x, d, lo << 8 * imm, hi << 8 * imm | lo >>> 64 - 8 * imm);
        }
    }

    public static void movshdup(long[] x, int d, long slo, long shi, int imm) {
        set(x, d, slo >>> 32 | slo & ~LOW32, shi >>> 32 | shi & ~LOW32);
    }

    public static void movsldup(long[] x, int d, long slo, long shi, int imm) {
        set(x, d, slo & LOW32 | slo << 32, shi & LOW32 | shi << 32);
    }

    public static void movddup(long[] x, int d, long slo, long shi, int imm) {
        set(x, d, slo, slo);
    }

    // ---- blends

    private static long select(long mask, long ifSet, long ifClear) {
        return ifSet & mask | ifClear & ~mask;
    }

    private static long wordMask(int imm) {
        return ((imm & 1) != 0 ? 0xFFFFL : 0)
                | ((imm & 2) != 0 ? 0xFFFFL << 16 : 0)
                | ((imm & 4) != 0 ? 0xFFFFL << 32 : 0)
                | ((imm & 8) != 0 ? 0xFFFFL << 48 : 0);
    }

    private static long dwordMask(int imm) {
        return ((imm & 1) != 0 ? LOW32 : 0) | ((imm & 2) != 0 ? ~LOW32 : 0);
    }

    public static void pblendw(long[] x, int d, long slo, long shi, int imm) {
        set(x, d, select(wordMask(imm), slo, x[d]), select(wordMask(imm >>> 4), shi, x[d + 1]));
    }

    public static void blendps(long[] x, int d, long slo, long shi, int imm) {
        set(x, d, select(dwordMask(imm), slo, x[d]), select(dwordMask(imm >>> 2), shi, x[d + 1]));
    }

    public static void blendpd(long[] x, int d, long slo, long shi, int imm) {
        set(x, d, (imm & 1) != 0 ? slo : x[d], (imm & 2) != 0 ? shi : x[d + 1]);
    }

    /** PBLENDVB; the mask is XMM0, at the start of {@code x}. */
    public static void pblendvb(long[] x, int d, long slo, long shi, int imm) {
        long mlo = PackedShapes.byteMask(x[0]);
        long mhi = PackedShapes.byteMask(x[1]);
        set(x, d, select(mlo, slo, x[d]), select(mhi, shi, x[d + 1]));
    }

    private static long dwordSignMask(long v) {
        return (v & 0x8000_0000L) >>> 31 != 0 ? v < 0 ? -1L : LOW32 : v < 0 ? ~LOW32 : 0;
    }

    /** BLENDVPS; the mask is XMM0, at the start of {@code x}. */
    public static void blendvps(long[] x, int d, long slo, long shi, int imm) {
        long mlo = dwordSignMask(x[0]);
        long mhi = dwordSignMask(x[1]);
        set(x, d, select(mlo, slo, x[d]), select(mhi, shi, x[d + 1]));
    }

    /** BLENDVPD; the mask is XMM0, at the start of {@code x}. */
    public static void blendvpd(long[] x, int d, long slo, long shi, int imm) {
        long mlo = x[0] >> 63;
        long mhi = x[1] >> 63;
        set(x, d, select(mlo, slo, x[d]), select(mhi, shi, x[d + 1]));
    }

    // ---- widening moves

    private static long widen(long v, int from, int to, boolean signed) {
        long r = 0;
        for (int i = 0, at = 0; at < 64; i++, at += to) {
            long e = v << 64 - from - i * from;
            e = signed ? e >> 64 - from : e >>> 64 - from;
            r |= (to == 64 ? e : e & (1L << to) - 1) << at;
        }
        return r;
    }

    /** PMOVSX and PMOVZX from elements of {@code from} bits to elements of {@code to} bits. */
    private static void extend(long[] x, int d, long low, int from, int to, boolean signed) {
        int half = from * (64 / to); // source bits that make one half of the result
        set(x, d, widen(low, from, to, signed), widen(low >>> half, from, to, signed));
    }

    public static void pmovsxbw(long[] x, int d, long slo, long shi, int imm) {
        extend(x, d, slo, 8, 16, true);
    }

    public static void pmovsxbd(long[] x, int d, long slo, long shi, int imm) {
        extend(x, d, slo, 8, 32, true);
    }

    public static void pmovsxbq(long[] x, int d, long slo, long shi, int imm) {
        extend(x, d, slo, 8, 64, true);
    }

    public static void pmovsxwd(long[] x, int d, long slo, long shi, int imm) {
        extend(x, d, slo, 16, 32, true);
    }

    public static void pmovsxwq(long[] x, int d, long slo, long shi, int imm) {
        extend(x, d, slo, 16, 64, true);
    }

    public static void pmovsxdq(long[] x, int d, long slo, long shi, int imm) {
        extend(x, d, slo, 32, 64, true);
    }

    public static void pmovzxbw(long[] x, int d, long slo, long shi, int imm) {
        extend(x, d, slo, 8, 16, false);
    }

    public static void pmovzxbd(long[] x, int d, long slo, long shi, int imm) {
        extend(x, d, slo, 8, 32, false);
    }

    public static void pmovzxbq(long[] x, int d, long slo, long shi, int imm) {
        extend(x, d, slo, 8, 64, false);
    }

    public static void pmovzxwd(long[] x, int d, long slo, long shi, int imm) {
        extend(x, d, slo, 16, 32, false);
    }

    public static void pmovzxwq(long[] x, int d, long slo, long shi, int imm) {
        extend(x, d, slo, 16, 64, false);
    }

    public static void pmovzxdq(long[] x, int d, long slo, long shi, int imm) {
        extend(x, d, slo, 32, 64, false);
    }

    // ---- insert

    /** INSERTPS with a register source: imm 7:6 chooses the source element. */
    public static void insertps(long[] x, int d, long slo, long shi, int imm) {
        insertps(x, d, dword(slo, shi, imm >>> 6), imm);
    }

    /** INSERTPS of one element: imm 5:4 says where, 3:0 which elements become zero. */
    public static void insertps(long[] x, int d, long element, int imm) {
        int at = imm >>> 4 & 3;
        int h = d + (at >>> 1);
        int s = 32 * (at & 1);
        x[h] = x[h] & ~(LOW32 << s) | (element & LOW32) << s;
        x[d] &= ~dwordMask(imm);
        x[d + 1] &= ~dwordMask(imm >>> 2);
    }

    // ---- sums

    /** MPSADBW. */
    public static void mpsadbw(long[] x, int d, long slo, long shi, int imm) {
        long lo = x[d];
        long hi = x[d + 1];
        long window = (imm & 4) == 0 ? lo : lo >>> 32 | hi << 32;
        long next = (imm & 4) == 0 ? hi : hi >>> 32;
        long block = ((imm & 2) == 0 ? slo : shi) >>> 32 * (imm & 1) & LOW32;
        long r = 0;
        long rhi = 0;
        for (int i = 0; i < 8; i++) {
            long w = PackedShapes.palignr(next, window, i) & LOW32;
            long s = PackedInt.psadbw(w, block);
            if (i < 4) {
                r |= s << 16 * i;
            } else {
                rhi |= s << 16 * (i - 4);
            }
        }
        set(x, d, r, rhi);
    }

    /** PHMINPOSUW: the least word of the source and where it is; the rest is zero. */
    public static void phminposuw(long[] x, int d, long slo, long shi, int imm) {
        long least = 0x10000;
        int index = 0;
        for (int i = 0; i < 8; i++) {
            long w = (i < 4 ? slo : shi) >>> 16 * (i & 3) & 0xFFFF;
            if (w < least) {
                least = w;
                index = i;
            }
        }
        set(x, d, least | (long) index << 16, 0);
    }

    /** PCLMULQDQ: carry-less product of the quadwords that imm bits 0 and 4 choose. */
    public static void pclmulqdq(long[] x, int d, long slo, long shi, int imm) {
        long a = (imm & 1) == 0 ? x[d] : x[d + 1];
        long b = (imm & 0x10) == 0 ? slo : shi;
        long lo = 0;
        long hi = 0;
        for (int i = 0; i < 64; i++) {
            long m = -(b >>> i & 1);
            lo ^= a << i & m;
            hi ^= (i == 0 ? 0 : a >>> 64 - i) & m;
        }
        set(x, d, lo, hi);
    }

    // ---- masks, tests

    public static int movmskps(long lo, long hi) {
        return (int) (lo >>> 31 & 1 | lo >>> 63 << 1 | (hi >>> 31 & 1) << 2 | hi >>> 63 << 3);
    }

    public static int movmskpd(long lo, long hi) {
        return (int) (lo >>> 63 | hi >>> 63 << 1);
    }

    /** ZF and CF of PTEST; the other four status flags are cleared by the caller. */
    public static int ptest(long alo, long ahi, long blo, long bhi) {
        return ((alo & blo | ahi & bhi) == 0 ? 0x40 : 0) | ((~alo & blo | ~ahi & bhi) == 0 ? 1 : 0);
    }
}
