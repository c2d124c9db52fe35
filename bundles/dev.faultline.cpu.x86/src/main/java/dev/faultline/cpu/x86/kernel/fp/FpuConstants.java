// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.kernel.fp;

/**
 * The constants of FLD1, FLDL2T, FLDL2E, FLDPI, FLDLG2, FLDLN2 and FLDZ, rounded as rounding
 * control says (SDM 2, "FLD1/FLDL2T/FLDL2E/FLDPI/FLDLG2/FLDLN2/FLDZ"). Precision control does not
 * matter, and no exception is raised.
 */
public final class FpuConstants {
    // the numbers to 66 bits and more: significand, and whether the bits below it are above half a
    // unit
    private static final long[] SIG = {
        0x8000000000000000L, // 1
        0xD49A784BCD1B8AFEL, // log2(10)
        0xB8AA3B295C17F0BBL, // log2(e)
        0xC90FDAA22168C234L, // pi
        0x9A209A84FBCFF798L, // log10(2)
        0xB17217F7D1CF79ABL, // ln(2)
        0
    };
    private static final int[] SE = {0x3FFF, 0x4000, 0x3FFF, 0x4000, 0x3FFD, 0x3FFE, 0};
    private static final long[] REST = {
        0,
        0x492BF6FF4DAFDB4CL,
        0xBE87FED0691D3E88L,
        0xC4C6628B80DC1CD1L,
        0x8F8959AC0B7C9178L,
        0xC9E3B39803F2F6AFL,
        0
    };

    private FpuConstants() {}

    /**
     * Loads a constant.
     *
     * @param index the low three bits of the second opcode byte, D9 E8 to D9 EE: 0..6
     */
    public static void load(FpuMath m, int index) {
        m.begin();
        long sig = SIG[index];
        long rest = REST[index];
        if (rest != 0 && m.increments(false, (sig & 1) != 0, rest)) {
            sig++;
        }
        m.result(sig, SE[index]);
    }
}
