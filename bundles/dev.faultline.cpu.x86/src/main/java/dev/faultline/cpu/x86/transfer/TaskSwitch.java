// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.transfer;

import dev.faultline.api.cpu.Segments;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.fault.FaultOrigin;
import dev.faultline.api.fault.PendingFault;
import dev.faultline.cpu.x86.debug.Debug;
import dev.faultline.cpu.x86.debug.DebugState;
import dev.faultline.cpu.x86.segment.Descriptors;
import dev.faultline.cpu.x86.segment.PlannedWrites;
import dev.faultline.cpu.x86.segment.SegmentLoads;
import dev.faultline.cpu.x86.segment.Stacks;
import dev.faultline.cpu.x86.segment.SystemState;
import dev.faultline.cpu.x86.state.Faults;

/**
 * Hardware task switching with 16- and 32-bit TSSs. SDM 3A, "Task Switching", and table "Exception
 * Conditions Checked During a Task Switch".
 *
 * <p>What fails before the switch commits leaves everything as it was. What the new task's own
 * state gets wrong is an exception in the new task: everything is evaluated first (under the new
 * CR3, put back if the host stops an access), then committed, and the exception waits in {@code
 * v.pendingVector}.
 */
final class TaskSwitch {
    static final int JUMP = 0;

    /** CALL, INT n, interrupts and exceptions: the new task is nested. */
    static final int NEST = 1;

    static final int RETURN = 2;

    private static final int BUSY = 2;

    private final VcpuContext v;
    private final SystemState s;
    private final int source;
    private final int ext;

    /** The new TSS. */
    private final int selector;

    private final long descriptor;
    private final long descriptorLin;
    private final boolean wide;
    private final long base;

    // New context, evaluated before anything is committed.
    private final int[] sel = new int[Segments.COUNT];
    private final long[] desc = new long[Segments.COUNT];
    private final long[] lin = new long[Segments.COUNT];
    private final boolean[] good = new boolean[Segments.COUNT];
    private final long[] gpr = new long[8];
    private long cr3;
    private long eip;
    private long eflags;
    private boolean trap;

    /** The exception in the new task, or -1. */
    private int vector = -1;

    private int code;
    private long cr2;

    private TaskSwitch(VcpuContext v, int selector, int source, int ext) {
        this.v = v;
        this.s = SystemState.of(v);
        this.selector = selector & 0xFFFC;
        this.source = source;
        this.ext = ext;
        descriptor = s.descriptor;
        descriptorLin = s.descriptorLin;
        base = Descriptors.base(descriptor);
        wide = (Descriptors.attributes(descriptor) & 8) != 0;
    }

    /**
     * Through a task gate of the IDT.
     *
     * @return 0, or -1: the fault is recorded, nothing has changed
     */
    static int fromEvent(
            VcpuContext v, int selector, int ext, int errorCode, long rip, long image) {
        int r = checkAvailable(v, selector, Faults.GP, ext);
        if (r != 0) {
            return r;
        }
        return new TaskSwitch(v, selector, NEST, ext).go(rip, image, errorCode);
    }

    /**
     * JMP or CALL to a TSS, whose descriptor {@link Descriptors#read} has just read and whose type,
     * DPL and P have been checked, or through a task gate (same).
     */
    static int fromTransfer(VcpuContext v, int selector, int source, long rip) {
        return new TaskSwitch(v, selector, source, 0)
                .go(rip, v.getFlags(), PendingFault.NO_ERROR_CODE);
    }

    /** IRET with NT. */
    static int fromReturn(VcpuContext v, long rip) {
        SystemState s = SystemState.of(v);
        if (Descriptors.readTable(v, v.segBase[Segments.TR], 2) != 0) {
            return -1;
        }
        int link = (int) s.value;
        if ((link & 4) != 0 || Descriptors.isNull(link)) {
            return Descriptors.fault(v, Faults.TS, link & 0xFFFC);
        }
        if (Descriptors.readOr(v, link, 8, Faults.TS, 0) != 0) {
            return -1;
        }
        int a = Descriptors.attributes(s.descriptor);
        int type = a & 0x1F;
        if (type != Descriptors.TSS16_BUSY && type != Descriptors.TSS_BUSY) {
            return Descriptors.fault(v, Faults.TS, link & 0xFFFC);
        }
        if (!Descriptors.present(a)) {
            return Descriptors.fault(v, Faults.NP, link & 0xFFFC);
        }
        return new TaskSwitch(v, link, RETURN, 0).go(rip, v.getFlags(), PendingFault.NO_ERROR_CODE);
    }

    /** Reads and checks the descriptor of an available TSS in the GDT. */
    static int checkAvailable(VcpuContext v, int selector, int bad, int ext) {
        int error = selector & 0xFFFC | ext;
        if ((selector & 4) != 0 || Descriptors.isNull(selector)) {
            return Descriptors.fault(v, bad, error);
        }
        if (Descriptors.readOr(v, selector, 8, bad, ext) != 0) {
            return -1;
        }
        int a = Descriptors.attributes(SystemState.of(v).descriptor);
        int type = a & 0x1F;
        if (type != Descriptors.TSS16_AVAILABLE && type != Descriptors.TSS_AVAILABLE) {
            return Descriptors.fault(v, bad, error);
        }
        if (!Descriptors.present(a)) {
            return Descriptors.fault(v, Faults.NP, error);
        }
        return 0;
    }

    private int go(long rip, long image, int errorCode) {
        int limit = Descriptors.limit(descriptor);
        if (Integer.compareUnsigned(limit, wide ? 0x67 : 0x2B) < 0) {
            return Descriptors.fault(v, Faults.TS, selector | ext);
        }
        if (readNew() != 0 || planOld(rip, image) != 0 || planNew() != 0) {
            return -1;
        }
        long oldCr3 = v.cr3;
        long[] oldPdpte = v.pdpte.clone();
        boolean paging = (v.cr0 & VcpuContext.CR0_PG) != 0;
        boolean switches = wide && paging && cr3 != oldCr3;
        if (switches) {
            v.cr3 = cr3;
            v.mmu.flush(v);
        }
        boolean stopped =
                switches && (v.cr4 & VcpuContext.CR4_PAE) != 0 && v.mmu.loadPdptes(v, cr3) != 0
                        ? !exception()
                        : !evaluate();
        stopped = stopped || !planAccessed();
        int[] push = {0};
        if (!stopped && vector < 0 && errorCode != PendingFault.NO_ERROR_CODE) {
            stopped = !planError(errorCode, push);
        }
        boolean taken = !stopped && !s.writes.claim();
        if (stopped || taken) {
            if (switches) {
                v.cr3 = oldCr3;
                System.arraycopy(oldPdpte, 0, v.pdpte, 0, 4);
                v.mmu.flush(v);
            }
            // Another vCPU has made the task busy since the descriptor was read.
            return taken ? Descriptors.gp(v, selector | ext) : -1;
        }
        commit(push[0]);
        return 0;
    }

    /**
     * Takes the recorded fault as the new task's.
     *
     * @return false if it is not the guest's
     */
    private boolean exception() {
        if (v.fault.kind != PendingFault.GUEST) {
            return false;
        }
        if (vector < 0) {
            vector = v.fault.vector;
            code = v.fault.errorCode;
            cr2 = v.fault.gva;
        }
        return true;
    }

    // ---- TSS images

    private int readNew() {
        int step = wide ? 4 : 2;
        int at = wide ? 0x20 : 0xE;
        if (wide) {
            if (word(0x1C, 4) != 0) {
                return -1;
            }
            cr3 = s.value;
        }
        if (word(at, step) != 0) {
            return -1;
        }
        eip = s.value;
        if (word(at + step, step) != 0) {
            return -1;
        }
        eflags = s.value;
        for (int i = 0; i < 8; i++) {
            if (word(at + step * (2 + i), step) != 0) {
                return -1;
            }
            gpr[i] = wide ? s.value : s.value | 0xFFFF_0000L;
        }
        int segments = wide ? 6 : 4;
        for (int i = 0; i < segments; i++) {
            if (word(at + step * (10 + i), 2) != 0) {
                return -1;
            }
            sel[i] = (int) s.value;
        }
        if (word(at + step * (10 + segments), 2) != 0) {
            return -1;
        }
        sel[Segments.LDTR] = (int) s.value;
        if (wide) {
            if (word(0x64, 2) != 0) {
                return -1;
            }
            trap = (s.value & 1) != 0;
        }
        return 0;
    }

    private int word(int offset, int size) {
        return Descriptors.readTable(v, base + offset, size);
    }

    /** The outgoing state, and the outgoing TSS's busy bit. */
    private int planOld(long rip, long image) {
        PlannedWrites w = s.writes.clear();
        boolean oldWide = (v.segAttr[Segments.TR] & 8) != 0;
        int step = oldWide ? 4 : 2;
        int at = oldWide ? 0x20 : 0xE;
        long old = v.segBase[Segments.TR];
        if (Integer.compareUnsigned(v.segLimit[Segments.TR], oldWide ? 0x5F : 0x29) < 0) {
            return Descriptors.fault(v, Faults.TS, v.segSel[Segments.TR] & 0xFFFC | ext);
        }
        long flags = source == RETURN ? image & ~(long) VcpuContext.NT : image;
        if (put(old + at, step, rip) != 0 || put(old + at + step, step, flags) != 0) {
            return -1;
        }
        for (int i = 0; i < 8; i++) {
            if (put(old + at + step * (2L + i), step, v.gpr[i]) != 0) {
                return -1;
            }
        }
        for (int i = 0; i < (oldWide ? 6 : 4); i++) {
            if (put(old + at + step * (10L + i), 2, v.segSel[i]) != 0) {
                return -1;
            }
        }
        if (source == NEST) {
            return 0;
        }
        long tr = v.gdtBase + (v.segSel[Segments.TR] & 0xFFF8);
        if (Descriptors.readTable(v, tr + 5, 1) != 0) {
            return -1;
        }
        return w.bits(v, tr + 5, (int) s.value, 0, BUSY);
    }

    private int put(long to, int size, long val) {
        return s.writes.system(v, to, size, val, FaultOrigin.DESCRIPTOR);
    }

    /** The incoming TSS's link and busy bit. */
    private int planNew() {
        if (source == NEST && put(base, 2, v.segSel[Segments.TR]) != 0) {
            return -1;
        }
        int a = Descriptors.attributes(descriptor) & 0xFF;
        return source == RETURN ? 0 : s.writes.claimed(v, descriptorLin + 5, a, BUSY);
    }

    // ---- the new context

    /**
     * Looks up every segment of the new task; the first exception goes into {@link #vector}.
     *
     * @return false if the host stopped an access
     */
    private boolean evaluate() {
        int ldt = sel[Segments.LDTR];
        if (!Descriptors.isNull(ldt)) {
            int r = (ldt & 4) != 0 ? Descriptors.OUTSIDE : Descriptors.read(v, ldt);
            if (r < 0) {
                return exception();
            }
            int a = Descriptors.attributes(s.descriptor);
            if (r != 0 || (a & 0x1F) != Descriptors.LDT || !Descriptors.present(a)) {
                return bad(Faults.TS, ldt);
            }
            take(Segments.LDTR);
        }
        if ((eflags & VcpuContext.VM) != 0 && wide) {
            return true;
        }
        int cpl = sel[Segments.CS] & 3;
        return code()
                && (vector >= 0 || stack(cpl))
                && (vector >= 0 || data(Segments.ES, cpl))
                && (vector >= 0 || data(Segments.DS, cpl))
                && (vector >= 0 || data(Segments.FS, cpl))
                && (vector >= 0 || data(Segments.GS, cpl));
    }

    private boolean bad(int vec, int sel) {
        if (vector < 0) {
            vector = vec;
            code = sel & 0xFFFC | ext;
        }
        return true;
    }

    private void take(int seg) {
        desc[seg] = s.descriptor;
        lin[seg] = s.descriptorLin;
        good[seg] = true;
    }

    /** As {@link Descriptors#read}, but with the new task's LDT. */
    private int read(int selector) {
        if ((selector & 4) == 0) {
            return Descriptors.read(v, selector);
        }
        if (!good[Segments.LDTR]) {
            return Descriptors.OUTSIDE;
        }
        int offset = selector & 0xFFF8;
        long d = desc[Segments.LDTR];
        if (offset + 7 > (Descriptors.limit(d) & 0xFFFF_FFFFL)) {
            return Descriptors.OUTSIDE;
        }
        long at = Descriptors.base(d) + offset & 0xFFFF_FFFFL;
        if (Descriptors.readTable(v, at, 8) != 0) {
            return -1;
        }
        s.descriptor = s.value;
        s.descriptorLin = at;
        return 0;
    }

    private boolean stack(int cpl) {
        int ss = sel[Segments.SS];
        if (Descriptors.isNull(ss)) {
            return bad(Faults.TS, ss);
        }
        int r = read(ss);
        if (r < 0) {
            return exception();
        }
        int a = Descriptors.attributes(s.descriptor);
        if (r != 0 || !Descriptors.isWritableData(a) || (ss & 3) != cpl || Segments.dpl(a) != cpl) {
            return bad(Faults.TS, ss);
        }
        if (!Descriptors.present(a)) {
            return bad(Faults.SS, ss);
        }
        take(Segments.SS);
        return true;
    }

    private boolean code() {
        int cs = sel[Segments.CS];
        if (Descriptors.isNull(cs)) {
            return bad(Faults.TS, cs);
        }
        int r = read(cs);
        if (r < 0) {
            return exception();
        }
        int a = Descriptors.attributes(s.descriptor);
        int dpl = Segments.dpl(a);
        int rpl = cs & 3;
        if (r != 0
                || !Descriptors.isCode(a)
                || (Descriptors.isConforming(a) ? dpl > rpl : dpl != rpl)) {
            return bad(Faults.TS, cs);
        }
        if (!Descriptors.present(a)) {
            return bad(Faults.NP, cs);
        }
        take(Segments.CS);
        return true;
    }

    private boolean data(int seg, int cpl) {
        int x = sel[seg];
        if (Descriptors.isNull(x)) {
            return true;
        }
        int r = read(x);
        if (r < 0) {
            return exception();
        }
        int a = Descriptors.attributes(s.descriptor);
        boolean isCode = Descriptors.isCode(a);
        boolean unreadable = isCode && (a & Segments.TYPE_RW) == 0;
        boolean conforming = isCode && Descriptors.isConforming(a);
        int dpl = Segments.dpl(a);
        if (r != 0
                || Descriptors.isSystem(a)
                || unreadable
                || !conforming && (dpl < cpl || dpl < (x & 3))) {
            return bad(Faults.TS, x);
        }
        if (!Descriptors.present(a)) {
            return bad(Faults.NP, x);
        }
        take(seg);
        return true;
    }

    /** The error code goes on the new task's stack. */
    private boolean planError(int errorCode, int[] pushed) {
        boolean v86 = wide && (eflags & VcpuContext.VM) != 0;
        int size = wide ? 4 : 2;
        int a = v86 ? SegmentLoads.REAL : Descriptors.attributes(desc[Segments.SS]);
        int limit = v86 ? 0xFFFF : Descriptors.limit(desc[Segments.SS]);
        long stack = v86 ? (long) sel[Segments.SS] << 4 : Descriptors.base(desc[Segments.SS]);
        long mask = (a & Segments.DB) != 0 ? 0xFFFF_FFFFL : 0xFFFFL;
        long sp = gpr[4] - size & mask;
        if (!Descriptors.inside(a, limit, sp, size)) {
            return bad(Faults.SS, 0);
        }
        if (s.writes.system(v, stack + sp, size, errorCode, FaultOrigin.EVENT_DELIVERY) != 0) {
            return exception();
        }
        pushed[0] = size;
        return true;
    }

    private void commit(int pushed) {
        s.writes.commit(v);
        v.segSel[Segments.TR] = selector;
        v.segBase[Segments.TR] = base;
        v.segLimit[Segments.TR] = Descriptors.limit(descriptor);
        v.segAttr[Segments.TR] = Descriptors.attributes(descriptor) | BUSY;
        v.rip = wide ? eip : eip & 0xFFFF;
        boolean armed = (v.dr[7] & 0xAA) != 0;
        v.setFlags((int) (wide ? eflags : eflags & 0xFFFF));
        if (!armed) {
            v.eflags &= ~VcpuContext.RF;
        }
        if (source == NEST) {
            v.eflags |= VcpuContext.NT;
        }
        System.arraycopy(gpr, 0, v.gpr, 0, 8);
        v.cr0 |= VcpuContext.CR0_TS;
        v.guestDebugRegisters()[7] &= ~0x155L;
        segments();
        v.recompute();
        if (pushed != 0) {
            Stacks.pointer(v, Stacks.pointer(v) - pushed);
        }
        DebugState.of(v).resumeLoaded = true;
        DebugState.of(v).suppressTrap = true;
        v.interruptShadow = false;
        v.debugShadow = false;
        pend();
    }

    private void segments() {
        boolean v86 = v.v86();
        for (int seg = Segments.ES; seg <= Segments.LDTR; seg++) {
            if (v86 && seg < Segments.LDTR) {
                SegmentLoads.real(v, seg, sel[seg]);
            } else if (good[seg]) {
                SegmentLoads.set(v, seg, sel[seg], desc[seg]);
                if (seg == Segments.LDTR) {
                    v.segAttr[seg] = Descriptors.attributes(desc[seg]);
                }
            } else {
                SegmentLoads.clear(v, seg, sel[seg]);
            }
        }
    }

    /**
     * The accessed bits of the new segments, under the new CR3; a descriptor that the guest made
     * read-only keeps its bit: nothing depends on it.
     *
     * @return false if protection stopped one
     */
    private boolean planAccessed() {
        for (int seg = Segments.ES; seg < Segments.LDTR; seg++) {
            if (good[seg]
                    && Descriptors.planAccessed(
                                    v, s.writes, lin[seg], Descriptors.attributes(desc[seg]))
                            != 0
                    && v.fault.kind != PendingFault.GUEST) {
                return false;
            }
        }
        return true;
    }

    /** The new task's exception, or else its debug trap, before its first instruction. */
    private void pend() {
        int pending = vector;
        int error = code;
        if (pending < 0 && trap) {
            Debug.conditions(v.guestDebugRegisters(), Debug.DR6_BT);
            pending = Faults.DB;
            error = PendingFault.NO_ERROR_CODE;
        }
        if (pending < 0) {
            return;
        }
        if (pending == Faults.PF) {
            v.cr2 = cr2;
        }
        v.pendingVector = pending;
        v.pendingError = error;
        v.pendingKind = Events.EXCEPTION;
        v.pendingLength = 0;
        v.post(VcpuContext.REQ_INTERRUPT);
    }
}
