// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.translator.internal;

import dev.faultline.api.cpu.VcpuState;
import dev.faultline.api.engine.VcpuContext;

/**
 * What generated code takes for granted, as a number from 0 to 5: whose rights it has, and whether
 * instructions on XMM registers may be executed as they are. Code of one class jumps to code of the
 * same class only.
 */
final class CodeClass {
    static final int NONE = -1;

    private static final int RIGHTS = 3;

    /** MXCSR: bits that must be as after RESET, which are also the host's. */
    private static final int CONTROL = ~0x3F;

    private static final int MASKED = 0x1F80;

    private CodeClass() {}

    /** Of the vCPU as it is now; {@link #NONE}: under alignment checking nothing is generated. */
    static int of(VcpuContext v) {
        int rights = (int) v.tlbKey & 3;
        if (rights == RIGHTS) {
            return NONE;
        }
        return vectors(v) ? rights : rights + RIGHTS;
    }

    /** SDM 3A, "System Programming for Instruction Set Extensions": none of them faults. */
    private static boolean vectors(VcpuContext v) {
        return (v.cr0 & (VcpuState.CR0_EM | VcpuState.CR0_TS)) == 0
                && (v.cr4 & VcpuState.CR4_OSFXSR) != 0
                && (v.mxcsr & CONTROL) == MASKED;
    }

    /** {@link VcpuContext#tlbKey}, bits 0-1. */
    static int rights(int codeClass) {
        return codeClass % RIGHTS;
    }

    static boolean hasVectors(int codeClass) {
        return codeClass < RIGHTS;
    }
}
