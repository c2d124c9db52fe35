// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.state;

import dev.faultline.api.cpu.Segments;
import dev.faultline.api.device.StateSection;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.fault.PendingFault;
import dev.faultline.machine.pc.internal.load.GuestRam;

/**
 * A vCPU's architectural state as a section: everything in {@link VcpuContext} that is not derived,
 * cached or wiring. A key is the register's name.
 *
 * <p>Loading refuses what no processor can be in (SDM 3C, "Checks on the Guest State Area" lists
 * the same), since the instruction semantics rely on what their own register writes have checked.
 */
public final class VcpuSection {
    // Keys of what other vCPUs sent to it.
    public static final String WAITS = "waitsForSipi";
    public static final String INIT = "init";
    public static final String STARTUP = "startup";
    public static final int NO_SIPI = -1;

    static final String PREFIX = "vcpu";
    public static final int VERSION = 2;

    private static final long CR0_PG = 0x8000_0000L;
    private static final long CR0_DEFINED = 0xE005_003FL;

    /** VME and PVI to SMAP, as far as SDM 3A defines them below the vendor's extensions. */
    private static final long CR4_DEFINED = 0x37_FFFFL;

    private static final long EFER_DEFINED =
            VcpuContext.EFER_SCE
                    | VcpuContext.EFER_LME
                    | VcpuContext.EFER_LMA
                    | VcpuContext.EFER_NXE;
    private static final long XCR0_DEFINED = 7;
    private static final long UINT32 = 0xFFFF_FFFFL;
    private static final int UINT16 = 0xFFFF;

    /** DR6: the four breakpoints, single step. */
    private static final long PENDING_DEBUG = 0x400F;

    private static final int ATTRIBUTES = 0xFFFF | Segments.UNUSABLE;

    private VcpuSection() {}

    public static String id(int index) {
        return PREFIX + index;
    }

    public static StateSection save(VcpuContext v) {
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
        s.put("cr0", v.cr0);
        s.put("cr2", v.cr2);
        s.put("cr3", v.cr3);
        s.put("cr4", v.cr4);
        s.put("efer", v.efer);
        s.put("xcr0", v.xcr0);
        s.put("pdpte", v.pdpte);
        s.put("dr", v.guestDebugRegisters());
        saveMsrs(s, v);
        saveFpu(s, v);
        saveEvents(s, v);
        s.put("instructions", v.instructions);
        s.put("repeating", v.repeating());
        return s;
    }

    private static void saveMsrs(StateSection s, VcpuContext v) {
        s.put("star", v.star);
        s.put("lstar", v.lstar);
        s.put("cstar", v.cstar);
        s.put("fmask", v.fmask);
        s.put("kernelGsBase", v.kernelGsBase);
        s.put("sysenterCs", v.sysenterCs);
        s.put("sysenterEsp", v.sysenterEsp);
        s.put("sysenterEip", v.sysenterEip);
        s.put("pat", v.pat);
        s.put("tscAux", v.tscAux);
        s.put("tscOffset", v.tscOffset);
        s.put("miscEnable", v.miscEnable);
        s.put("specCtrl", v.specCtrl);
        s.put("mtrrDefType", v.mtrrDefType);
        s.put("mtrrFixed", v.mtrrFixed);
        s.put("mtrrVariable", v.mtrrVariable);
    }

    private static void saveFpu(StateSection s, VcpuContext v) {
        s.put("fpSig", v.fpSig);
        s.put("fpExp", v.fpExp);
        s.put("fpTag", v.fpTag);
        s.put("fcw", v.fcw);
        s.put("fsw", v.fsw);
        s.put("fop", v.fop);
        s.put("fip", v.fip);
        s.put("fdp", v.fdp);
        s.put("fcs", v.fcs);
        s.put("fds", v.fds);
        s.put("xmm", v.xmm);
        s.put("mxcsr", v.mxcsr);
    }

    private static void saveEvents(StateSection s, VcpuContext v) {
        s.put("activity", v.activity);
        s.put("interruptShadow", v.interruptShadow);
        s.put("debugShadow", v.debugShadow);
        s.put("nmiBlocked", v.nmiBlocked);
        s.put("pendingVector", v.pendingVector);
        s.put("pendingError", v.pendingError);
        s.put("pendingKind", v.pendingKind);
        s.put("pendingLength", v.pendingLength);
        s.put("pendingDebug", v.pendingDebug);
        s.put("injectedVector", v.injectedVector);
        s.put("injectedError", v.injectedError);
        if (v.shutdownReason != null) {
            s.put("shutdownReason", v.shutdownReason);
        }
    }

    /**
     * Puts a saved state back; the caller drops cached translations.
     *
     * @throws IllegalArgumentException naming the key, for a section that does not make sense; some
     *     registers have changed then
     */
    public static void load(StateSection s, VcpuContext v) {
        s.getInto("gpr", v.gpr);
        v.gpr[VcpuContext.ZERO] = 0;
        v.rip = s.getLong("rip");
        v.setFlags(s.getInt("rflags"));
        loadSegments(s, v);
        loadControl(s, v);
        loadMsrs(s, v);
        loadFpu(s, v);
        loadEvents(s, v);
        v.instructions = s.getLong("instructions");
        // Sections from before this key was written do not tell; what v had is of another state.
        v.repeating(s.has("repeating") && s.getBoolean("repeating"));
        v.forgetAccess(); // half an instruction of the old state
        v.recompute();
    }

    private static void loadSegments(StateSection s, VcpuContext v) {
        s.getInto("segSel", v.segSel);
        within(s, "segSel", v.segSel, UINT16);
        s.getInto("segBase", v.segBase);
        for (long base : v.segBase) {
            canonical(s, "segBase", base);
        }
        s.getInto("segLimit", v.segLimit);
        s.getInto("segAttr", v.segAttr);
        within(s, "segAttr", v.segAttr, ATTRIBUTES);
        v.gdtBase = canonical(s, "gdtBase");
        v.gdtLimit = s.getInt("gdtLimit", 0, UINT16);
        v.idtBase = canonical(s, "idtBase");
        v.idtLimit = s.getInt("idtLimit", 0, UINT16);
    }

    private static void loadControl(StateSection s, VcpuContext v) {
        v.cr0 = bits(s, "cr0", CR0_DEFINED);
        v.cr2 = s.getLong("cr2");
        v.cr3 = bits(s, "cr3", (1L << GuestRam.PHYSICAL_ADDRESS_BITS) - 1);
        v.cr4 = bits(s, "cr4", CR4_DEFINED);
        v.efer = bits(s, "efer", EFER_DEFINED);
        v.xcr0 = bits(s, "xcr0", XCR0_DEFINED);
        boolean paging = (v.cr0 & CR0_PG) != 0;
        boolean active = (v.efer & VcpuContext.EFER_LMA) != 0;
        if (paging && (v.cr0 & VcpuContext.CR0_PE) == 0
                || active != (paging && (v.efer & VcpuContext.EFER_LME) != 0)
                || active && (v.cr4 & VcpuContext.CR4_PAE) == 0
                || active && (v.eflags & VcpuContext.VM) != 0
                || (v.xcr0 & 1) == 0) {
            throw new IllegalArgumentException(
                    "state section %s: no processor has cr0 0x%x, cr4 0x%x, efer 0x%x, rflags 0x%x and xcr0 0x%x at once"
                            .formatted(s.id(), v.cr0, v.cr4, v.efer, v.getFlags(), v.xcr0));
        }
        s.getInto("pdpte", v.pdpte);
        long[] dr = v.guestDebugRegisters();
        s.getInto("dr", dr);
        if ((dr[6] | dr[7]) >>> 32 != 0) {
            throw bad(s, "dr", "have 32 bits in DR6 and DR7");
        }
    }

    private static void loadMsrs(StateSection s, VcpuContext v) {
        v.star = s.getLong("star");
        v.lstar = canonical(s, "lstar");
        v.cstar = canonical(s, "cstar");
        v.fmask = s.getLong("fmask", 0, UINT32);
        v.kernelGsBase = canonical(s, "kernelGsBase");
        v.sysenterCs = s.getLong("sysenterCs", 0, UINT32);
        v.sysenterEsp = canonical(s, "sysenterEsp");
        v.sysenterEip = canonical(s, "sysenterEip");
        v.pat = s.getLong("pat");
        v.tscAux = s.getLong("tscAux", 0, UINT32);
        v.tscOffset = s.getLong("tscOffset");
        v.miscEnable = s.getLong("miscEnable");
        v.specCtrl = s.getLong("specCtrl");
        v.mtrrDefType = s.getLong("mtrrDefType");
        s.getInto("mtrrFixed", v.mtrrFixed);
        s.getInto("mtrrVariable", v.mtrrVariable);
    }

    private static void loadFpu(StateSection s, VcpuContext v) {
        s.getInto("fpSig", v.fpSig);
        s.getInto("fpExp", v.fpExp);
        within(s, "fpExp", v.fpExp, UINT16);
        v.fpTag = s.getInt("fpTag", 0, 0xFF);
        v.fcw = s.getInt("fcw", 0, UINT16);
        v.fsw = s.getInt("fsw", 0, UINT16);
        v.fop = s.getInt("fop", 0, 0x7FF);
        v.fip = s.getLong("fip");
        v.fdp = s.getLong("fdp");
        v.fcs = s.getInt("fcs", 0, UINT16);
        v.fds = s.getInt("fds", 0, UINT16);
        s.getInto("xmm", v.xmm);
        v.mxcsr = s.getInt("mxcsr", 0, UINT16);
    }

    private static void loadEvents(StateSection s, VcpuContext v) {
        v.activity = s.getInt("activity", VcpuContext.RUNNING, VcpuContext.SHUTDOWN);
        v.interruptShadow = s.getBoolean("interruptShadow");
        v.nmiBlocked = s.getBoolean("nmiBlocked");
        v.pendingVector = s.getInt("pendingVector", -1, 0xFF);
        v.pendingError = s.getInt("pendingError", PendingFault.NO_ERROR_CODE, UINT16);
        v.pendingKind = s.getInt("pendingKind", 0, 3);
        v.pendingLength = s.getInt("pendingLength", 0, 15);
        v.pendingDebug = (int) bits(s, "pendingDebug", PENDING_DEBUG);
        // Sections from before this key was written: conditions were pending only in a shadow.
        v.debugShadow = s.has("debugShadow") ? s.getBoolean("debugShadow") : v.pendingDebug != 0;
        if (v.debugShadow && !v.interruptShadow) {
            throw bad(s, "debugShadow", "be false without interruptShadow");
        }
        v.injectedVector = s.getInt("injectedVector", -1, 31);
        v.injectedError = s.getInt("injectedError", PendingFault.NO_ERROR_CODE, UINT16);
        v.shutdownReason = s.has("shutdownReason") ? s.getString("shutdownReason") : null;
    }

    // ---- checks

    private static long bits(StateSection s, String key, long defined) {
        long x = s.getLong(key);
        if ((x & ~defined) != 0) {
            throw bad(s, key, "have no bits but 0x%x, not 0x%x".formatted(defined, x));
        }
        return x;
    }

    private static long canonical(StateSection s, String key) {
        return canonical(s, key, s.getLong(key));
    }

    private static long canonical(StateSection s, String key, long x) {
        if (!VcpuContext.canonical(x)) {
            throw bad(s, key, "be canonical, not 0x%x".formatted(x));
        }
        return x;
    }

    private static void within(StateSection s, String key, int[] values, int defined) {
        for (int x : values) {
            if ((x & ~defined) != 0) {
                throw bad(s, key, "have no bits but 0x%x, not 0x%x".formatted(defined, x));
            }
        }
    }

    private static IllegalArgumentException bad(StateSection s, String key, String expected) {
        return new IllegalArgumentException(
                "state section %s version %d: key %s must %s"
                        .formatted(s.id(), s.version(), key, expected));
    }
}
