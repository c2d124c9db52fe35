// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.cpu;

/** Indices and attribute bits of the segment registers in {@link VcpuState}. */
public final class Segments {
    public static final int ES = 0;
    public static final int CS = 1;
    public static final int SS = 2;
    public static final int DS = 3;
    public static final int FS = 4;
    public static final int GS = 5;
    public static final int LDTR = 6;
    public static final int TR = 7;
    public static final int COUNT = 8;

    /**
     * Attributes are descriptor bits 40-55 without the limit: type (0-3), S, DPL, P, AVL, L, D/B, G
     * (SDM 3A, "Segment Descriptors").
     */
    public static final int TYPE_MASK = 0xF;

    public static final int TYPE_ACCESSED = 1;

    /** Data: writable. Code: readable. */
    public static final int TYPE_RW = 2;

    /** Data: expand-down. Code: conforming. */
    public static final int TYPE_DC = 4;

    public static final int TYPE_CODE = 8;
    public static final int S = 1 << 4;
    public static final int DPL_SHIFT = 5;
    public static final int P = 1 << 7;
    public static final int AVL = 1 << 12;
    public static final int L = 1 << 13;
    public static final int DB = 1 << 14;
    public static final int G = 1 << 15;

    /** Ours: loaded with a null selector; any use faults. */
    public static final int UNUSABLE = 1 << 16;

    private Segments() {}

    public static int dpl(int attr) {
        return attr >> DPL_SHIFT & 3;
    }
}
