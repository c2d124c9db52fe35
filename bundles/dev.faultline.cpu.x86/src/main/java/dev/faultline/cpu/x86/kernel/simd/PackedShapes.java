// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.kernel.simd;

import static dev.faultline.cpu.x86.kernel.simd.PackedInt.HIGH8;
import static dev.faultline.cpu.x86.kernel.simd.PackedInt.LOW32;
import static dev.faultline.cpu.x86.kernel.simd.PackedInt.clamp;
import static dev.faultline.cpu.x86.kernel.simd.PackedInt.pb;
import static dev.faultline.cpu.x86.kernel.simd.PackedInt.pw;
import static dev.faultline.cpu.x86.kernel.simd.PackedInt.sb;
import static dev.faultline.cpu.x86.kernel.simd.PackedInt.sw;
import static dev.faultline.cpu.x86.kernel.simd.PackedInt.uw;

/**
 * Packed-integer operations that move lanes, on one quadword: the MMX shapes of pack, unpack,
 * horizontal and shuffle operations, whose SSE shapes are in {@link PackedWide}. Methods named
 * after a mnemonic are kernels of the shape {@code lanes}: the destination comes first. Pure; any
 * thread.
 */
public final class PackedShapes {
    private PackedShapes() {}

    private static int satSb(int v) {
        return clamp(v, -128, 127);
    }

    /** The four words of v as signed saturated bytes, in the low doubleword. */
    static long packSignedBytes(long v) {
        return pb(satSb(sw(v, 0)), 0)
                | pb(satSb(sw(v, 1)), 1)
                | pb(satSb(sw(v, 2)), 2)
                | pb(satSb(sw(v, 3)), 3);
    }

    static long packUnsignedBytes(long v) {
        return pb(clamp(sw(v, 0), 0, 255), 0)
                | pb(clamp(sw(v, 1), 0, 255), 1)
                | pb(clamp(sw(v, 2), 0, 255), 2)
                | pb(clamp(sw(v, 3), 0, 255), 3);
    }

    /** The two doublewords of v as signed saturated words, in the low doubleword. */
    static long packSignedWords(long v) {
        return pw(clamp((int) v, -32768, 32767), 0) | pw(clamp((int) (v >> 32), -32768, 32767), 1);
    }

    static long packUnsignedWords(long v) {
        return pw(clamp((int) v, 0, 65535), 0) | pw(clamp((int) (v >> 32), 0, 65535), 1);
    }

    public static long packsswb(long a, long b) {
        return packSignedBytes(a) | packSignedBytes(b) << 32;
    }

    public static long packuswb(long a, long b) {
        return packUnsignedBytes(a) | packUnsignedBytes(b) << 32;
    }

    public static long packssdw(long a, long b) {
        return packSignedWords(a) | packSignedWords(b) << 32;
    }

    /** Spreads the low four bytes of v to the low bytes of four words. */
    private static long spreadBytes(long v) {
        long w = v & LOW32;
        w = (w | w << 16) & 0x0000_FFFF_0000_FFFFL;
        return (w | w << 8) & 0x00FF_00FF_00FF_00FFL;
    }

    private static long spreadWords(long v) {
        long w = v & LOW32;
        return (w | w << 16) & 0x0000_FFFF_0000_FFFFL;
    }

    public static long punpcklbw(long a, long b) {
        return spreadBytes(a) | spreadBytes(b) << 8;
    }

    public static long punpckhbw(long a, long b) {
        return punpcklbw(a >>> 32, b >>> 32);
    }

    public static long punpcklwd(long a, long b) {
        return spreadWords(a) | spreadWords(b) << 16;
    }

    public static long punpckhwd(long a, long b) {
        return punpcklwd(a >>> 32, b >>> 32);
    }

    public static long punpckldq(long a, long b) {
        return a & LOW32 | b << 32;
    }

    public static long punpckhdq(long a, long b) {
        return a >>> 32 | b & ~LOW32;
    }

    public static long phaddw(long a, long b) {
        return pairsW(a) | pairsW(b) << 32;
    }

    static long pairsW(long v) {
        return pw(sw(v, 0) + sw(v, 1), 0) | pw(sw(v, 2) + sw(v, 3), 1);
    }

    public static long phaddd(long a, long b) {
        return pairsD(a) | pairsD(b) << 32;
    }

    static long pairsD(long v) {
        return v + (v >>> 32) & LOW32;
    }

    public static long phaddsw(long a, long b) {
        return pairsSw(a) | pairsSw(b) << 32;
    }

    static long pairsSw(long v) {
        return pw(clamp(sw(v, 0) + sw(v, 1), -32768, 32767), 0)
                | pw(clamp(sw(v, 2) + sw(v, 3), -32768, 32767), 1);
    }

    public static long phsubw(long a, long b) {
        return differencesW(a) | differencesW(b) << 32;
    }

    static long differencesW(long v) {
        return pw(sw(v, 0) - sw(v, 1), 0) | pw(sw(v, 2) - sw(v, 3), 1);
    }

    public static long phsubd(long a, long b) {
        return differencesD(a) | differencesD(b) << 32;
    }

    static long differencesD(long v) {
        return v - (v >>> 32) & LOW32;
    }

    public static long phsubsw(long a, long b) {
        return differencesSw(a) | differencesSw(b) << 32;
    }

    static long differencesSw(long v) {
        return pw(clamp(sw(v, 0) - sw(v, 1), -32768, 32767), 0)
                | pw(clamp(sw(v, 2) - sw(v, 3), -32768, 32767), 1);
    }

    /** PSHUFB on a quadword. */
    public static long pshufb(long a, long b) {
        long r = 0;
        for (int i = 0; i < 8; i++) {
            int c = sb(b, i);
            if (c >= 0) {
                r |= (a >>> 8 * (c & 7) & 0xFF) << 8 * i;
            }
        }
        return r;
    }

    /** PSHUFW, and each half of PSHUFLW and PSHUFHW: words of v chosen by imm. */
    public static long pshufw(long v, int imm) {
        return pw(uw(v, imm & 3), 0)
                | pw(uw(v, imm >>> 2 & 3), 1)
                | pw(uw(v, imm >>> 4 & 3), 2)
                | pw(uw(v, imm >>> 6 & 3), 3);
    }

    /** PALIGNR on quadwords: a:b shifted right by {@code imm} bytes. */
    public static long palignr(long a, long b, int imm) {
        if (imm >= 16) {
            return 0;
        }
        if (imm >= 8) {
            return a >>> 8 * (imm - 8);
        }
        return imm == 0 ? b : b >>> 8 * imm | a << 64 - 8 * imm;
    }

    /** Sign bits of the eight bytes, as an integer: PMOVMSKB. */
    public static int byteSigns(long v) {
        return (int) ((v & HIGH8) * 0x0002_0408_1020_4081L >>> 56);
    }

    /** All bits of each byte equal to its high bit: what MASKMOVQ and PBLENDVB select by. */
    public static long byteMask(long v) {
        return ((v & HIGH8) >>> 7) * 0xFF;
    }

    /** PINSRW into a quadword; {@code index} 0 to 3. */
    public static long insertWord(long v, int word, int index) {
        int s = 16 * index;
        return v & ~(0xFFFFL << s) | (word & 0xFFFFL) << s;
    }
}
