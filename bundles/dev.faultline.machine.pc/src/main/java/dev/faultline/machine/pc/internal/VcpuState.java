// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal;

import dev.faultline.api.cpu.VcpuContext;
import dev.faultline.api.device.StateSection;

/**
 * A vCPU's architectural state as a section: everything in {@link VcpuContext} that is not derived,
 * cached or wiring.
 */
final class VcpuState {
    static final int VERSION = 1;

    private VcpuState() {}

    static String id(int index) {
        return "vcpu" + index;
    }

    static StateSection save(VcpuContext v) {
        StateSection s = new StateSection(id(v.index), VERSION);
        s.put("gpr", v.gpr);
        s.put("rip", v.rip);
        s.put("rflags", v.getFlags());
        s.put("segSel", v.segSel);
        s.put("segBase", v.segBase);
        s.put("segLimit", v.segLimit);
        s.put("segAttr", v.segAttr);
        s.put("gdtBase", v.gdtBase);
        s.put("gdtLimit", v.gdtLimit);
        s.put("idtBase", v.idtBase);
        s.put("idtLimit", v.idtLimit);
        s.put("cr", new long[] {v.cr0, v.cr2, v.cr3, v.cr4, v.efer, v.xcr0});
        s.put("pdpte", v.pdpte);
        s.put("dr", v.dr);
        s.put(
                "msr",
                new long[] {
                    v.star, v.lstar, v.cstar, v.fmask, v.kernelGsBase, v.sysenterCs, v.sysenterEsp,
                    v.sysenterEip, v.pat, v.tscAux, v.tscOffset, v.miscEnable, v.mtrrDefType,
                            v.specCtrl
                });
        s.put("mtrrFixed", v.mtrrFixed);
        s.put("mtrrVariable", v.mtrrVariable);
        s.put("fpSig", v.fpSig);
        s.put("fpExp", v.fpExp);
        s.put(
                "fpu",
                new long[] {v.fpTag, v.fcw, v.fsw, v.fop, v.fip, v.fdp, v.fcs, v.fds, v.mxcsr});
        s.put("xmm", v.xmm);
        s.put("activity", v.activity);
        s.put("interruptShadow", v.interruptShadow);
        s.put("nmiBlocked", v.nmiBlocked);
        s.put(
                "pending",
                new long[] {v.pendingVector, v.pendingError, v.pendingKind, v.pendingLength});
        if (v.injectedVector >= 0) {
            s.put("injected", new long[] {v.injectedVector, v.injectedError});
        }
        s.put("instructions", v.instructions);
        if (v.shutdownReason != null) {
            s.put("shutdownReason", v.shutdownReason);
        }
        return s;
    }

    /**
     * Puts a saved state back; the caller drops cached translations.
     *
     * @throws IllegalArgumentException naming the key, for a section that does not make sense
     */
    static void load(StateSection s, VcpuContext v) {
        s.getInto("gpr", v.gpr);
        v.gpr[VcpuContext.ZERO] = 0;
        v.rip = s.getLong("rip");
        v.setFlags(s.getInt("rflags"));
        s.getInto("segSel", v.segSel);
        s.getInto("segBase", v.segBase);
        s.getInto("segLimit", v.segLimit);
        s.getInto("segAttr", v.segAttr);
        v.gdtBase = s.getLong("gdtBase");
        v.gdtLimit = s.getInt("gdtLimit");
        v.idtBase = s.getLong("idtBase");
        v.idtLimit = s.getInt("idtLimit");
        loadControl(s, v);
        s.getInto("pdpte", v.pdpte);
        s.getInto("dr", v.dr);
        loadMsrs(s, v);
        s.getInto("mtrrFixed", v.mtrrFixed);
        s.getInto("mtrrVariable", v.mtrrVariable);
        loadFpu(s, v);
        v.activity = s.getInt("activity");
        if (v.activity < VcpuContext.RUNNING || v.activity > VcpuContext.SHUTDOWN) {
            throw new IllegalArgumentException(
                    "state section " + s.id() + ": activity must be 0..2, not " + v.activity);
        }
        v.interruptShadow = s.getBoolean("interruptShadow");
        v.nmiBlocked = s.getBoolean("nmiBlocked");
        loadPending(s, v);
        v.instructions = s.getLong("instructions");
        v.shutdownReason = s.has("shutdownReason") ? s.getString("shutdownReason") : null;
        v.staged = null; // half an instruction of the old state
        v.recompute();
    }

    private static void loadControl(StateSection s, VcpuContext v) {
        long[] cr = new long[6];
        s.getInto("cr", cr);
        v.cr0 = cr[0];
        v.cr2 = cr[1];
        v.cr3 = cr[2];
        v.cr4 = cr[3];
        v.efer = cr[4];
        v.xcr0 = cr[5];
    }

    private static void loadMsrs(StateSection s, VcpuContext v) {
        long[] m = new long[14];
        s.getInto("msr", m);
        v.star = m[0];
        v.lstar = m[1];
        v.cstar = m[2];
        v.fmask = m[3];
        v.kernelGsBase = m[4];
        v.sysenterCs = m[5];
        v.sysenterEsp = m[6];
        v.sysenterEip = m[7];
        v.pat = m[8];
        v.tscAux = m[9];
        v.tscOffset = m[10];
        v.miscEnable = m[11];
        v.mtrrDefType = m[12];
        v.specCtrl = m[13];
    }

    private static void loadFpu(StateSection s, VcpuContext v) {
        s.getInto("fpSig", v.fpSig);
        s.getInto("fpExp", v.fpExp);
        s.getInto("xmm", v.xmm);
        long[] f = new long[9];
        s.getInto("fpu", f);
        v.fpTag = (int) f[0];
        v.fcw = (int) f[1];
        v.fsw = (int) f[2];
        v.fop = (int) f[3];
        v.fip = f[4];
        v.fdp = f[5];
        v.fcs = (int) f[6];
        v.fds = (int) f[7];
        v.mxcsr = (int) f[8];
    }

    private static void loadPending(StateSection s, VcpuContext v) {
        long[] p = new long[4];
        s.getInto("pending", p);
        if (p[0] < -1 || p[0] > 255 || p[2] < 0 || p[2] > 3) {
            throw new IllegalArgumentException(
                    "state section %s: no event has vector %d and kind %d"
                            .formatted(s.id(), p[0], p[2]));
        }
        v.injectedVector = -1;
        if (s.has("injected")) {
            long[] injected = new long[2];
            s.getInto("injected", injected);
            v.injectedVector = (int) injected[0];
            v.injectedError = (int) injected[1];
        }
        v.pendingVector = (int) p[0];
        v.pendingError = (int) p[1];
        v.pendingKind = (int) p[2];
        v.pendingLength = (int) p[3];
    }
}
