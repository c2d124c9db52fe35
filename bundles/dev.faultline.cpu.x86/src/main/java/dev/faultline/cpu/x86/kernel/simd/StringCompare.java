// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.kernel.simd;

/**
 * PCMPESTRI, PCMPESTRM, PCMPISTRI and PCMPISTRM (SDM 2B, "Imm8 Control Byte Operation for PCMPESTRI
 * / PCMPESTRM / PCMPISTRI / PCMPISTRM"). The first operand is the destination register, the second
 * the register or memory operand. Pure.
 */
public final class StringCompare {
    private StringCompare() {}

    private static boolean words(int imm) {
        return (imm & 1) != 0;
    }

    private static int elements(int imm) {
        return words(imm) ? 8 : 16;
    }

    /** Length up to the first zero element. */
    public static int implicitLength(int imm, long lo, long hi) {
        int n = elements(imm);
        for (int i = 0; i < n; i++) {
            if (element(imm & 1, lo, hi, i) == 0) {
                return i;
            }
        }
        return n;
    }

    /**
     * Length given by EAX or EDX (RAX or RDX with REX.W, as {@code value}): its magnitude, at most
     * the element count.
     */
    public static int explicitLength(int imm, long value) {
        long n = elements(imm);
        return (int) (value < -n || value > n ? n : Math.abs(value));
    }

    private static int element(int imm, long lo, long hi, int i) {
        long half;
        int raw;
        if (words(imm)) {
            half = i < 4 ? lo : hi;
            raw = (int) (half >>> 16 * (i & 3)) & 0xFFFF;
            return (imm & 2) != 0 ? (short) raw : raw;
        }
        half = i < 8 ? lo : hi;
        raw = (int) (half >>> 8 * (i & 7)) & 0xFF;
        return (imm & 2) != 0 ? (byte) raw : raw;
    }

    /** IntRes2: one bit per element of the second operand. */
    public static int compare(int imm, long alo, long ahi, int alen, long blo, long bhi, int blen) {
        int n = elements(imm);
        int r =
                switch (imm >>> 2 & 3) {
                    case 0 -> equalAny(imm, alo, ahi, alen, blo, bhi, blen);
                    case 1 -> ranges(imm, alo, ahi, alen, blo, bhi, blen);
                    case 2 -> equalEach(imm, n, alo, ahi, alen, blo, bhi, blen);
                    default -> equalOrdered(imm, n, alo, ahi, alen, blo, bhi, blen);
                };
        return switch (imm >>> 4 & 3) {
            case 1 -> ~r & (1 << n) - 1;
            case 3 -> r ^ (1 << blen) - 1;
            default -> r;
        };
    }

    private static int equalAny(
            int imm, long alo, long ahi, int alen, long blo, long bhi, int blen) {
        int r = 0;
        for (int j = 0; j < blen; j++) {
            int b = element(imm, blo, bhi, j);
            for (int i = 0; i < alen; i++) {
                if (element(imm, alo, ahi, i) == b) {
                    r |= 1 << j;
                    break;
                }
            }
        }
        return r;
    }

    private static int ranges(int imm, long alo, long ahi, int alen, long blo, long bhi, int blen) {
        int r = 0;
        for (int j = 0; j < blen; j++) {
            int b = element(imm, blo, bhi, j);
            // A pair of bounds counts only when both are valid.
            for (int i = 0; i + 1 < alen; i += 2) {
                if (b >= element(imm, alo, ahi, i) && b <= element(imm, alo, ahi, i + 1)) {
                    r |= 1 << j;
                    break;
                }
            }
        }
        return r;
    }

    private static int equalEach(
            int imm, int n, long alo, long ahi, int alen, long blo, long bhi, int blen) {
        int r = 0;
        for (int i = 0; i < n; i++) {
            boolean va = i < alen;
            boolean vb = i < blen;
            boolean equal =
                    va && vb ? element(imm, alo, ahi, i) == element(imm, blo, bhi, i) : !va && !vb;
            r |= equal ? 1 << i : 0;
        }
        return r;
    }

    private static int equalOrdered(
            int imm, int n, long alo, long ahi, int alen, long blo, long bhi, int blen) {
        int r = 0;
        for (int j = 0; j < n; j++) {
            boolean match = true;
            // The comparison stops at the end of the register: a prefix there is a match.
            for (int i = 0; match && i < alen && i + j < n; i++) {
                match = i + j < blen && element(imm, alo, ahi, i) == element(imm, blo, bhi, i + j);
            }
            r |= match ? 1 << j : 0;
        }
        return r;
    }

    /** CF, ZF, SF and OF of all four instructions; AF and PF are cleared. */
    public static int flags(int imm, int result, int alen, int blen) {
        int n = elements(imm);
        return (result != 0 ? 0x001 : 0)
                | (blen < n ? 0x040 : 0)
                | (alen < n ? 0x080 : 0)
                | ((result & 1) != 0 ? 0x800 : 0);
    }

    /** The index that PCMPxSTRI puts into ECX. */
    public static int index(int imm, int result) {
        if (result == 0) {
            return elements(imm);
        }
        return (imm & 0x40) != 0
                ? 31 - Integer.numberOfLeadingZeros(result)
                : Integer.numberOfTrailingZeros(result);
    }

    /** The mask that PCMPxSTRM puts into XMM0, at {@code x[0]} and {@code x[1]}. */
    public static void mask(int imm, int result, long[] x) {
        if ((imm & 0x40) == 0) {
            x[0] = result;
            x[1] = 0;
        } else if (words(imm)) {
            x[0] = expandWords(result);
            x[1] = expandWords(result >>> 4);
        } else {
            x[0] = expandBytes(result);
            x[1] = expandBytes(result >>> 8);
        }
    }

    private static long expandBytes(int bits) {
        long r = 0;
        for (int i = 0; i < 8; i++) {
            r |= (bits >>> i & 1) * 0xFFL << 8 * i;
        }
        return r;
    }

    private static long expandWords(int bits) {
        long r = 0;
        for (int i = 0; i < 4; i++) {
            r |= (bits >>> i & 1) * 0xFFFFL << 16 * i;
        }
        return r;
    }
}
