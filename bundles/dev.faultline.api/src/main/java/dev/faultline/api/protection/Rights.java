// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.protection;

/** Rights of a guest page, and kinds of access, as bits: any subset of R, W, X. */
public final class Rights {
    public static final int NONE = 0;
    public static final int R = 1;
    public static final int W = 2;
    public static final int X = 4;
    public static final int RW = R | W;
    public static final int RX = R | X;
    public static final int RWX = R | W | X;
    public static final int MASK = 7;

    /** Number of bits of {@link #MASK}. */
    public static final int BITS = 3;

    private Rights() {}

    /** {@code "RW-"} style text of {@code rights}; unknown bits are shown in hex. */
    public static String toString(int rights) {
        if ((rights & ~MASK) != 0) {
            return "0x" + Integer.toHexString(rights);
        }
        return ((rights & R) != 0 ? "R" : "-")
                + ((rights & W) != 0 ? "W" : "-")
                + ((rights & X) != 0 ? "X" : "-");
    }
}
