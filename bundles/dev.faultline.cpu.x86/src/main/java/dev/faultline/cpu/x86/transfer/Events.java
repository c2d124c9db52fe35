// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.transfer;

import dev.faultline.api.cpu.Segments;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.fault.FaultOrigin;
import dev.faultline.api.fault.PendingFault;
import dev.faultline.cpu.x86.debug.Debug;
import dev.faultline.cpu.x86.debug.DebugState;
import dev.faultline.cpu.x86.segment.Descriptors;
import dev.faultline.cpu.x86.segment.SegmentLoads;
import dev.faultline.cpu.x86.segment.Stacks;
import dev.faultline.cpu.x86.segment.SystemState;
import dev.faultline.cpu.x86.state.Faults;

/**
 * Event delivery through the IVT or IDT: interrupt, trap and task gates in every mode. SDM 3A,
 * "Interrupt and Exception Handling"; SDM 2A, "INT n".
 */
public final class Events {
    /** Kinds of events. */
    public static final int EXTERNAL = 0;

    public static final int EXCEPTION = 1;
    public static final int SOFTWARE = 2;
    public static final int NMI = 3;

    private Events() {}

    /**
     * Delivers an event at {@code v.rip}. Cold code: returns a code, raises nothing, and changes
     * nothing unless it succeeds.
     *
     * @param errorCode or PendingFault.NO_ERROR_CODE
     * @param length of the INT instruction for {@link #SOFTWARE}, else 0
     * @return 0, or -1 with the fault recorded in {@code v.fault}
     */
    public static int deliver(VcpuContext v, int vector, int errorCode, int kind, int length) {
        long rip = v.rip + length & v.ripMask;
        int r;
        if (!v.protectedMode()) {
            r = real(v, vector, rip);
        } else if (v.longMode()) {
            r = long64(v, vector, errorCode, kind, rip);
        } else {
            r = protect(v, vector, errorCode, kind, rip);
        }
        if (r == 0) {
            if (vector == Faults.DB && kind == EXCEPTION) {
                v.guestDebugRegisters()[7] &= ~(long) Debug.DR7_GD;
            }
            v.interruptShadow = false;
            v.debugShadow = false;
            v.activity = VcpuContext.RUNNING;
            DebugState.of(v).suppressTrap = true;
        }
        return r;
    }

    /**
     * EFLAGS as pushed: faults set RF, so that the instruction is not stopped again by its own
     * breakpoint.
     */
    private static long image(VcpuContext v, int vector, int kind) {
        boolean fault =
                kind == EXCEPTION
                        && vector != Faults.DB
                        && vector != Faults.BP
                        && vector != Faults.OF
                        && vector != Faults.DF
                        && vector != Faults.MC;
        return v.getFlags() | (fault ? VcpuContext.RF : 0);
    }

    // ---- real mode

    private static int real(VcpuContext v, int vector, long rip) {
        if (4 * vector + 3 > (v.idtLimit & 0xFFFF)) {
            return Descriptors.gp(v, 8 * vector + 2);
        }
        if (Descriptors.readTable(v, v.idtBase + 4L * vector, 4) != 0) {
            return -1;
        }
        SystemState s = SystemState.of(v);
        long target = s.value;
        s.writes.clear();
        s.pushes = 0;
        s.push(v.getFlags());
        s.push(v.segSel[Segments.CS]);
        s.push(rip);
        if (Stacks.pushSame(v, 2, 0, FaultOrigin.EVENT_DELIVERY) != 0) {
            return -1;
        }
        s.writes.commit(v);
        Stacks.pointer(v, s.stackPointer);
        v.eflags &= ~(VcpuContext.IF | VcpuContext.TF | VcpuContext.AC | VcpuContext.RF);
        SegmentLoads.real(v, Segments.CS, (int) (target >>> 16));
        v.rip = target & 0xFFFF;
        v.recompute();
        return 0;
    }

    // ---- IA-32e mode

    private static int long64(VcpuContext v, int vector, int errorCode, int kind, long rip) {
        SystemState s = SystemState.of(v);
        int ext = kind == SOFTWARE ? 0 : 1;
        if (gate64(v, vector, kind, ext) != 0) {
            return -1;
        }
        long gate = s.gate;
        int type = Descriptors.type(Descriptors.attributes(gate));
        long target = s.gateTarget;
        int selector = Descriptors.gateSelector(gate);
        if (gateCode(v, selector, ext) != 0) {
            return -1;
        }
        long code = s.descriptor;
        long codeLin = s.descriptorLin;
        int cs = Descriptors.attributes(code);
        if ((cs & (Segments.L | Segments.DB)) != Segments.L) {
            return Descriptors.gp(v, selector & 0xFFFC | ext);
        }
        if (!Descriptors.present(cs)) {
            return Descriptors.fault(v, Faults.NP, selector & 0xFFFC | ext);
        }
        int cpl = Descriptors.isConforming(cs) ? v.cpl : Segments.dpl(cs);
        boolean inner = cpl < v.cpl;
        int ist = (int) (gate >>> 32) & 7;
        long top = v.gpr[4];
        if (ist != 0 || inner) {
            int slot = ist != 0 ? 0x24 + 8 * (ist - 1) : 4 + 8 * cpl;
            if (Stacks.inner64(v, slot, cpl, ext) != 0) {
                return -1;
            }
            top = s.stackPointer;
        }
        if (!VcpuContext.canonical(target)) {
            return Descriptors.gp(v, ext);
        }
        s.writes.clear();
        frame64(v, errorCode, image(v, vector, kind), rip);
        top = Stacks.push64(v, top & ~15L, 8, ext, FaultOrigin.EVENT_DELIVERY, cpl < 3);
        if (s.failed || Descriptors.planAccessed(v, s.writes, codeLin, cs) != 0) {
            return -1;
        }
        s.writes.commit(v);
        if (inner) {
            SegmentLoads.nullStack(v, cpl);
        }
        v.gpr[4] = top;
        enter(v, selector & 0xFFFC | cpl, code, target, type == Descriptors.INTERRUPT_GATE);
        return 0;
    }

    /** The gate itself: limit, type, DPL, P; into {@code s.gate} and {@code s.gateTarget}. */
    private static int gate64(VcpuContext v, int vector, int kind, int ext) {
        SystemState s = SystemState.of(v);
        int idt = 8 * vector + 2 | ext;
        if (16 * vector + 15 > (v.idtLimit & 0xFFFF)) {
            return Descriptors.gp(v, idt);
        }
        long at = v.idtBase + 16L * vector;
        if (Descriptors.readTable(v, at + 8, 8) != 0) {
            return -1;
        }
        long high = s.value;
        if (Descriptors.readTable(v, at, 8) != 0) {
            return -1;
        }
        s.gate = s.value;
        s.gateTarget = Descriptors.gateOffset(s.gate) | high << 32;
        int attributes = Descriptors.attributes(s.gate);
        int type = attributes & 0x1F;
        if (type != Descriptors.INTERRUPT_GATE && type != Descriptors.TRAP_GATE
                || kind == SOFTWARE && Segments.dpl(attributes) < v.cpl) {
            return Descriptors.gp(v, idt);
        }
        return Descriptors.present(attributes) ? 0 : Descriptors.fault(v, Faults.NP, idt);
    }

    private static void frame64(VcpuContext v, int errorCode, long image, long rip) {
        SystemState s = SystemState.of(v);
        s.pushes = 0;
        s.push(v.segSel[Segments.SS]);
        s.push(v.gpr[4]);
        s.push(image);
        s.push(v.segSel[Segments.CS]);
        s.push(rip);
        if (errorCode != PendingFault.NO_ERROR_CODE) {
            s.push(errorCode & 0xFFFF_FFFFL);
        }
    }

    /**
     * The gate's code segment: null, table limit, type, DPL. The caller looks at P, after L and D.
     */
    private static int gateCode(VcpuContext v, int selector, int ext) {
        if (Descriptors.isNull(selector)) {
            return Descriptors.gp(v, ext);
        }
        if (Descriptors.readOr(v, selector, 8, Faults.GP, ext) != 0) {
            return -1;
        }
        int cs = Descriptors.attributes(SystemState.of(v).descriptor);
        if (!Descriptors.isCode(cs) || Segments.dpl(cs) > v.cpl) {
            return Descriptors.gp(v, selector & 0xFFFC | ext);
        }
        return 0;
    }

    /** Everything passed: CS, RIP, EFLAGS. */
    private static void enter(
            VcpuContext v, int selector, long code, long target, boolean interruptGate) {
        SegmentLoads.set(v, Segments.CS, selector, code);
        v.rip = target;
        int clear = VcpuContext.TF | VcpuContext.NT | VcpuContext.RF | VcpuContext.VM;
        v.eflags &= ~(interruptGate ? clear | VcpuContext.IF : clear);
        v.recompute();
    }

    // ---- protected mode

    private static int protect(VcpuContext v, int vector, int errorCode, int kind, long rip) {
        SystemState s = SystemState.of(v);
        int ext = kind == SOFTWARE ? 0 : 1;
        int idt = 8 * vector + 2 | ext;
        if (8 * vector + 7 > (v.idtLimit & 0xFFFF)) {
            return Descriptors.gp(v, idt);
        }
        if (Descriptors.readTable(v, v.idtBase + 8L * vector, 8) != 0) {
            return -1;
        }
        long gate = s.value;
        int attributes = Descriptors.attributes(gate);
        int type = attributes & 0x1F;
        boolean known =
                type == Descriptors.TASK_GATE
                        || type == Descriptors.INTERRUPT_GATE16
                        || type == Descriptors.TRAP_GATE16
                        || type == Descriptors.INTERRUPT_GATE
                        || type == Descriptors.TRAP_GATE;
        if (!known || kind == SOFTWARE && Segments.dpl(attributes) < v.cpl) {
            return Descriptors.gp(v, idt);
        }
        if (!Descriptors.present(attributes)) {
            return Descriptors.fault(v, Faults.NP, idt);
        }
        long image = image(v, vector, kind);
        if (type == Descriptors.TASK_GATE) {
            return TaskSwitch.fromEvent(
                    v, Descriptors.gateSelector(gate), ext, errorCode, rip, image);
        }
        int selector = Descriptors.gateSelector(gate);
        if (gateCode(v, selector, ext) != 0) {
            return -1;
        }
        long code = s.descriptor;
        int cs = Descriptors.attributes(code);
        if (!Descriptors.present(cs)) {
            return Descriptors.fault(v, Faults.NP, selector & 0xFFFC | ext);
        }
        boolean inner = !Descriptors.isConforming(cs) && Segments.dpl(cs) < v.cpl;
        if (v.v86() && (!inner || Segments.dpl(cs) != 0)) {
            return Descriptors.gp(v, selector & 0xFFFC | ext);
        }
        return inner
                ? inner(v, gate, ext, errorCode, rip, image)
                : same(v, gate, ext, errorCode, rip, image);
    }

    private static int size(long gate) {
        return (Descriptors.attributes(gate) & 8) != 0 ? 4 : 2;
    }

    /** The gate's offset inside the code segment, or -1. */
    private static int target(VcpuContext v, long gate, long code, int ext) {
        SystemState s = SystemState.of(v);
        s.value = Descriptors.gateOffset(gate) & (size(gate) == 4 ? 0xFFFF_FFFFL : 0xFFFFL);
        return s.value > (Descriptors.limit(code) & 0xFFFF_FFFFL) ? Descriptors.gp(v, ext) : 0;
    }

    private static int same(
            VcpuContext v, long gate, int ext, int errorCode, long rip, long image) {
        SystemState s = SystemState.of(v);
        long code = s.descriptor;
        long codeLin = s.descriptorLin;
        s.writes.clear();
        s.pushes = 0;
        s.push(image);
        s.push(v.segSel[Segments.CS]);
        s.push(rip);
        if (errorCode != PendingFault.NO_ERROR_CODE) {
            s.push(errorCode);
        }
        if (Stacks.pushSame(v, size(gate), ext, FaultOrigin.EVENT_DELIVERY) != 0
                || target(v, gate, code, ext) != 0) {
            return -1;
        }
        long target = s.value;
        if (Descriptors.planAccessed(v, s.writes, codeLin, Descriptors.attributes(code)) != 0) {
            return -1;
        }
        s.writes.commit(v);
        Stacks.pointer(v, s.stackPointer);
        int selector = Descriptors.gateSelector(gate) & 0xFFFC | v.cpl;
        enter(v, selector, code, target, (Descriptors.attributes(gate) & 1) == 0);
        return 0;
    }

    private static int inner(
            VcpuContext v, long gate, int ext, int errorCode, long rip, long image) {
        SystemState s = SystemState.of(v);
        long code = s.descriptor;
        long codeLin = s.descriptorLin;
        int cpl = Segments.dpl(Descriptors.attributes(code));
        if (Stacks.inner(v, cpl, ext) != 0) {
            return -1;
        }
        boolean v86 = v.v86();
        s.writes.clear();
        s.pushes = 0;
        if (v86) {
            s.push(v.segSel[Segments.GS]);
            s.push(v.segSel[Segments.FS]);
            s.push(v.segSel[Segments.DS]);
            s.push(v.segSel[Segments.ES]);
        }
        s.push(v.segSel[Segments.SS]);
        s.push(v.gpr[4]);
        s.push(image);
        s.push(v.segSel[Segments.CS]);
        s.push(rip);
        if (errorCode != PendingFault.NO_ERROR_CODE) {
            s.push(errorCode);
        }
        if (Stacks.pushInner(v, size(gate), ext, FaultOrigin.EVENT_DELIVERY) != 0
                || target(v, gate, code, ext) != 0) {
            return -1;
        }
        long target = s.value;
        int csAttributes = Descriptors.attributes(code);
        int ssAttributes = Descriptors.attributes(s.stackDescriptor);
        if (Descriptors.planAccessed(v, s.writes, codeLin, csAttributes) != 0
                || Descriptors.planAccessed(v, s.writes, s.stackLin, ssAttributes) != 0) {
            return -1;
        }
        s.writes.commit(v);
        SegmentLoads.set(v, Segments.SS, s.stackSelector, s.stackDescriptor);
        if (v86) {
            SegmentLoads.clear(v, Segments.GS, 0);
            SegmentLoads.clear(v, Segments.FS, 0);
            SegmentLoads.clear(v, Segments.DS, 0);
            SegmentLoads.clear(v, Segments.ES, 0);
        }
        int selector = Descriptors.gateSelector(gate) & 0xFFFC | cpl;
        enter(v, selector, code, target, (Descriptors.attributes(gate) & 1) == 0);
        Stacks.pointer(v, s.stackPointer);
        return 0;
    }
}
