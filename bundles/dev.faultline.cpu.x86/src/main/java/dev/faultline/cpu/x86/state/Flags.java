// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.state;

import dev.faultline.api.engine.VcpuContext;

/** The status flags, in the two lazy words that {@link VcpuContext#flagRes} describes. */
public final class Flags {
    /** CF and OF-delta bits of flagAux. */
    private static final long TOP = 0xC000_0000_0000_0000L;

    private Flags() {}

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
