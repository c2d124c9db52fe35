// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.kernel.simd;

/**
 * Bits of MXCSR and the rule that turns the exceptions an instruction raised into sticky flags or a
 * fault (SDM 1, "MXCSR Control and Status Register" and "Handling SIMD Floating-Point Exceptions in
 * Software").
 */
public final class Mxcsr {
    public static final int IE = 0x01;
    public static final int DE = 0x02;
    public static final int ZE = 0x04;
    public static final int OE = 0x08;
    public static final int UE = 0x10;
    public static final int PE = 0x20;

    /** All six exception flags. */
    public static final int FLAGS = 0x3F;

    /** Denormals are zeros. */
    public static final int DAZ = 0x40;

    /** Distance from an exception's flag to its mask. */
    public static final int MASK_SHIFT = 7;

    public static final int UM = UE << MASK_SHIFT;
    public static final int OM = OE << MASK_SHIFT;

    /** Position of the two rounding-control bits. */
    public static final int RC_SHIFT = 13;

    /** Flush to zero. */
    public static final int FTZ = 0x8000;

    /** Value after reset, INIT and at program start: all exceptions masked, round to nearest. */
    public static final int RESET = 0x1F80;

    /** Bits that LDMXCSR and FXRSTOR accept; any other bit set is #GP. */
    public static final int WRITABLE = 0xFFFF;

    public static final int RC_NEAREST = 0;
    public static final int RC_DOWN = 1;
    public static final int RC_UP = 2;
    public static final int RC_ZERO = 3;

    private static final int PRE_COMPUTATION = IE | DE | ZE;

    private Mxcsr() {}

    /** Rounding control, one of the {@code RC_} constants. */
    public static int rc(int mxcsr) {
        return mxcsr >>> RC_SHIFT & 3;
    }

    /** Flags of {@code raised} whose mask bit in {@code mxcsr} is clear: non-zero means #XM. */
    public static int unmasked(int mxcsr, int raised) {
        return raised & ~(mxcsr >>> MASK_SHIFT) & FLAGS;
    }

    /**
     * The flags an instruction leaves in MXCSR. An unmasked pre-computation exception in any
     * element keeps the whole instruction from computing, so no element reports a post-computation
     * exception.
     */
    public static int reported(int mxcsr, int raised) {
        return (unmasked(mxcsr, raised) & PRE_COMPUTATION) != 0 ? raised & PRE_COMPUTATION : raised;
    }
}
