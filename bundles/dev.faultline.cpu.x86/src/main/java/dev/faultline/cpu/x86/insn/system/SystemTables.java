// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.system;

import dev.faultline.api.cpu.Segments;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.memory.HostBytes;
import dev.faultline.cpu.x86.memory.Mem;
import dev.faultline.cpu.x86.op.Decoded;
import dev.faultline.cpu.x86.op.MemOp;
import dev.faultline.cpu.x86.op.Op;
import dev.faultline.cpu.x86.segment.Descriptors;
import dev.faultline.cpu.x86.segment.PlannedWrites;
import dev.faultline.cpu.x86.segment.SegmentLoads;
import dev.faultline.cpu.x86.segment.SystemState;
import dev.faultline.cpu.x86.state.Faults;
import dev.faultline.cpu.x86.state.Outcome;

/** LGDT LIDT SGDT SIDT, LLDT LTR SLDT STR, LMSW SMSW. SDM 2A and 2B under those names. */
final class SystemTables {
    private SystemTables() {}

    static Op load(Decoded d, boolean idt) {
        return new LoadTable(d, idt);
    }

    static Op store(Decoded d, boolean idt) {
        return new StoreTable(d, idt);
    }

    static Op loadSelector(Decoded d, boolean task) {
        return d.mem ? new LoadSelectorM(d, task) : new LoadSelectorR(d.rm, task);
    }

    static Op storeSelector(Decoded d, int seg) {
        return d.mem ? new StoreM(d, seg) : new StoreR(d, seg);
    }

    static Op smsw(Decoded d) {
        return d.mem ? new StoreM(d, MSW) : new StoreR(d, MSW);
    }

    static Op lmsw(Decoded d) {
        return d.mem ? new LmswM(d) : new LmswR(d.rm);
    }

    /** Stands for the machine status word among the segments that {@link #storeSelector} stores. */
    private static final int MSW = -1;

    private static boolean blockedByUmip(VcpuContext v) {
        return (v.cr4 & VcpuContext.CR4_UMIP) != 0 && v.cpl > 0;
    }

    private static final class LoadTable extends MemOp {
        private final boolean idt;
        private final boolean long64;
        private final boolean narrow;

        LoadTable(Decoded d, boolean idt) {
            super(d);
            this.idt = idt;
            long64 = d.codeBits == 64;
            narrow = !long64 && d.operandSize == 2;
        }

        @Override
        public int execute(VcpuContext v) {
            long h = read(v, long64 ? 10 : 6);
            if (h < 0) {
                return FAULT;
            }
            int limit = HostBytes.get16(h) & 0xFFFF;
            long base = long64 ? HostBytes.get64(h + 2) : HostBytes.get32(h + 2) & 0xFFFF_FFFFL;
            if (long64 && !VcpuContext.canonical(base)) {
                return Faults.gp(v, 0);
            }
            if (narrow) {
                base &= 0xFF_FFFF;
            }
            if (idt) {
                v.idtBase = base;
                v.idtLimit = limit;
            } else {
                v.gdtBase = base;
                v.gdtLimit = limit;
            }
            return NEXT;
        }
    }

    private static final class StoreTable extends MemOp {
        private final boolean idt;
        private final boolean long64;

        StoreTable(Decoded d, boolean idt) {
            super(d);
            this.idt = idt;
            long64 = d.codeBits == 64;
        }

        @Override
        public int execute(VcpuContext v) {
            if (blockedByUmip(v)) {
                return Faults.gp(v, 0);
            }
            long h = write(v, long64 ? 10 : 6);
            if (h < 0) {
                return FAULT;
            }
            HostBytes.put16(h, (short) (idt ? v.idtLimit : v.gdtLimit));
            long base = idt ? v.idtBase : v.gdtBase;
            Mem.store(h + 2, long64 ? 8 : 4, base);
            return Mem.commit(v, h);
        }
    }

    // ---- LLDT, LTR

    private static final class LoadSelectorR extends Op {
        private final int from;
        private final boolean task;

        LoadSelectorR(int from, boolean task) {
            this.from = from;
            this.task = task;
        }

        @Override
        public int execute(VcpuContext v) {
            return selector(v, (int) v.gpr[from] & 0xFFFF, task);
        }
    }

    private static final class LoadSelectorM extends MemOp {
        private final boolean task;

        LoadSelectorM(Decoded d, boolean task) {
            super(d);
            this.task = task;
        }

        @Override
        public int execute(VcpuContext v) {
            long h = read(v, 2);
            return h < 0 ? FAULT : selector(v, HostBytes.get16(h) & 0xFFFF, task);
        }
    }

    private static int selector(VcpuContext v, int selector, boolean task) {
        int r = task ? loadTask(v, selector) : loadLdt(v, selector);
        return r == 0 ? Outcome.END : (int) v.propagation.raise(v);
    }

    private static int loadLdt(VcpuContext v, int selector) {
        if (Descriptors.isNull(selector)) {
            SegmentLoads.clear(v, Segments.LDTR, selector);
            return 0;
        }
        int error = selector & 0xFFFC;
        if (systemDescriptor(v, selector) != 0) {
            return -1;
        }
        SystemState s = SystemState.of(v);
        int a = Descriptors.attributes(s.descriptor);
        if ((a & 0x1F) != Descriptors.LDT || upperTypeSet(v)) {
            return Descriptors.gp(v, error);
        }
        if (!Descriptors.present(a)) {
            return Descriptors.fault(v, Faults.NP, error);
        }
        if (!VcpuContext.canonical(base(v))) {
            return Descriptors.gp(v, error);
        }
        set(v, Segments.LDTR, selector, a);
        return 0;
    }

    private static int loadTask(VcpuContext v, int selector) {
        if (Descriptors.isNull(selector)) {
            return Descriptors.gp(v, 0);
        }
        int error = selector & 0xFFFC;
        if (systemDescriptor(v, selector) != 0) {
            return -1;
        }
        SystemState s = SystemState.of(v);
        int a = Descriptors.attributes(s.descriptor);
        int type = a & 0x1F;
        boolean available =
                type == Descriptors.TSS_AVAILABLE
                        || type == Descriptors.TSS16_AVAILABLE && !v.longMode();
        if (!available || upperTypeSet(v)) {
            return Descriptors.gp(v, error);
        }
        if (!Descriptors.present(a)) {
            return Descriptors.fault(v, Faults.NP, error);
        }
        if (!VcpuContext.canonical(base(v))) {
            return Descriptors.gp(v, error);
        }
        PlannedWrites w = s.writes.clear();
        if (w.claimed(v, s.descriptorLin + 5, a & 0xFF, 2) != 0) {
            return -1;
        }
        if (!w.claim()) { // another vCPU has taken it since the descriptor was read
            return Descriptors.gp(v, error);
        }
        w.commit(v);
        set(v, Segments.TR, selector, a | 2);
        return 0;
    }

    /** Reads an LDT or TSS descriptor, which must be in the GDT. */
    private static int systemDescriptor(VcpuContext v, int selector) {
        if ((selector & 4) != 0) {
            return Descriptors.gp(v, selector & 0xFFFC);
        }
        return Descriptors.readOr(v, selector, v.longMode() ? 16 : 8, Faults.GP, 0);
    }

    private static boolean upperTypeSet(VcpuContext v) {
        return v.longMode() && (SystemState.of(v).descriptorHigh >>> 40 & 0x1F) != 0;
    }

    private static void set(VcpuContext v, int seg, int selector, int attributes) {
        SystemState s = SystemState.of(v);
        SegmentLoads.set(v, seg, selector, s.descriptor);
        v.segAttr[seg] = attributes;
        v.segBase[seg] = base(v);
    }

    /** Of the system descriptor that was read: 64 bits in IA-32e mode. */
    private static long base(VcpuContext v) {
        SystemState s = SystemState.of(v);
        long low = Descriptors.base(s.descriptor);
        return v.longMode() ? low | s.descriptorHigh << 32 : low;
    }

    // ---- SLDT, STR, SMSW, LMSW

    /** The value, or -1: refused and raised. */
    private static long stored(VcpuContext v, int seg) {
        if (blockedByUmip(v)) {
            return Faults.gp(v, 0);
        }
        return seg == MSW ? v.cr0 & 0xFFFF_FFFFL : v.segSel[seg] & 0xFFFFL;
    }

    private static final class StoreR extends Op {
        private final int seg;
        private final int to;
        private final int size;

        StoreR(Decoded d, int seg) {
            this.seg = seg;
            to = d.rm;
            size = d.operandSize;
        }

        @Override
        public int execute(VcpuContext v) {
            long x = stored(v, seg);
            if (x < 0) {
                return FAULT;
            }
            v.gpr[to] = size == 2 ? v.gpr[to] & ~0xFFFFL | x & 0xFFFF : x;
            return NEXT;
        }
    }

    private static final class StoreM extends MemOp {
        private final int from;

        StoreM(Decoded d, int from) {
            super(d);
            this.from = from;
        }

        @Override
        public int execute(VcpuContext v) {
            long x = stored(v, from);
            if (x < 0) {
                return FAULT;
            }
            long h = write(v, 2);
            if (h < 0) {
                return FAULT;
            }
            HostBytes.put16(h, (short) x);
            return Mem.commit(v, h);
        }
    }

    private static int machineStatus(VcpuContext v, int word) {
        // PE can be set, not cleared; MP, EM, TS follow the operand.
        long cr0 = v.cr0 & ~0xEL | word & 0xF | v.cr0 & VcpuContext.CR0_PE;
        return ControlRegisters.cr0(v, cr0) == 0 ? Outcome.END : (int) v.propagation.raise(v);
    }

    private static final class LmswR extends Op {
        private final int from;

        LmswR(int from) {
            this.from = from;
        }

        @Override
        public int execute(VcpuContext v) {
            return machineStatus(v, (int) v.gpr[from]);
        }
    }

    private static final class LmswM extends MemOp {
        LmswM(Decoded d) {
            super(d);
        }

        @Override
        public int execute(VcpuContext v) {
            long h = read(v, 2);
            return h < 0 ? FAULT : machineStatus(v, HostBytes.get16(h));
        }
    }
}
