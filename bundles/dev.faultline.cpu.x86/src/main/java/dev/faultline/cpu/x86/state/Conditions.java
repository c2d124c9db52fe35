// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.state;

import dev.faultline.api.engine.VcpuContext;

/**
 * The sixteen conditions of Jcc, SETcc and CMOVcc, by their suffixes. SDM 1, appendix "EFLAGS
 * Condition Codes".
 */
public final class Conditions {
    private Conditions() {}

    public static boolean o(VcpuContext v) {
        return Flags.of(v);
    }

    public static boolean no(VcpuContext v) {
        return !Flags.of(v);
    }

    public static boolean b(VcpuContext v) {
        return v.flagAux < 0;
    }

    public static boolean ae(VcpuContext v) {
        return v.flagAux >= 0;
    }

    public static boolean e(VcpuContext v) {
        return v.flagRes == 0;
    }

    public static boolean ne(VcpuContext v) {
        return v.flagRes != 0;
    }

    public static boolean be(VcpuContext v) {
        return v.flagAux < 0 || v.flagRes == 0;
    }

    public static boolean a(VcpuContext v) {
        return v.flagAux >= 0 && v.flagRes != 0;
    }

    public static boolean s(VcpuContext v) {
        return Flags.sf(v);
    }

    public static boolean ns(VcpuContext v) {
        return !Flags.sf(v);
    }

    public static boolean p(VcpuContext v) {
        return Flags.pf(v);
    }

    public static boolean np(VcpuContext v) {
        return !Flags.pf(v);
    }

    public static boolean l(VcpuContext v) {
        return Flags.less(v);
    }

    public static boolean ge(VcpuContext v) {
        return !Flags.less(v);
    }

    public static boolean le(VcpuContext v) {
        return v.flagRes == 0 || Flags.less(v);
    }

    public static boolean g(VcpuContext v) {
        return v.flagRes != 0 && !Flags.less(v);
    }
}
