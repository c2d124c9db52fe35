// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.segment;

import dev.faultline.api.cpu.Segments;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.fault.FaultOrigin;
import dev.faultline.api.memory.HostBytes;
import dev.faultline.api.mmu.Mmu;
import dev.faultline.cpu.x86.debug.Debug;
import dev.faultline.cpu.x86.memory.Mem;
import dev.faultline.cpu.x86.state.Faults;

/**
 * Stacks of far transfers and events: reading the current one, finding that of an inner ring,
 * planning pushes. Cold code: records, never raises.
 */
public final class Stacks {
    private Stacks() {}

    public static long pointer(VcpuContext v) {
        return v.gpr[4] & v.stackMask;
    }

    /** Sets SP, ESP or RSP, whichever {@code v.stackMask} (of the new SS) says. */
    public static void pointer(VcpuContext v, long sp) {
        long m = v.stackMask;
        v.gpr[4] = m == 0xFFFF ? v.gpr[4] & ~0xFFFFL | sp & 0xFFFF : sp & m;
    }

    /**
     * Reads {@code size} bytes at {@code delta} from the stack pointer with the rights of the CPL
     * into {@code SystemState.value}.
     *
     * @return 0, or -1: the fault is recorded
     */
    public static int read(VcpuContext v, long delta, int size) {
        long offset = pointer(v) + delta & v.stackMask;
        long lin = offset;
        if (v.codeBits == 64) {
            if (!VcpuContext.canonical(lin) || !VcpuContext.canonical(lin + size - 1)) {
                return Descriptors.fault(v, Faults.SS, 0);
            }
        } else {
            int a = v.segAttr[Segments.SS];
            if ((a & Segments.UNUSABLE) != 0
                    || !Descriptors.inside(a, v.segLimit[Segments.SS], offset, size)) {
                return Descriptors.fault(v, Faults.SS, 0);
            }
            lin = v.segBase[Segments.SS] + offset & 0xFFFF_FFFFL;
        }
        if ((v.tlbKey & 3) == 3 && (lin & size - 1) != 0) {
            return Descriptors.fault(v, Faults.AC, 0);
        }
        int first = (int) Math.min(size, 0x1000 - (lin & 0xFFF));
        long h = translate(v, lin, size, Mmu.READ, FaultOrigin.DATA);
        if (h == Mmu.FAULTED) {
            return -1;
        }
        if (Debug.watches(v)) {
            Debug.accessed(v, lin, size, Mem.R);
        }
        if (h >= 0 && first == size) {
            SystemState.of(v).value = Mem.load(h, size);
            return 0;
        }
        long gpa = v.missGpa;
        long h2 = 0;
        if (first < size) {
            long next = Descriptors.truncate(v, lin + first);
            h2 = translate(v, next, size - first, Mmu.READ, FaultOrigin.DATA);
            if (h2 == Mmu.FAULTED) {
                v.fault.partOf(next, lin, size);
                return -1;
            }
        }
        long gpa2 = v.missGpa;
        SystemState.of(v).value =
                bytes(v, h, gpa, first)
                        | (first < size ? bytes(v, h2, gpa2, size - first) << 8 * first : 0);
        return 0;
    }

    /**
     * With the rights of the CPL, from the translation cache if it is there; parameters and result
     * as of {@link Mmu#fill}.
     */
    static long translate(VcpuContext v, long lin, int size, int access, FaultOrigin origin) {
        long[] t = v.tlb;
        int i = (int) (lin >>> 12 & VcpuContext.TLB_ENTRIES - 1) * VcpuContext.TLB_STRIDE;
        long tag = (access & Mmu.WRITE) != 0 ? t[i + 1] : t[i];
        if (tag == (lin & ~0xFFFL | v.tlbKey)) {
            return lin + t[i + 2];
        }
        return v.mmu.fill(v, lin, size, access, origin);
    }

    private static long bytes(VcpuContext v, long hva, long gpa, int n) {
        long x = 0;
        for (int i = 0; i < n; i++) {
            long b =
                    hva >= 0 ? HostBytes.get8(hva + i) & 0xFFL : v.bus.mmioRead(gpa + i, 1) & 0xFFL;
            x |= b << 8 * i;
        }
        return x;
    }

    /**
     * Finds the stack of an inner ring in the TSS and checks it: SDM 2A, "CALL", MORE-PRIVILEGE. In
     * IA-32e mode SS becomes a null selector.
     *
     * @param ext 1 for events from outside the program
     * @return 0 with the stack* fields of SystemState set, or -1
     */
    public static int inner(VcpuContext v, int cpl, int ext) {
        if (v.longMode()) {
            return inner64(v, 4 + 8 * cpl, cpl, ext);
        }
        SystemState s = SystemState.of(v);
        int tr = v.segSel[Segments.TR] & 0xFFFC | ext;
        boolean wide = (v.segAttr[Segments.TR] & 8) != 0;
        int at = wide ? 4 + 8 * cpl : 2 + 4 * cpl;
        int size = wide ? 4 : 2;
        if (Integer.compareUnsigned(at + size + 1, v.segLimit[Segments.TR]) > 0) {
            return Descriptors.fault(v, Faults.TS, tr);
        }
        long tss = v.segBase[Segments.TR];
        if (Descriptors.readTable(v, tss + at, size) != 0) {
            return -1;
        }
        long sp = s.value;
        if (Descriptors.readTable(v, tss + at + size, 2) != 0) {
            return -1;
        }
        int selector = (int) s.value;
        if (innerSegment(v, selector, cpl, ext) != 0) {
            return -1;
        }
        s.stackPointer = sp;
        return 0;
    }

    private static int innerSegment(VcpuContext v, int selector, int cpl, int ext) {
        SystemState s = SystemState.of(v);
        if (Descriptors.isNull(selector)) {
            return Descriptors.fault(v, Faults.TS, ext);
        }
        if (Descriptors.readOr(v, selector, 8, Faults.TS, ext) != 0) {
            return -1;
        }
        int code = selector & 0xFFFC | ext;
        int a = Descriptors.attributes(s.descriptor);
        if ((selector & 3) != cpl || Segments.dpl(a) != cpl || !Descriptors.isWritableData(a)) {
            return Descriptors.fault(v, Faults.TS, code);
        }
        if (!Descriptors.present(a)) {
            return Descriptors.fault(v, Faults.SS, code);
        }
        s.stackSelector = selector;
        s.stackDescriptor = s.descriptor;
        s.stackLin = s.descriptorLin;
        return 0;
    }

    /**
     * @param at offset of the pointer in the 64-bit TSS
     */
    public static int inner64(VcpuContext v, int at, int cpl, int ext) {
        SystemState s = SystemState.of(v);
        if (Integer.compareUnsigned(at + 7, v.segLimit[Segments.TR]) > 0) {
            return Descriptors.fault(v, Faults.TS, v.segSel[Segments.TR] & 0xFFFC | ext);
        }
        if (Descriptors.readTable(v, v.segBase[Segments.TR] + at, 8) != 0) {
            return -1;
        }
        if (!VcpuContext.canonical(s.value)) {
            return Descriptors.fault(v, Faults.SS, ext);
        }
        s.stackPointer = s.value;
        s.stackSelector = cpl;
        return 0;
    }

    /**
     * Plans pushes of {@code s.frame} on the stack that {@link #inner} found; supervisor accesses.
     *
     * @return 0 with the new pointer in {@code s.stackPointer}
     */
    public static int pushInner(VcpuContext v, int size, int ext, FaultOrigin origin) {
        SystemState s = SystemState.of(v);
        if (v.longMode()) {
            long top = push64(v, s.stackPointer, size, ext, origin, true);
            s.stackPointer = top;
            return s.failed ? -1 : 0;
        }
        int a = Descriptors.attributes(s.stackDescriptor);
        long base = Descriptors.base(s.stackDescriptor);
        int limit = Descriptors.limit(s.stackDescriptor);
        int code = s.stackSelector & 0xFFFC | ext;
        s.stackPointer = push(v, base, limit, a, s.stackPointer, size, code, origin, true);
        return s.failed ? -1 : 0;
    }

    /**
     * Plans pushes of {@code s.frame} on the current stack, with the rights of the CPL.
     *
     * @return 0 with the new pointer in {@code s.stackPointer}
     */
    public static int pushSame(VcpuContext v, int size, int ext, FaultOrigin origin) {
        SystemState s = SystemState.of(v);
        long sp = pointer(v);
        if (v.codeBits == 64) {
            s.stackPointer = push64(v, sp, size, ext, origin, false);
            return s.failed ? -1 : 0;
        }
        int a = v.segAttr[Segments.SS];
        if ((a & Segments.UNUSABLE) != 0) {
            return Descriptors.fault(v, Faults.SS, ext);
        }
        long base = v.segBase[Segments.SS];
        int limit = v.segLimit[Segments.SS];
        s.stackPointer = push(v, base, limit, a, sp, size, ext, origin, false);
        return s.failed ? -1 : 0;
    }

    /** As {@link #pushSame} for 64-bit stacks from {@code sp}. Sets s.failed. */
    public static long push64(
            VcpuContext v, long sp, int size, int ext, FaultOrigin origin, boolean system) {
        SystemState s = SystemState.of(v);
        s.failed = true;
        long top = sp;
        for (int i = 0; i < s.pushes; i++) {
            top -= size;
            if (!VcpuContext.canonical(top) || !VcpuContext.canonical(top + size - 1)) {
                return Descriptors.fault(v, Faults.SS, ext);
            }
            if (plan(v, top, size, s.frame[i], origin, system) != 0) {
                return -1;
            }
        }
        s.failed = false;
        return top;
    }

    private static long push(
            VcpuContext v,
            long base,
            int limit,
            int attributes,
            long sp,
            int size,
            int errorCode,
            FaultOrigin origin,
            boolean system) {
        SystemState s = SystemState.of(v);
        s.failed = true;
        long mask = (attributes & Segments.DB) != 0 ? 0xFFFF_FFFFL : 0xFFFFL;
        long top = sp & mask;
        for (int i = 0; i < s.pushes; i++) {
            top = top - size & mask;
            if (!Descriptors.inside(attributes, limit, top, size)) {
                return Descriptors.fault(v, Faults.SS, errorCode);
            }
            if (plan(v, base + top & 0xFFFF_FFFFL, size, s.frame[i], origin, system) != 0) {
                return -1;
            }
        }
        s.failed = false;
        return top;
    }

    private static int plan(
            VcpuContext v, long lin, int size, long val, FaultOrigin origin, boolean system) {
        PlannedWrites w = SystemState.of(v).writes;
        if (Debug.watches(v)) {
            Debug.accessed(v, lin, size, Mem.W);
        }
        return system ? w.system(v, lin, size, val, origin) : w.data(v, lin, size, val, origin);
    }
}
