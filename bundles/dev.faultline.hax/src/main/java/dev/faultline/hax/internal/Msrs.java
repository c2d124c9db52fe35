// SPDX-License-Identifier: Apache-2.0
package dev.faultline.hax.internal;

import static dev.faultline.api.hax.HaxLayout.offset;

import dev.faultline.api.cpu.Segments;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.hax.HaxAbi;
import dev.faultline.api.hax.HaxLayout;
import java.nio.ByteBuffer;

/**
 * hax_msr_data: reads and writes in the list's order up to the first register that does not exist;
 * {@code done} counts those that went well.
 */
final class Msrs {
    private static final int DONE = offset(HaxLayout.MSR_DATA, "done");
    private static final int ENTRIES = offset(HaxLayout.MSR_DATA, "entries");
    private static final int ENTRY = 16;
    private static final int VALUE = 8;

    // SDM 4, "Model-Specific Registers (MSRs)".
    private static final int TSC = 0x10;
    private static final int APIC_BASE = 0x1B;
    private static final int SYSENTER_CS = 0x174;
    private static final int SYSENTER_ESP = 0x175;
    private static final int SYSENTER_EIP = 0x176;
    private static final int MISC_ENABLE = 0x1A0;
    private static final int PAT = 0x277;
    private static final int MTRR_DEF_TYPE = 0x2FF;
    private static final int EFER = 0xC000_0080;
    private static final int STAR = 0xC000_0081;
    private static final int LSTAR = 0xC000_0082;
    private static final int CSTAR = 0xC000_0083;
    private static final int FMASK = 0xC000_0084;
    private static final int FS_BASE = 0xC000_0100;
    private static final int GS_BASE = 0xC000_0101;
    private static final int KERNEL_GS_BASE = 0xC000_0102;
    private static final int TSC_AUX = 0xC000_0103;

    private Msrs() {}

    /**
     * @param strict refuse the last entry too, as the reference does
     * @return 0, or EFAULT for more entries than the structure has
     */
    static int each(VcpuContext v, ByteBuffer data, boolean write, boolean strict) {
        int n = data.getShort(0) & 0xFFFF;
        if (n > HaxAbi.MAX_MSRS || strict && n == HaxAbi.MAX_MSRS) {
            return HaxAbi.EFAULT;
        }
        int done = 0;
        while (done < n) {
            int at = ENTRIES + done * ENTRY;
            int msr = (int) data.getLong(at);
            boolean known =
                    write ? set(v, msr, data.getLong(at + VALUE)) : get(v, msr, data, at + VALUE);
            if (!known) {
                break;
            }
            done++;
        }
        data.putShort(DONE, (short) done);
        return 0;
    }

    private static boolean get(VcpuContext v, int msr, ByteBuffer to, int at) {
        long x;
        switch (msr) {
            case TSC -> x = v.clock.tsc() + v.tscOffset;
            case APIC_BASE -> x = v.interrupts.apicBase();
            case SYSENTER_CS -> x = v.sysenterCs;
            case SYSENTER_ESP -> x = v.sysenterEsp;
            case SYSENTER_EIP -> x = v.sysenterEip;
            case MISC_ENABLE -> x = v.miscEnable;
            case PAT -> x = v.pat;
            case MTRR_DEF_TYPE -> x = v.mtrrDefType;
            case EFER -> x = v.efer;
            case STAR -> x = v.star;
            case LSTAR -> x = v.lstar;
            case CSTAR -> x = v.cstar;
            case FMASK -> x = v.fmask;
            case FS_BASE -> x = v.segBase[Segments.FS];
            case GS_BASE -> x = v.segBase[Segments.GS];
            case KERNEL_GS_BASE -> x = v.kernelGsBase;
            case TSC_AUX -> x = v.tscAux;
            default -> {
                return false;
            }
        }
        to.putLong(at, x);
        return true;
    }

    private static boolean set(VcpuContext v, int msr, long x) {
        switch (msr) {
            case TSC -> v.tscOffset = x - v.clock.tsc();
            case APIC_BASE -> {
                return v.interrupts.apicBase(x);
            }
            case SYSENTER_CS -> v.sysenterCs = x;
            case SYSENTER_ESP -> v.sysenterEsp = x;
            case SYSENTER_EIP -> v.sysenterEip = x;
            case MISC_ENABLE -> v.miscEnable = x;
            case PAT -> v.pat = x;
            case MTRR_DEF_TYPE -> v.mtrrDefType = x;
            case EFER -> v.efer = x;
            case STAR -> v.star = x;
            case LSTAR -> v.lstar = x;
            case CSTAR -> v.cstar = x;
            case FMASK -> v.fmask = x;
            case FS_BASE -> v.segBase[Segments.FS] = x;
            case GS_BASE -> v.segBase[Segments.GS] = x;
            case KERNEL_GS_BASE -> v.kernelGsBase = x;
            case TSC_AUX -> v.tscAux = x & 0xFFFF_FFFFL;
            default -> {
                return false;
            }
        }
        return true;
    }
}
