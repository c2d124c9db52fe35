// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.segment;

import dev.faultline.api.cpu.Segments;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.state.Faults;

/**
 * Loading segment registers, in every mode. Cold code: returns 0, or -1 with the fault recorded and
 * nothing changed. SDM 3A, "Segment Registers", and the load rules of MOV in SDM 2B.
 */
public final class SegmentLoads {
    /** Present, writable, accessed data: what real mode loads. */
    public static final int REAL =
            Segments.P | Segments.S | Segments.TYPE_RW | Segments.TYPE_ACCESSED;

    private static final int V86 = REAL | 3 << Segments.DPL_SHIFT;

    private SegmentLoads() {}

    /** MOV, POP, LDS and friends: ES, SS, DS, FS or GS. */
    public static int load(VcpuContext v, int seg, int selector) {
        if (!v.protectedMode() || v.v86()) {
            real(v, seg, selector);
            v.recompute();
            return 0;
        }
        int r = seg == Segments.SS ? stack(v, selector) : data(v, seg, selector);
        if (r == 0) {
            v.recompute();
        }
        return r;
    }

    /** Real or V86 mode, any segment register: never fails. The caller recomputes. */
    public static void real(VcpuContext v, int seg, int selector) {
        v.segSel[seg] = selector & 0xFFFF;
        v.segBase[seg] = (selector & 0xFFFFL) << 4;
        if (v.v86()) {
            v.segLimit[seg] = 0xFFFF;
            v.segAttr[seg] = V86;
            return;
        }
        int a = v.segAttr[seg];
        if ((a & (Segments.UNUSABLE | Segments.P)) != Segments.P) {
            v.segLimit[seg] = 0xFFFF;
            a = 0;
        }
        v.segAttr[seg] = REAL | a & (Segments.DB | Segments.G | Segments.AVL);
    }

    private static int stack(VcpuContext v, int selector) {
        int cpl = v.cpl;
        int rpl = selector & 3;
        if (Descriptors.isNull(selector)) {
            if (v.codeBits != 64 || cpl == 3 || rpl != cpl) {
                return Descriptors.gp(v, 0);
            }
            nullStack(v, selector);
            return 0;
        }
        if (Descriptors.readOr(v, selector, 8, Faults.GP, 0) != 0) {
            return -1;
        }
        SystemState s = SystemState.of(v);
        int a = Descriptors.attributes(s.descriptor);
        int code = selector & 0xFFFC;
        if (rpl != cpl || !Descriptors.isWritableData(a) || Segments.dpl(a) != cpl) {
            return Descriptors.gp(v, code);
        }
        if (!Descriptors.present(a)) {
            return Descriptors.fault(v, Faults.SS, code);
        }
        return cache(v, Segments.SS, selector, s.descriptor, s.descriptorLin);
    }

    private static int data(VcpuContext v, int seg, int selector) {
        if (Descriptors.isNull(selector)) {
            clear(v, seg, selector);
            return 0;
        }
        if (Descriptors.readOr(v, selector, 8, Faults.GP, 0) != 0) {
            return -1;
        }
        SystemState s = SystemState.of(v);
        int a = Descriptors.attributes(s.descriptor);
        int code = selector & 0xFFFC;
        boolean isCode = Descriptors.isCode(a);
        if (Descriptors.isSystem(a) || isCode && (a & Segments.TYPE_RW) == 0) {
            return Descriptors.gp(v, code);
        }
        int dpl = Segments.dpl(a);
        if (!(isCode && Descriptors.isConforming(a)) && ((selector & 3) > dpl || v.cpl > dpl)) {
            return Descriptors.gp(v, code);
        }
        if (!Descriptors.present(a)) {
            return Descriptors.fault(v, Faults.NP, code);
        }
        return cache(v, seg, selector, s.descriptor, s.descriptorLin);
    }

    /** Sets the accessed bit in memory, then the register. */
    private static int cache(VcpuContext v, int seg, int selector, long d, long lin) {
        PlannedWrites w = SystemState.of(v).writes.clear();
        if (Descriptors.planAccessed(v, w, lin, Descriptors.attributes(d)) != 0) {
            return -1;
        }
        w.commit(v);
        set(v, seg, selector, d);
        return 0;
    }

    // ---- the registers themselves: cannot fail; the caller recomputes

    /** Takes over a checked code or data descriptor. */
    public static void set(VcpuContext v, int seg, int selector, long d) {
        v.segSel[seg] = selector & 0xFFFF;
        v.segBase[seg] = Descriptors.base(d);
        v.segLimit[seg] = Descriptors.limit(d);
        v.segAttr[seg] = Descriptors.attributes(d) | Segments.TYPE_ACCESSED;
    }

    /** A null selector: any use faults. */
    public static void clear(VcpuContext v, int seg, int selector) {
        v.segSel[seg] = selector & 0xFFFF;
        v.segBase[seg] = 0;
        v.segLimit[seg] = 0;
        v.segAttr[seg] = Segments.UNUSABLE;
    }

    /** SS null in 64-bit mode: its DPL still says the CPL. */
    public static void nullStack(VcpuContext v, int selector) {
        clear(v, Segments.SS, selector);
        v.segAttr[Segments.SS] = Segments.UNUSABLE | (selector & 3) << Segments.DPL_SHIFT;
    }

    /** SYSCALL and friends: base 0, 4 GiB. */
    public static void flat(VcpuContext v, int seg, int selector, int attributes) {
        v.segSel[seg] = selector & 0xFFFF;
        v.segBase[seg] = 0;
        v.segLimit[seg] = -1;
        v.segAttr[seg] = attributes;
    }

    /**
     * After a return to an outer ring: data segments it may not have become null, and null
     * selectors lose their RPL. SDM 2A, "IRET", and SDM 2B, "RET", RETURN-TO-OUTER-PRIVILEGE-LEVEL.
     */
    public static void dropInner(VcpuContext v, int cpl) {
        dropInner(v, Segments.ES, cpl);
        dropInner(v, Segments.DS, cpl);
        dropInner(v, Segments.FS, cpl);
        dropInner(v, Segments.GS, cpl);
    }

    private static void dropInner(VcpuContext v, int seg, int cpl) {
        int a = v.segAttr[seg];
        boolean conforming = Descriptors.isCode(a) && Descriptors.isConforming(a);
        if (Descriptors.isNull(v.segSel[seg]) || !conforming && Segments.dpl(a) < cpl) {
            long base = v.segBase[seg];
            clear(v, seg, 0);
            if (v.longMode()) {
                v.segBase[seg] = base; // FS and GS have one there
            }
        }
    }
}
