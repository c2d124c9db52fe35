// SPDX-License-Identifier: Apache-2.0
package dev.faultline.hax.internal;

import static dev.faultline.api.hax.HaxLayout.offset;

import dev.faultline.api.cpu.Segments;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.fault.PendingFault;
import dev.faultline.api.hax.HaxLayout;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/** vcpu_state_t and fx_layout to and from a vCPU that stands. */
final class Registers {
    private static final int GPRS = 16;
    private static final int RIP = offset(HaxLayout.VCPU_STATE, "_rip");
    private static final int RFLAGS = offset(HaxLayout.VCPU_STATE, "_rflags");
    private static final int SEGMENTS = offset(HaxLayout.VCPU_STATE, "_cs");
    private static final int GDT = offset(HaxLayout.VCPU_STATE, "_gdt");
    private static final int IDT = offset(HaxLayout.VCPU_STATE, "_idt");
    private static final int CR0 = offset(HaxLayout.VCPU_STATE, "_cr0");
    private static final int CR2 = offset(HaxLayout.VCPU_STATE, "_cr2");
    private static final int CR3 = offset(HaxLayout.VCPU_STATE, "_cr3");
    private static final int CR4 = offset(HaxLayout.VCPU_STATE, "_cr4");
    private static final int DR0 = offset(HaxLayout.VCPU_STATE, "_dr0");
    private static final int DR6 = offset(HaxLayout.VCPU_STATE, "_dr6");
    private static final int DR7 = offset(HaxLayout.VCPU_STATE, "_dr7");
    private static final int PDE = offset(HaxLayout.VCPU_STATE, "_pde");
    private static final int EFER = offset(HaxLayout.VCPU_STATE, "_efer");
    private static final int SYSENTER_CS = offset(HaxLayout.VCPU_STATE, "_sysenter_cs");
    private static final int SYSENTER_EIP = offset(HaxLayout.VCPU_STATE, "_sysenter_eip");
    private static final int SYSENTER_ESP = offset(HaxLayout.VCPU_STATE, "_sysenter_esp");
    private static final int ACTIVITY = offset(HaxLayout.VCPU_STATE, "_activity_state");
    private static final int INTERRUPTIBILITY =
            offset(HaxLayout.VCPU_STATE, "_interruptibility_state");

    private static final int SEG_LIMIT = offset(HaxLayout.SEGMENT, "limit");
    private static final int SEG_BASE = offset(HaxLayout.SEGMENT, "base");
    private static final int SEG_AR = offset(HaxLayout.SEGMENT, "ar");
    private static final int SEG_SIZE = HaxLayout.size(HaxLayout.SEGMENT);

    /** The structure's order. */
    private static final int[] ORDER = {
        Segments.CS,
        Segments.SS,
        Segments.DS,
        Segments.ES,
        Segments.FS,
        Segments.GS,
        Segments.LDTR,
        Segments.TR
    };

    // Interruptibility: SDM 3C, "Guest Non-Register State".
    private static final int BLOCKED_BY_STI = 1;
    private static final int BLOCKED_BY_MOV_SS = 2;
    private static final int BLOCKED_BY_NMI = 8;

    private static final int FX_ST = offset(HaxLayout.FX, "st_mm");
    private static final int FX_XMM = offset(HaxLayout.FX, "mmx_1");
    private static final int FX_IP = offset(HaxLayout.FX, "fpu_ip");
    private static final int FX_DP = offset(HaxLayout.FX, "fpu_dp");
    private static final int FX_MXCSR = offset(HaxLayout.FX, "mxcsr");
    private static final int FX_MASK = offset(HaxLayout.FX, "mxcsr_mask");
    private static final int FX_TAG = offset(HaxLayout.FX, "ftw");
    private static final int FX_FSW = offset(HaxLayout.FX, "fsw");
    private static final int FX_FOP = offset(HaxLayout.FX, "fop");
    private static final int MXCSR_MASK = 0xFFFF;
    private static final int FPU_REGISTERS = 8;

    private Registers() {}

    /**
     * @param dr the debug registers to show
     */
    static void get(VcpuContext v, long[] dr, ByteBuffer to) {
        for (int i = 0; i < GPRS; i++) {
            to.putLong(8 * i, v.gpr[i]);
        }
        to.putLong(RIP, v.rip);
        to.putLong(RFLAGS, v.getFlags() & 0xFFFF_FFFFL);
        for (int i = 0; i < ORDER.length; i++) {
            int s = ORDER[i];
            segment(
                    to,
                    SEGMENTS + i * SEG_SIZE,
                    v.segSel[s],
                    v.segBase[s],
                    v.segLimit[s],
                    v.segAttr[s]);
        }
        segment(to, GDT, 0, v.gdtBase, v.gdtLimit, 0);
        segment(to, IDT, 0, v.idtBase, v.idtLimit, 0);
        to.putLong(CR0, v.cr0);
        to.putLong(CR2, v.cr2);
        to.putLong(CR3, v.cr3);
        to.putLong(CR4, v.cr4);
        for (int i = 0; i < 4; i++) {
            to.putLong(DR0 + 8 * i, dr[i]);
        }
        to.putLong(DR6, dr[6]);
        to.putLong(DR7, dr[7]);
        to.putLong(PDE, 0);
        to.putInt(EFER, (int) v.efer);
        to.putInt(SYSENTER_CS, (int) v.sysenterCs);
        to.putLong(SYSENTER_EIP, v.sysenterEip);
        to.putLong(SYSENTER_ESP, v.sysenterEsp);
        to.putInt(ACTIVITY, v.activity);
        to.putInt(ACTIVITY + 4, 0);
        to.putLong(
                INTERRUPTIBILITY,
                (v.debugShadow ? BLOCKED_BY_MOV_SS : v.interruptShadow ? BLOCKED_BY_STI : 0)
                        | (v.nmiBlocked ? BLOCKED_BY_NMI : 0));
    }

    private static void segment(ByteBuffer to, int at, int selector, long base, int limit, int ar) {
        to.putInt(at, selector & 0xFFFF);
        to.putInt(at + SEG_LIMIT, limit);
        to.putLong(at + SEG_BASE, base);
        to.putInt(at + SEG_AR, ar);
        to.putInt(at + SEG_AR + 4, 0);
    }

    /**
     * The vCPU runs on from the new state: a shutdown, and an event that was being delivered, are
     * forgotten. The caller drops cached translations.
     *
     * @param dr the debug registers to set, or null
     */
    static void set(VcpuContext v, long @Nullable [] dr, ByteBuffer from) {
        for (int i = 0; i < GPRS; i++) {
            v.gpr[i] = from.getLong(8 * i);
        }
        v.rip = from.getLong(RIP);
        v.setFlags((int) from.getLong(RFLAGS));
        for (int i = 0; i < ORDER.length; i++) {
            int s = ORDER[i];
            int at = SEGMENTS + i * SEG_SIZE;
            v.segSel[s] = from.getShort(at) & 0xFFFF;
            v.segBase[s] = from.getLong(at + SEG_BASE);
            v.segLimit[s] = from.getInt(at + SEG_LIMIT);
            v.segAttr[s] = from.getInt(at + SEG_AR) & (Segments.UNUSABLE << 1) - 1;
        }
        v.gdtBase = from.getLong(GDT + SEG_BASE);
        v.gdtLimit = from.getInt(GDT + SEG_LIMIT) & 0xFFFF;
        v.idtBase = from.getLong(IDT + SEG_BASE);
        v.idtLimit = from.getInt(IDT + SEG_LIMIT) & 0xFFFF;
        v.cr0 = from.getLong(CR0);
        v.cr2 = from.getLong(CR2);
        v.cr3 = from.getLong(CR3);
        v.cr4 = from.getLong(CR4);
        if (dr != null) {
            for (int i = 0; i < 4; i++) {
                dr[i] = from.getLong(DR0 + 8 * i);
            }
            dr[6] = Debugger.dr6(from.getLong(DR6));
            dr[7] = Debugger.dr7(from.getLong(DR7));
        }
        v.efer = from.getInt(EFER) & 0xFFFF_FFFFL;
        v.sysenterCs = from.getInt(SYSENTER_CS) & 0xFFFF_FFFFL;
        v.sysenterEip = from.getLong(SYSENTER_EIP);
        v.sysenterEsp = from.getLong(SYSENTER_ESP);
        long i = from.getLong(INTERRUPTIBILITY);
        v.interruptShadow = (i & (BLOCKED_BY_STI | BLOCKED_BY_MOV_SS)) != 0;
        v.debugShadow = (i & BLOCKED_BY_MOV_SS) != 0;
        v.pendingDebug = 0;
        v.repeating(false);
        v.nmiBlocked = (i & BLOCKED_BY_NMI) != 0;
        v.activity = VcpuContext.RUNNING;
        v.shutdownReason = null;
        v.pendingVector = -1;
        v.pendingError = PendingFault.NO_ERROR_CODE;
        v.recompute();
    }

    // ---- FXSAVE area

    static void getFpu(VcpuContext v, ByteBuffer to) {
        for (int i = 0; i < HaxLayout.size(HaxLayout.FX); i += 8) {
            to.putLong(i, 0);
        }
        to.putShort(0, (short) v.fcw);
        to.putShort(FX_FSW, (short) v.fsw);
        to.put(FX_TAG, (byte) v.fpTag);
        to.putShort(FX_FOP, (short) v.fop);
        to.putLong(FX_IP, pointer(v, v.fip, v.fcs));
        to.putLong(FX_DP, pointer(v, v.fdp, v.fds));
        to.putInt(FX_MXCSR, v.mxcsr);
        to.putInt(FX_MASK, MXCSR_MASK);
        for (int i = 0; i < FPU_REGISTERS; i++) {
            int r = v.fsw >> 11 & 7;
            r = r + i & 7;
            to.putLong(FX_ST + 16 * i, v.fpSig[r]);
            to.putShort(FX_ST + 16 * i + 8, (short) v.fpExp[r]);
        }
        for (int i = 0; i < v.xmm.length; i++) {
            to.putLong(FX_XMM + 8 * i, v.xmm[i]);
        }
    }

    /** Outside long mode 32 bits of offset and the selector; in it 64 bits of offset. */
    private static long pointer(VcpuContext v, long offset, int selector) {
        return v.longMode() ? offset : offset & 0xFFFF_FFFFL | (selector & 0xFFFFL) << 32;
    }

    static void setFpu(VcpuContext v, ByteBuffer from) {
        v.fcw = from.getShort(0) & 0xFFFF;
        v.fsw = from.getShort(FX_FSW) & 0xFFFF;
        v.fpTag = from.get(FX_TAG) & 0xFF;
        v.fop = from.getShort(FX_FOP) & 0x7FF;
        long ip = from.getLong(FX_IP);
        long dp = from.getLong(FX_DP);
        v.fip = v.longMode() ? ip : ip & 0xFFFF_FFFFL;
        v.fdp = v.longMode() ? dp : dp & 0xFFFF_FFFFL;
        v.fcs = v.longMode() ? 0 : (int) (ip >>> 32) & 0xFFFF;
        v.fds = v.longMode() ? 0 : (int) (dp >>> 32) & 0xFFFF;
        v.mxcsr = from.getInt(FX_MXCSR) & MXCSR_MASK;
        for (int i = 0; i < FPU_REGISTERS; i++) {
            int r = (v.fsw >> 11) + i & 7;
            v.fpSig[r] = from.getLong(FX_ST + 16 * i);
            v.fpExp[r] = from.getShort(FX_ST + 16 * i + 8) & 0xFFFF;
        }
        for (int i = 0; i < v.xmm.length; i++) {
            v.xmm[i] = from.getLong(FX_XMM + 8 * i);
        }
    }
}
