// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.kernel.fp;

import static dev.faultline.cpu.x86.kernel.fp.FpuMath.*;

/** Comparison and classification: FCOM, FUCOM, FCOMI, FTST, FXAM. Source: SDM 2, their pages. */
public final class FpuCompare {
    private FpuCompare() {}

    /**
     * Compares a with b and leaves C3, C2 and C0 in {@link FpuMath#cc}: 0 if a &gt; b, C0 if a &lt;
     * b, C3 if equal, all three if unordered.
     *
     * @param quiet quiet NaNs are not invalid (FUCOM, FUCOMI)
     */
    public static void compare(FpuMath m, long aSig, int aSe, long bSig, int bSe, boolean quiet) {
        m.begin();
        if (unsupported(aSig, aSe)
                || unsupported(bSig, bSe)
                || signaling(aSig, aSe)
                || signaling(bSig, bSe)) {
            m.flags |= IE;
            m.sourceDenormal = false;
            m.cc = C3 | C2 | C0;
            return;
        }
        if (nan(aSig, aSe) || nan(bSig, bSe)) {
            m.flags |= quiet ? 0 : IE;
            m.sourceDenormal = false;
            m.cc = C3 | C2 | C0;
            return;
        }
        if (m.takeSourceDenormal() || denormal(aSig, aSe) || denormal(bSig, bSe)) {
            m.flags |= DE;
        }
        m.cc = order(aSig, aSe, bSig, bSe);
    }

    private static int order(long aSig, int aSe, long bSig, int bSe) {
        boolean aNegative = (aSe & SIGN) != 0;
        boolean bNegative = (bSe & SIGN) != 0;
        if (aSig == 0 && bSig == 0) {
            return C3;
        }
        if (aNegative != bNegative) {
            return aNegative ? C0 : 0;
        }
        // a pseudo-denormal has the exponent of the smallest normal
        int c = Integer.compare(Math.max(aSe & EXP, 1), Math.max(bSe & EXP, 1));
        if (aSig == 0 || bSig == 0) {
            c = aSig == 0 ? -1 : 1;
        } else if (c == 0) {
            c = Long.compareUnsigned(aSig, bSig);
        }
        return c == 0 ? C3 : c < 0 != aNegative ? C0 : 0;
    }

    /**
     * The condition code of FXAM: class in C3, C2, C0, sign in C1.
     *
     * @param empty whether the register is tagged empty
     */
    public static int examine(long sig, int se, boolean empty) {
        int sign = (se & SIGN) != 0 ? C1 : 0;
        if (empty) {
            return sign | C3 | C0;
        }
        if (unsupported(sig, se)) {
            return sign;
        }
        if ((se & EXP) == 0) {
            return sign | (sig == 0 ? C3 : C3 | C2);
        }
        if ((se & EXP) == EXP) {
            return sign | (sig == J ? C2 | C0 : C0);
        }
        return sign | C2;
    }
}
