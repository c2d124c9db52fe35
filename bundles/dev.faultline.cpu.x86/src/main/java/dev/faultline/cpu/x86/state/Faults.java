// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.state;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.fault.PendingFault;

/**
 * Guest exceptions by name: {@code return Faults.gp(v, 0);} from an Op. Records and raises; the
 * value is {@link Outcome#FAULT} (coded style) or never seen (thrown style). SDM 3A, "Interrupt and
 * Exception Handling".
 */
public final class Faults {
    public static final int DE = 0;
    public static final int DB = 1;
    public static final int NMI = 2;
    public static final int BP = 3;
    public static final int OF = 4;
    public static final int BR = 5;
    public static final int UD = 6;
    public static final int NM = 7;
    public static final int DF = 8;
    public static final int TS = 10;
    public static final int NP = 11;
    public static final int SS = 12;
    public static final int GP = 13;
    public static final int PF = 14;
    public static final int MF = 16;
    public static final int AC = 17;
    public static final int MC = 18;
    public static final int XM = 19;

    private Faults() {}

    /** An exception without an error code. */
    public static int raise(VcpuContext v, int vector) {
        v.fault.guest(vector, PendingFault.NO_ERROR_CODE);
        return (int) v.propagation.raise(v);
    }

    public static int raise(VcpuContext v, int vector, int errorCode) {
        v.fault.guest(vector, errorCode);
        return (int) v.propagation.raise(v);
    }

    public static int de(VcpuContext v) {
        return raise(v, DE);
    }

    public static int ud(VcpuContext v) {
        return raise(v, UD);
    }

    public static int nm(VcpuContext v) {
        return raise(v, NM);
    }

    public static int mf(VcpuContext v) {
        return raise(v, MF);
    }

    public static int xm(VcpuContext v) {
        return raise(v, XM);
    }

    public static int gp(VcpuContext v, int errorCode) {
        return raise(v, GP, errorCode);
    }

    public static int ss(VcpuContext v, int errorCode) {
        return raise(v, SS, errorCode);
    }
}
