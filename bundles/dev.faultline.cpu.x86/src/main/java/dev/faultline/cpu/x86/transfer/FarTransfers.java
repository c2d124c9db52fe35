// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.transfer;

import dev.faultline.api.cpu.Segments;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.fault.FaultOrigin;
import dev.faultline.cpu.x86.segment.Descriptors;
import dev.faultline.cpu.x86.segment.SegmentLoads;
import dev.faultline.cpu.x86.segment.Stacks;
import dev.faultline.cpu.x86.segment.SystemState;
import dev.faultline.cpu.x86.state.Faults;

/**
 * Far JMP and CALL: direct, through call gates, to tasks. Cold code: returns 0 with CS and {@code
 * v.rip} set, or -1 with the fault recorded and nothing changed. SDM 2A, "CALL" and "JMP".
 */
public final class FarTransfers {
    private FarTransfers() {}

    /**
     * @param next rip of the following instruction (saved by a task switch)
     */
    public static int jump(VcpuContext v, int selector, long offset, long next) {
        if (!v.protectedMode() || v.v86()) {
            if (offset > realLimit(v)) {
                return Descriptors.gp(v, 0);
            }
            SegmentLoads.real(v, Segments.CS, selector);
            v.rip = offset;
            v.recompute();
            return 0;
        }
        if (readTarget(v, selector) != 0) {
            return -1;
        }
        SystemState s = SystemState.of(v);
        int a = Descriptors.attributes(s.descriptor);
        if (Descriptors.isSystem(a)) {
            return system(v, selector, a, TaskSwitch.JUMP, next);
        }
        if (directCode(v, selector, a) != 0) {
            return -1;
        }
        s.writes.clear();
        return finish(v, selector & 0xFFFC | v.cpl, s.descriptor, s.descriptorLin, offset);
    }

    /**
     * @param size operand size: of the two pushes
     */
    public static int call(VcpuContext v, int selector, long offset, int size, long next) {
        SystemState s = SystemState.of(v);
        boolean real = !v.protectedMode() || v.v86();
        if (real) {
            s.writes.clear();
            if (pushReturn(v, size, next) != 0) {
                return -1;
            }
            if (offset > realLimit(v)) {
                return Descriptors.gp(v, 0);
            }
            s.writes.commit(v);
            Stacks.pointer(v, s.stackPointer);
            SegmentLoads.real(v, Segments.CS, selector);
            v.rip = offset;
            v.recompute();
            return 0;
        }
        if (readTarget(v, selector) != 0) {
            return -1;
        }
        int a = Descriptors.attributes(s.descriptor);
        if (Descriptors.isSystem(a)) {
            return system(v, selector, a, TaskSwitch.NEST, next);
        }
        if (directCode(v, selector, a) != 0) {
            return -1;
        }
        return callSame(v, selector, s.descriptor, s.descriptorLin, offset, size, next);
    }

    private static long realLimit(VcpuContext v) {
        return v.v86() ? 0xFFFF : v.segLimit[Segments.CS] & 0xFFFF_FFFFL;
    }

    private static int pushReturn(VcpuContext v, int size, long next) {
        SystemState s = SystemState.of(v);
        s.pushes = 0;
        s.push(v.segSel[Segments.CS]);
        s.push(next);
        return Stacks.pushSame(v, size, 0, FaultOrigin.DATA);
    }

    private static int callSame(
            VcpuContext v, int selector, long code, long lin, long offset, int size, long next) {
        SystemState s = SystemState.of(v);
        s.writes.clear();
        if (pushReturn(v, size, next) != 0) {
            return -1;
        }
        long top = s.stackPointer;
        // The stack keeps the size it was pushed with: only RSP's upper half depends on the mode we
        // go to.
        long mask = v.stackMask;
        if (finish(v, selector & 0xFFFC | v.cpl, code, lin, offset) != 0) {
            return -1;
        }
        v.gpr[4] = mask == 0xFFFF ? v.gpr[4] & ~0xFFFFL | top : top;
        return 0;
    }

    /**
     * Null is #GP(0), outside the table #GP(selector). System descriptors of IA-32e mode are read
     * by {@link #system}.
     */
    private static int readTarget(VcpuContext v, int selector) {
        if (Descriptors.isNull(selector)) {
            return Descriptors.gp(v, 0);
        }
        return Descriptors.readOr(v, selector, 8, Faults.GP, 0);
    }

    /** A code segment named directly. */
    private static int directCode(VcpuContext v, int selector, int a) {
        int error = selector & 0xFFFC;
        int dpl = Segments.dpl(a);
        if (!Descriptors.isCode(a) || bothSizes(v, a)) {
            return Descriptors.gp(v, error);
        }
        boolean allowed =
                Descriptors.isConforming(a)
                        ? dpl <= v.cpl
                        : (selector & 3) <= v.cpl && dpl == v.cpl;
        if (!allowed) {
            return Descriptors.gp(v, error);
        }
        return Descriptors.present(a) ? 0 : Descriptors.fault(v, Faults.NP, error);
    }

    /** L and D both set is reserved in IA-32e mode. */
    static boolean bothSizes(VcpuContext v, int a) {
        return v.longMode() && (a & (Segments.L | Segments.DB)) == (Segments.L | Segments.DB);
    }

    /** Whether {@code offset} can be executed in the code segment: limit, or canonical form. */
    static boolean reachable(VcpuContext v, long code, long offset) {
        if (v.longMode() && (Descriptors.attributes(code) & Segments.L) != 0) {
            return VcpuContext.canonical(offset);
        }
        return (offset & 0xFFFF_FFFFL) <= (Descriptors.limit(code) & 0xFFFF_FFFFL);
    }

    /** Last check, accessed bit, stores of what was planned, CS and RIP. */
    private static int finish(VcpuContext v, int selector, long code, long lin, long offset) {
        if (!reachable(v, code, offset)) {
            return Descriptors.gp(v, 0);
        }
        SystemState s = SystemState.of(v);
        if (Descriptors.planAccessed(v, s.writes, lin, Descriptors.attributes(code)) != 0) {
            return -1;
        }
        s.writes.commit(v);
        SegmentLoads.set(v, Segments.CS, selector, code);
        v.recompute();
        v.rip = offset & v.ripMask;
        return 0;
    }

    // ---- gates and tasks

    private static int system(VcpuContext v, int selector, int a, int source, long next) {
        int error = selector & 0xFFFC;
        int type = Descriptors.type(a);
        boolean tss = type == Descriptors.TSS_AVAILABLE || type == Descriptors.TSS16_AVAILABLE;
        boolean gate = type == Descriptors.CALL_GATE || type == Descriptors.CALL_GATE16;
        boolean task = type == Descriptors.TASK_GATE;
        if (v.longMode() ? type != Descriptors.CALL_GATE : !tss && !gate && !task) {
            return Descriptors.gp(v, error);
        }
        if (Segments.dpl(a) < v.cpl || Segments.dpl(a) < (selector & 3)) {
            return Descriptors.gp(v, error);
        }
        if (tss && (selector & 4) != 0) {
            return Descriptors.gp(v, error);
        }
        if (!Descriptors.present(a)) {
            return Descriptors.fault(v, Faults.NP, error);
        }
        if (tss) {
            return TaskSwitch.fromTransfer(v, selector, source, next);
        }
        if (task) {
            int to = Descriptors.gateSelector(SystemState.of(v).descriptor);
            if (TaskSwitch.checkAvailable(v, to, Faults.GP, 0) != 0) {
                return -1;
            }
            return TaskSwitch.fromTransfer(v, to, source, next);
        }
        return gate(v, selector, source, next);
    }

    private static int gate(VcpuContext v, int gateSelector, int source, long next) {
        SystemState s = SystemState.of(v);
        boolean long64 = v.longMode();
        if (long64) {
            if (Descriptors.readOr(v, gateSelector, 16, Faults.GP, 0) != 0) {
                return -1;
            }
            if ((s.descriptorHigh >>> 40 & 0x1F) != 0) {
                return Descriptors.gp(v, gateSelector & 0xFFFC);
            }
        }
        long gate = s.descriptor;
        int type = Descriptors.type(Descriptors.attributes(gate));
        int size = long64 ? 8 : type == Descriptors.CALL_GATE ? 4 : 2;
        long offset = Descriptors.gateOffset(gate);
        if (long64) {
            offset |= (s.descriptorHigh & 0xFFFF_FFFFL) << 32;
        } else if (size == 2) {
            offset &= 0xFFFF;
        }
        int selector = Descriptors.gateSelector(gate);
        int error = selector & 0xFFFC;
        if (readTarget(v, selector) != 0) {
            return -1;
        }
        int a = Descriptors.attributes(s.descriptor);
        int dpl = Segments.dpl(a);
        boolean conforming = Descriptors.isConforming(a);
        boolean jump = source == TaskSwitch.JUMP;
        if (!Descriptors.isCode(a) || dpl > v.cpl || jump && !conforming && dpl != v.cpl) {
            return Descriptors.gp(v, error);
        }
        if (long64 && (a & (Segments.L | Segments.DB)) != Segments.L) {
            return Descriptors.gp(v, error);
        }
        if (!Descriptors.present(a)) {
            return Descriptors.fault(v, Faults.NP, error);
        }
        long code = s.descriptor;
        long lin = s.descriptorLin;
        if (jump) {
            s.writes.clear();
            return finish(v, error | v.cpl, code, lin, offset);
        }
        if (!conforming && dpl < v.cpl) {
            return callInner(v, gate, error | dpl, code, lin, offset, size, next);
        }
        return callSame(v, selector, code, lin, offset, size, next);
    }

    private static int callInner(
            VcpuContext v,
            long gate,
            int selector,
            long code,
            long lin,
            long offset,
            int size,
            long next) {
        SystemState s = SystemState.of(v);
        int cpl = selector & 3;
        boolean long64 = v.longMode();
        if (Stacks.inner(v, cpl, 0) != 0) {
            return -1;
        }
        int parameters = long64 ? 0 : (int) (gate >>> 32) & 0x1F;
        s.writes.clear();
        s.pushes = 0;
        s.push(v.segSel[Segments.SS]);
        s.push(v.codeBits == 64 ? v.gpr[4] : v.gpr[4] & 0xFFFF_FFFFL);
        for (int i = parameters - 1; i >= 0; i--) {
            if (Stacks.read(v, (long) i * size, size) != 0) {
                return -1;
            }
            s.push(s.value);
        }
        s.push(v.segSel[Segments.CS]);
        s.push(next);
        if (Stacks.pushInner(v, size, 0, FaultOrigin.DATA) != 0) {
            return -1;
        }
        long top = s.stackPointer;
        if (!long64
                && Descriptors.planAccessed(
                                v, s.writes, s.stackLin, Descriptors.attributes(s.stackDescriptor))
                        != 0) {
            return -1;
        }
        if (finish(v, selector, code, lin, offset) != 0) {
            return -1;
        }
        if (long64) {
            SegmentLoads.nullStack(v, cpl);
        } else {
            SegmentLoads.set(v, Segments.SS, s.stackSelector, s.stackDescriptor);
        }
        v.recompute();
        Stacks.pointer(v, top);
        return 0;
    }
}
