// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.interpreter.sweep;

import dev.faultline.api.cpu.Segments;
import dev.faultline.api.engine.VcpuContext;
import java.util.ArrayList;
import java.util.List;

/** The architectural state of a vCPU as numbers, each with a name. */
public final class SweepState {
    private static final List<String> NAMES = new ArrayList<>();
    private static final int SIZE;

    /** Index of the fields that checks treat specially. */
    public static final int RIP = 16;

    static final int CR2;
    static final int INSTRUCTIONS;
    static final int PENDING;
    public static final int FLAGS;
    static final int NMI_BLOCKED;
    public static final int REPEATING;

    static {
        walk(new VcpuContext(0), new Walker(new long[512], false));
        SIZE = NAMES.size();
        CR2 = NAMES.indexOf("cr2");
        INSTRUCTIONS = NAMES.indexOf("instructions");
        PENDING = NAMES.indexOf("pendingVector");
        FLAGS = NAMES.indexOf("flags");
        NMI_BLOCKED = NAMES.indexOf("nmiBlocked");
        REPEATING = NAMES.indexOf("repeating");
    }

    final long[] values = new long[SIZE];

    /** Of the field {@code name}. */
    static int index(String name) {
        int i = NAMES.indexOf(name);
        if (i < 0) {
            throw new IllegalArgumentException(name + ": no such field");
        }
        return i;
    }

    public static SweepState of(VcpuContext v) {
        SweepState s = new SweepState();
        walk(v, new Walker(s.values, false));
        return s;
    }

    public void restore(VcpuContext v) {
        walk(v, new Walker(values, true));
        v.interruptShadow = values[NAMES.indexOf("interruptShadow")] != 0;
        v.debugShadow = values[NAMES.indexOf("debugShadow")] != 0;
        v.nmiBlocked = values[NAMES.indexOf("nmiBlocked")] != 0;
        v.repeating(values[REPEATING] != 0);
        v.setFlags((int) values[FLAGS]);
        v.shutdownReason = null;
        v.recompute();
        v.flushTranslations();
    }

    public SweepState copy() {
        SweepState s = new SweepState();
        System.arraycopy(values, 0, s.values, 0, SIZE);
        return s;
    }

    /** This, but for the bits {@code mask} of a field, which are as in {@code other}. */
    public SweepState but(int field, long mask, SweepState other) {
        SweepState s = copy();
        s.values[field] ^= (values[field] ^ other.values[field]) & mask;
        return s;
    }

    /**
     * What differs from {@code expected}, apart from the pending event's details and the fields
     * given.
     */
    public String difference(SweepState expected, int... ignored) {
        StringBuilder b = new StringBuilder();
        for (int i = 0; i < SIZE; i++) {
            if (values[i] != expected.values[i]
                    && !(i > PENDING && i <= PENDING + 3)
                    && !contains(ignored, i)) {
                b.append(
                        "%s %x expected %x; "
                                .formatted(NAMES.get(i), values[i], expected.values[i]));
            }
        }
        return b.toString();
    }

    private static boolean contains(int[] all, int i) {
        for (int x : all) {
            if (x == i) {
                return true;
            }
        }
        return false;
    }

    /** One field after the other, read or written. */
    private static final class Walker {
        private final long[] values;
        private final boolean write;
        private int at;

        Walker(long[] values, boolean write) {
            this.values = values;
            this.write = write;
        }

        long next(String name, long now) {
            if (SIZE == 0) {
                NAMES.add(name);
            }
            if (!write) {
                values[at] = now;
            }
            return values[at++];
        }

        void array(String name, long[] a, int n) {
            for (int i = 0; i < n; i++) {
                a[i] = next(name + i, a[i]);
            }
        }

        void array(String name, int[] a) {
            for (int i = 0; i < a.length; i++) {
                a[i] = (int) next(name + i, a[i]);
            }
        }
    }

    private static void walk(VcpuContext v, Walker w) {
        w.array("r", v.gpr, 16);
        v.rip = w.next("rip", v.rip);
        w.next("flags", v.getFlags());
        w.array("sel", v.segSel);
        w.array("base", v.segBase, Segments.COUNT);
        w.array("limit", v.segLimit);
        w.array("attr", v.segAttr);
        v.gdtBase = w.next("gdtBase", v.gdtBase);
        v.gdtLimit = (int) w.next("gdtLimit", v.gdtLimit);
        v.idtBase = w.next("idtBase", v.idtBase);
        v.idtLimit = (int) w.next("idtLimit", v.idtLimit);
        v.cr0 = w.next("cr0", v.cr0);
        v.cr2 = w.next("cr2", v.cr2);
        v.cr3 = w.next("cr3", v.cr3);
        v.cr4 = w.next("cr4", v.cr4);
        v.efer = w.next("efer", v.efer);
        v.xcr0 = w.next("xcr0", v.xcr0);
        w.array("pdpte", v.pdpte, 4);
        w.array("dr", v.dr, 8);
        models(v, w);
        w.array("fpSig", v.fpSig, 8);
        w.array("fpExp", v.fpExp);
        v.fpTag = (int) w.next("fpTag", v.fpTag);
        v.fcw = (int) w.next("fcw", v.fcw);
        v.fsw = (int) w.next("fsw", v.fsw);
        v.fop = (int) w.next("fop", v.fop);
        v.fip = w.next("fip", v.fip);
        v.fdp = w.next("fdp", v.fdp);
        v.fcs = (int) w.next("fcs", v.fcs);
        v.fds = (int) w.next("fds", v.fds);
        w.array("xmm", v.xmm, 32);
        v.mxcsr = (int) w.next("mxcsr", v.mxcsr);
        v.activity = (int) w.next("activity", v.activity);
        w.next("interruptShadow", v.interruptShadow ? 1 : 0);
        w.next("debugShadow", v.debugShadow ? 1 : 0);
        v.pendingDebug = (int) w.next("pendingDebug", v.pendingDebug);
        w.next("nmiBlocked", v.nmiBlocked ? 1 : 0);
        v.pendingVector = (int) w.next("pendingVector", v.pendingVector);
        v.pendingError = (int) w.next("pendingError", v.pendingError);
        v.pendingKind = (int) w.next("pendingKind", v.pendingKind);
        v.pendingLength = (int) w.next("pendingLength", v.pendingLength);
        v.instructions = w.next("instructions", v.instructions);
        w.next("repeating", v.repeating() ? 1 : 0);
    }

    private static void models(VcpuContext v, Walker w) {
        v.star = w.next("star", v.star);
        v.lstar = w.next("lstar", v.lstar);
        v.cstar = w.next("cstar", v.cstar);
        v.fmask = w.next("fmask", v.fmask);
        v.kernelGsBase = w.next("kernelGsBase", v.kernelGsBase);
        v.sysenterCs = w.next("sysenterCs", v.sysenterCs);
        v.sysenterEsp = w.next("sysenterEsp", v.sysenterEsp);
        v.sysenterEip = w.next("sysenterEip", v.sysenterEip);
        v.pat = w.next("pat", v.pat);
        v.tscAux = w.next("tscAux", v.tscAux);
        v.tscOffset = w.next("tscOffset", v.tscOffset);
        v.miscEnable = w.next("miscEnable", v.miscEnable);
        v.mtrrDefType = w.next("mtrrDefType", v.mtrrDefType);
        w.array("mtrrFixed", v.mtrrFixed, 11);
        w.array("mtrrVariable", v.mtrrVariable, 16);
        v.specCtrl = w.next("specCtrl", v.specCtrl);
    }
}
