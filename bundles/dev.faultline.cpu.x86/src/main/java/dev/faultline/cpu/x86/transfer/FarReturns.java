// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.transfer;

import dev.faultline.api.cpu.Segments;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.debug.DebugState;
import dev.faultline.cpu.x86.segment.Descriptors;
import dev.faultline.cpu.x86.segment.SegmentLoads;
import dev.faultline.cpu.x86.segment.Stacks;
import dev.faultline.cpu.x86.segment.SystemState;
import dev.faultline.cpu.x86.state.Faults;

/**
 * Far RET and IRET. Cold code: returns 0 with CS and {@code v.rip} set, or -1 with the fault
 * recorded and nothing changed. SDM 2B, "RET"; SDM 2A, "IRET/IRETD/IRETQ".
 */
public final class FarReturns {
    /** What IRET to V86 mode takes from the image. */
    private static final int V86_FLAGS = 0x3F_7FD5;

    private FarReturns() {}

    // ---- RET

    /**
     * @param release bytes of parameters to drop
     */
    public static int ret(VcpuContext v, int size, int release) {
        SystemState s = SystemState.of(v);
        if (Stacks.read(v, 0, size) != 0) {
            return -1;
        }
        long rip = s.value;
        if (Stacks.read(v, size, size) != 0) {
            return -1;
        }
        int cs = (int) s.value & 0xFFFF;
        if (!v.protectedMode() || v.v86()) {
            if (rip > (v.segLimit[Segments.CS] & 0xFFFF_FFFFL)) {
                return Descriptors.gp(v, 0);
            }
            SegmentLoads.real(v, Segments.CS, cs);
            v.recompute();
            Stacks.pointer(v, Stacks.pointer(v) + 2L * size + release);
            v.rip = rip;
            return 0;
        }
        if (returnCode(v, cs) != 0) {
            return -1;
        }
        long code = s.descriptor;
        long codeLin = s.descriptorLin;
        if ((cs & 3) == v.cpl) {
            long sp = Stacks.pointer(v) + 2L * size + release;
            s.writes.clear();
            if (arrive(v, cs, code, codeLin, rip) != 0) {
                return -1;
            }
            // The stack segment stays; 64-bit code returning to compatibility mode gets its stack
            // size.
            Stacks.pointer(v, sp);
            return 0;
        }
        return outer(v, cs, code, codeLin, rip, 2L * size + release, size, release);
    }

    /** Pops SS:SP at {@code delta}, checks them, goes to the outer ring. */
    private static int outer(
            VcpuContext v,
            int cs,
            long code,
            long codeLin,
            long rip,
            long delta,
            int size,
            int release) {
        SystemState s = SystemState.of(v);
        if (Stacks.read(v, delta, size) != 0) {
            return -1;
        }
        long sp = s.value;
        if (Stacks.read(v, delta + size, size) != 0) {
            return -1;
        }
        int ss = (int) s.value & 0xFFFF;
        s.writes.clear();
        if (returnStack(v, ss, cs & 3, code) != 0) {
            return -1;
        }
        boolean nullSs = Descriptors.isNull(ss);
        long stack = s.stackDescriptor;
        if (arrive(v, cs, code, codeLin, rip) != 0) {
            return -1;
        }
        setStack(v, ss, nullSs, stack);
        SegmentLoads.dropInner(v, cs & 3);
        v.recompute();
        Stacks.pointer(v, sp + release);
        return 0;
    }

    private static void setStack(VcpuContext v, int ss, boolean nullSs, long descriptor) {
        if (nullSs) {
            SegmentLoads.nullStack(v, ss);
        } else {
            SegmentLoads.set(v, Segments.SS, ss, descriptor);
        }
    }

    /** The code segment of a far return or IRET. */
    private static int returnCode(VcpuContext v, int cs) {
        if (Descriptors.isNull(cs)) {
            return Descriptors.gp(v, 0);
        }
        if (Descriptors.readOr(v, cs, 8, Faults.GP, 0) != 0) {
            return -1;
        }
        int error = cs & 0xFFFC;
        int rpl = cs & 3;
        int a = Descriptors.attributes(SystemState.of(v).descriptor);
        int dpl = Segments.dpl(a);
        if (!Descriptors.isCode(a)
                || rpl < v.cpl
                || (Descriptors.isConforming(a) ? dpl > rpl : dpl != rpl)
                || FarTransfers.bothSizes(v, a)) {
            return Descriptors.gp(v, error);
        }
        return Descriptors.present(a) ? 0 : Descriptors.fault(v, Faults.NP, error);
    }

    /**
     * The stack segment that goes with a return to ring {@code rpl}; plans its accessed bit, fills
     * {@code s.stackDescriptor}.
     */
    private static int returnStack(VcpuContext v, int ss, int rpl, long code) {
        SystemState s = SystemState.of(v);
        if (Descriptors.isNull(ss)) {
            boolean to64 = v.longMode() && (Descriptors.attributes(code) & Segments.L) != 0;
            return to64 && rpl != 3 && (ss & 3) == rpl ? 0 : Descriptors.gp(v, 0);
        }
        if (Descriptors.readOr(v, ss, 8, Faults.GP, 0) != 0) {
            return -1;
        }
        int error = ss & 0xFFFC;
        int a = Descriptors.attributes(s.descriptor);
        if ((ss & 3) != rpl || !Descriptors.isWritableData(a) || Segments.dpl(a) != rpl) {
            return Descriptors.gp(v, error);
        }
        if (!Descriptors.present(a)) {
            return Descriptors.fault(v, Faults.SS, error);
        }
        s.stackDescriptor = s.descriptor;
        return Descriptors.planAccessed(v, s.writes, s.descriptorLin, a);
    }

    /** Last checks, planned writes, CS and RIP; recomputes. */
    private static int arrive(VcpuContext v, int cs, long code, long codeLin, long rip) {
        SystemState s = SystemState.of(v);
        if (!FarTransfers.reachable(v, code, rip)) {
            return Descriptors.gp(v, 0);
        }
        if (Descriptors.planAccessed(v, s.writes, codeLin, Descriptors.attributes(code)) != 0) {
            return -1;
        }
        s.writes.commit(v);
        SegmentLoads.set(v, Segments.CS, cs, code);
        v.recompute();
        v.rip = rip & v.ripMask;
        return 0;
    }

    // ---- IRET

    /**
     * @param next rip of the following instruction (saved by a return to another task)
     */
    public static int iret(VcpuContext v, int size, long next) {
        boolean v86 = v.v86();
        if (v86 && (v.eflags & VcpuContext.IOPL) != VcpuContext.IOPL) {
            return Descriptors.gp(v, 0);
        }
        if (v.protectedMode() && !v86 && (v.eflags & VcpuContext.NT) != 0) {
            return v.longMode() ? Descriptors.gp(v, 0) : task(v, next);
        }
        SystemState s = SystemState.of(v);
        if (Stacks.read(v, 0, size) != 0) {
            return -1;
        }
        long rip = s.value;
        if (Stacks.read(v, size, size) != 0) {
            return -1;
        }
        int cs = (int) s.value & 0xFFFF;
        if (Stacks.read(v, 2L * size, size) != 0) {
            return -1;
        }
        long image = s.value;
        if (!v.protectedMode() || v86) {
            return iretReal(v, size, rip, cs, image);
        }
        if (size == 4 && (image & VcpuContext.VM) != 0 && v.cpl == 0 && !v.longMode()) {
            return iretV86(v, rip, cs, image);
        }
        return iretProtected(v, size, rip, cs, image);
    }

    private static int task(VcpuContext v, long next) {
        int r = TaskSwitch.fromReturn(v, next);
        if (r == 0) {
            v.nmiBlocked = false;
        }
        return r;
    }

    private static int iretReal(VcpuContext v, int size, long rip, int cs, long image) {
        if (rip > (v.segLimit[Segments.CS] & 0xFFFF_FFFFL)) {
            return Descriptors.gp(v, 0);
        }
        int mask = FlagImages.ALWAYS | VcpuContext.IF | (v.v86() ? 0 : VcpuContext.IOPL);
        mask |= size == 4 ? FlagImages.WIDE : 0;
        SegmentLoads.real(v, Segments.CS, cs);
        Stacks.pointer(v, Stacks.pointer(v) + 3L * size);
        flags(v, image, mask);
        v.recompute();
        v.rip = rip;
        return 0;
    }

    private static void flags(VcpuContext v, long image, int mask) {
        FlagImages.set(v, (int) image, mask);
        DebugState.of(v).resumeLoaded = true;
        v.nmiBlocked = false;
    }

    private static int iretV86(VcpuContext v, long rip, int cs, long image) {
        SystemState s = SystemState.of(v);
        for (int i = 0; i < 6; i++) {
            if (Stacks.read(v, 12 + 4L * i, 4) != 0) {
                return -1;
            }
            s.frame[i] = s.value;
        }
        if (rip > 0xFFFF) {
            return Descriptors.gp(v, 0);
        }
        flags(v, image, V86_FLAGS | VcpuContext.VM);
        SegmentLoads.real(v, Segments.CS, cs);
        SegmentLoads.real(v, Segments.SS, (int) s.frame[1] & 0xFFFF);
        SegmentLoads.real(v, Segments.ES, (int) s.frame[2] & 0xFFFF);
        SegmentLoads.real(v, Segments.DS, (int) s.frame[3] & 0xFFFF);
        SegmentLoads.real(v, Segments.FS, (int) s.frame[4] & 0xFFFF);
        SegmentLoads.real(v, Segments.GS, (int) s.frame[5] & 0xFFFF);
        v.gpr[4] = s.frame[0];
        v.recompute();
        v.rip = rip;
        return 0;
    }

    private static int iretProtected(VcpuContext v, int size, long rip, int cs, long image) {
        SystemState s = SystemState.of(v);
        if (returnCode(v, cs) != 0) {
            return -1;
        }
        long code = s.descriptor;
        long codeLin = s.descriptorLin;
        int cpl = v.cpl;
        int mask = FlagImages.iretMask(v, size);
        int rpl = cs & 3;
        boolean popsStack = rpl != cpl || v.codeBits == 64;
        long sp = Stacks.pointer(v) + 3L * size;
        int ss = 0;
        s.writes.clear();
        if (popsStack) {
            if (Stacks.read(v, 3L * size, size) != 0) {
                return -1;
            }
            sp = s.value;
            if (Stacks.read(v, 4L * size, size) != 0) {
                return -1;
            }
            ss = (int) s.value & 0xFFFF;
            if (returnStack(v, ss, rpl, code) != 0) {
                return -1;
            }
        }
        long stack = s.stackDescriptor;
        if (arrive(v, cs, code, codeLin, rip) != 0) {
            return -1;
        }
        if (popsStack) {
            setStack(v, ss, Descriptors.isNull(ss), stack);
            if (rpl != cpl) {
                SegmentLoads.dropInner(v, rpl);
            }
        }
        flags(v, image, mask);
        v.recompute();
        Stacks.pointer(v, sp);
        return 0;
    }
}
