// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.system;

import dev.faultline.api.cpu.Segments;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.op.Op;
import dev.faultline.cpu.x86.segment.SystemState;
import dev.faultline.cpu.x86.state.Faults;
import dev.faultline.cpu.x86.state.StandardCpuid;

/**
 * RDMSR and WRMSR. SDM 4, "Model-Specific Registers (MSRs)"; what is not listed here does not
 * exist: #GP(0).
 */
final class Msrs {
    private static final int TSC = 0x10;
    private static final int PLATFORM_ID = 0x17;
    private static final int APIC_BASE = 0x1B;
    private static final int EBL_CR_POWERON = 0x2A;
    private static final int FEATURE_CONTROL = 0x3A;
    private static final int TSC_ADJUST = 0x3B;
    private static final int SPEC_CTRL = 0x48;
    private static final int PRED_CMD = 0x49;
    private static final int BIOS_UPDT_TRIG = 0x79;
    private static final int BIOS_SIGN_ID = 0x8B;
    private static final int PLATFORM_INFO = 0xCE;
    private static final int MTRRCAP = 0xFE;
    private static final int ARCH_CAPABILITIES = 0x10A;
    private static final int MISC_FEATURES_ENABLES = 0x140;
    private static final int SYSENTER_CS = 0x174;
    private static final int SYSENTER_ESP = 0x175;
    private static final int SYSENTER_EIP = 0x176;
    private static final int MCG_CAP = 0x179;
    private static final int MCG_STATUS = 0x17A;
    private static final int PERF_STATUS = 0x198;
    private static final int MISC_ENABLE = 0x1A0;
    private static final int DEBUGCTL = 0x1D9;
    private static final int MTRR_PHYS_FIRST = 0x200;
    private static final int MTRR_PHYS_LAST = 0x20F;
    private static final int MTRR_FIX64K = 0x250;
    private static final int MTRR_FIX16K_FIRST = 0x258;
    private static final int MTRR_FIX16K_LAST = 0x259;
    private static final int MTRR_FIX4K_FIRST = 0x268;
    private static final int MTRR_FIX4K_LAST = 0x26F;
    private static final int PAT = 0x277;
    private static final int MTRR_DEF_TYPE = 0x2FF;
    private static final int TSC_DEADLINE = 0x6E0;
    private static final int EFER = 0xC000_0080;
    private static final int STAR = 0xC000_0081;
    private static final int LSTAR = 0xC000_0082;
    private static final int CSTAR = 0xC000_0083;
    private static final int FMASK = 0xC000_0084;
    private static final int FS_BASE = 0xC000_0100;
    private static final int GS_BASE = 0xC000_0101;
    private static final int KERNEL_GS_BASE = 0xC000_0102;
    private static final int TSC_AUX = 0xC000_0103;

    /** Eight variable ranges, fixed ranges, write combining. */
    private static final long MTRRCAP_VALUE = 0x508;

    /** Locked, nothing enabled. */
    private static final long FEATURE_CONTROL_VALUE = 1;

    private static final long MICROCODE_REVISION = 1L << 32;

    /**
     * This CPU does not speculate: RDCL_NO, IBRS_ALL, SKIP_L1DFL_VMENTRY, SSB_NO, MDS_NO,
     * IF_PSCHANGE_MC_NO, TAA_NO, SBDR_SSDP_NO, FBSDP_NO, PSDP_NO, BHI_NO, PBRSB_NO, GDS_NO,
     * RFDS_NO, ITS_NO. IBRS_ALL: setting IBRS once is enough, so kernels need no return
     * trampolines.
     */
    private static final long ARCH_CAPABILITIES_VALUE =
            1 | 1 << 1 | 1 << 3 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 8 | 7 << 13 | 1 << 20 | 1 << 24
                    | 1 << 26 | 1 << 27 | 1L << 62;

    /** IBRS, BHI_DIS_S. */
    private static final long SPEC_CTRL_WRITABLE = 1 | 1 << 10;

    private static final long PRED_CMD_IBPB = 1;

    private static final long EFER_WRITABLE =
            VcpuContext.EFER_SCE | VcpuContext.EFER_LME | VcpuContext.EFER_NXE;

    private static final int UNKNOWN = 1;

    private Msrs() {}

    static final class Read extends Op {
        @Override
        public int execute(VcpuContext v) {
            if (read(v, (int) v.gpr[1]) != 0) {
                return Faults.gp(v, 0);
            }
            long x = SystemState.of(v).value;
            v.gpr[0] = x & 0xFFFF_FFFFL;
            v.gpr[2] = x >>> 32;
            return NEXT;
        }
    }

    static final class Write extends Op {
        @Override
        public int execute(VcpuContext v) {
            long x = v.gpr[2] << 32 | v.gpr[0] & 0xFFFF_FFFFL;
            if (write(v, (int) v.gpr[1], x) != 0) {
                return Faults.gp(v, 0);
            }
            return END;
        }
    }

    /**
     * Into {@code SystemState.value}.
     *
     * @return 0, or not 0: #GP(0)
     */
    static int read(VcpuContext v, int msr) {
        SystemState s = SystemState.of(v);
        switch (msr) {
            case TSC -> s.value = v.clock.tsc() + v.tscOffset;
            case TSC_ADJUST -> s.value = v.tscOffset;
            case APIC_BASE -> s.value = v.interrupts.apicBase();
            case TSC_DEADLINE -> s.value = v.interrupts.tscDeadline();
            case SYSENTER_CS -> s.value = v.sysenterCs;
            case SYSENTER_ESP -> s.value = v.sysenterEsp;
            case SYSENTER_EIP -> s.value = v.sysenterEip;
            case PAT -> s.value = v.pat;
            case SPEC_CTRL -> s.value = v.specCtrl;
            case MISC_ENABLE -> s.value = v.miscEnable;
            case EFER -> s.value = v.efer;
            case STAR -> s.value = v.star;
            case LSTAR -> s.value = v.lstar;
            case CSTAR -> s.value = v.cstar;
            case FMASK -> s.value = v.fmask;
            case FS_BASE -> s.value = v.segBase[Segments.FS];
            case GS_BASE -> s.value = v.segBase[Segments.GS];
            case KERNEL_GS_BASE -> s.value = v.kernelGsBase;
            case TSC_AUX -> s.value = v.tscAux;
            case FEATURE_CONTROL -> s.value = FEATURE_CONTROL_VALUE;
            case BIOS_SIGN_ID -> s.value = MICROCODE_REVISION;
            case ARCH_CAPABILITIES -> s.value = ARCH_CAPABILITIES_VALUE;
            case PLATFORM_INFO -> s.value = (v.clock.tscHz() / 100_000_000L & 0xFF) << 8;
            case PERF_STATUS -> s.value = (v.clock.tscHz() / 100_000_000L & 0xFF) << 8;
            case PLATFORM_ID,
                    EBL_CR_POWERON,
                    MISC_FEATURES_ENABLES,
                    MCG_CAP,
                    MCG_STATUS,
                    DEBUGCTL ->
                    s.value = 0;
            default -> {
                return readMtrr(v, msr);
            }
        }
        return 0;
    }

    private static int readMtrr(VcpuContext v, int msr) {
        SystemState s = SystemState.of(v);
        if (msr == MTRRCAP) {
            s.value = MTRRCAP_VALUE;
        } else if (msr == MTRR_DEF_TYPE) {
            s.value = v.mtrrDefType;
        } else if (msr >= MTRR_PHYS_FIRST && msr <= MTRR_PHYS_LAST) {
            s.value = v.mtrrVariable[msr - MTRR_PHYS_FIRST];
        } else if (fixed(msr) >= 0) {
            s.value = v.mtrrFixed[fixed(msr)];
        } else {
            return UNKNOWN;
        }
        return 0;
    }

    /** Index in {@code v.mtrrFixed}, or -1. */
    private static int fixed(int msr) {
        if (msr == MTRR_FIX64K) {
            return 0;
        }
        if (msr >= MTRR_FIX16K_FIRST && msr <= MTRR_FIX16K_LAST) {
            return 1 + msr - MTRR_FIX16K_FIRST;
        }
        return msr >= MTRR_FIX4K_FIRST && msr <= MTRR_FIX4K_LAST ? 3 + msr - MTRR_FIX4K_FIRST : -1;
    }

    /**
     * @return 0, or not 0: #GP(0), nothing has changed
     */
    static int write(VcpuContext v, int msr, long x) {
        switch (msr) {
            case TSC -> tscOffset(v, x - v.clock.tsc());
            case TSC_ADJUST -> tscOffset(v, x);
            case APIC_BASE -> {
                return v.interrupts.apicBase(x) ? 0 : UNKNOWN;
            }
            case TSC_DEADLINE -> v.interrupts.tscDeadline(x);
            case SYSENTER_CS -> v.sysenterCs = x & 0xFFFF_FFFFL;
            case EFER -> {
                return efer(v, x);
            }
            case SPEC_CTRL -> {
                if ((x & ~SPEC_CTRL_WRITABLE) != 0) {
                    return UNKNOWN;
                }
                v.specCtrl = x; // kept, and without effect: nothing is predicted
            }
            case PRED_CMD -> {
                return (x & ~PRED_CMD_IBPB) == 0 ? 0 : UNKNOWN;
            }
            case STAR -> v.star = x;
            case FMASK -> v.fmask = x & 0xFFFF_FFFFL;
            case TSC_AUX -> {
                if (x >>> 32 != 0) {
                    return UNKNOWN;
                }
                v.tscAux = x;
            }
            case PAT -> {
                if (!memoryTypes(x, true)) {
                    return UNKNOWN;
                }
                v.pat = x;
            }
            case MISC_ENABLE ->
                    v.miscEnable =
                            x & ~StandardCpuid.MISC_ENABLE_FIXED
                                    | v.miscEnable & StandardCpuid.MISC_ENABLE_FIXED;
            case BIOS_SIGN_ID, BIOS_UPDT_TRIG, MCG_STATUS -> {
                // Accepted without effect: there is no microcode and no machine-check bank.
            }
            case DEBUGCTL, MISC_FEATURES_ENABLES -> {
                return x == 0 ? 0 : UNKNOWN;
            }
            case SYSENTER_ESP, SYSENTER_EIP, LSTAR, CSTAR, FS_BASE, GS_BASE, KERNEL_GS_BASE -> {
                return address(v, msr, x);
            }
            default -> {
                return writeMtrr(v, msr, x);
            }
        }
        return 0;
    }

    /** A deadline that waits is armed anew: it is one of the counter that was moved. */
    private static void tscOffset(VcpuContext v, long offset) {
        v.tscOffset = offset;
        v.interrupts.tscDeadline(v.interrupts.tscDeadline());
    }

    private static int address(VcpuContext v, int msr, long x) {
        if (!VcpuContext.canonical(x)) {
            return UNKNOWN;
        }
        switch (msr) {
            case SYSENTER_ESP -> v.sysenterEsp = x;
            case SYSENTER_EIP -> v.sysenterEip = x;
            case LSTAR -> v.lstar = x;
            case CSTAR -> v.cstar = x;
            case FS_BASE -> base(v, Segments.FS, x);
            case GS_BASE -> base(v, Segments.GS, x);
            default -> v.kernelGsBase = x;
        }
        return 0;
    }

    static void base(VcpuContext v, int seg, long x) {
        v.segBase[seg] = x;
        v.effBase[seg] = x;
    }

    private static int efer(VcpuContext v, long x) {
        if ((x & ~(EFER_WRITABLE | VcpuContext.EFER_LMA)) != 0) {
            return UNKNOWN;
        }
        long now = x & EFER_WRITABLE | v.efer & VcpuContext.EFER_LMA;
        long changed = now ^ v.efer;
        if ((changed & VcpuContext.EFER_LME) != 0 && (v.cr0 & VcpuContext.CR0_PG) != 0) {
            return UNKNOWN;
        }
        v.efer = now;
        if ((changed & VcpuContext.EFER_NXE) != 0) {
            v.mmu.flush(v);
        }
        return 0;
    }

    /** Eight memory types; UC- only in the PAT. */
    private static boolean memoryTypes(long x, boolean pat) {
        for (int i = 0; i < 64; i += 8) {
            if (!memoryType((int) (x >>> i) & 0xFF, pat)) {
                return false;
            }
        }
        return true;
    }

    private static boolean memoryType(int t, boolean pat) {
        return t == 0 || t == 1 || t >= 4 && t <= 6 || pat && t == 7;
    }

    private static int writeMtrr(VcpuContext v, int msr, long x) {
        if (msr == MTRR_DEF_TYPE) {
            if ((x & ~0xCFFL) != 0 || !memoryType((int) x & 0xFF, false)) {
                return UNKNOWN;
            }
            v.mtrrDefType = x;
        } else if (msr >= MTRR_PHYS_FIRST && msr <= MTRR_PHYS_LAST) {
            boolean mask = (msr & 1) != 0;
            if (x >>> StandardCpuid.PHYSICAL_BITS != 0
                    || mask && (x & 0x7FF) != 0
                    || !mask && ((x & 0xF00) != 0 || !memoryType((int) x & 0xFF, false))) {
                return UNKNOWN;
            }
            v.mtrrVariable[msr - MTRR_PHYS_FIRST] = x;
        } else if (fixed(msr) >= 0 && memoryTypes(x, false)) {
            v.mtrrFixed[fixed(msr)] = x;
        } else {
            return UNKNOWN;
        }
        return 0;
    }
}
