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
import dev.faultline.cpu.x86.segment.SystemState;
import dev.faultline.cpu.x86.state.Outcome;

/**
 * LAR LSL VERR VERW ARPL: what a selector would allow, answered in ZF. SDM 2A and 2B under those
 * names.
 */
final class SegmentQueries {
    static final int LAR = 0;
    static final int LSL = 1;
    static final int VERR = 2;
    static final int VERW = 3;

    /**
     * System descriptor types, as bit sets: with access rights, with a limit; and those of IA-32e
     * mode.
     */
    private static final int LAR_TYPES =
            1 << 1 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 5 | 1 << 9 | 1 << 11 | 1 << 12;

    private static final int LAR_TYPES64 = 1 << 2 | 1 << 9 | 1 << 11 | 1 << 12;
    private static final int LSL_TYPES = 1 << 1 | 1 << 2 | 1 << 3 | 1 << 9 | 1 << 11;
    private static final int LSL_TYPES64 = 1 << 2 | 1 << 9 | 1 << 11;

    private SegmentQueries() {}

    static Op make(Decoded d, int what) {
        return d.mem ? new QueryM(d, what) : new QueryR(d, what);
    }

    static Op arpl(Decoded d) {
        return d.mem ? new ArplM(d) : new ArplR(d);
    }

    private static void zero(VcpuContext v, boolean zf) {
        int f = v.getFlags();
        v.setStatusFlags(zf ? f | VcpuContext.ZF : f & ~VcpuContext.ZF);
    }

    private static int answer(VcpuContext v, int what, int selector, int to, int size) {
        int r = query(v, what, selector);
        if (r < 0) {
            return (int) v.propagation.raise(v);
        }
        zero(v, r != 0);
        if (r != 0 && what <= LSL) {
            long x = SystemState.of(v).value;
            v.gpr[to] = size == 2 ? v.gpr[to] & ~0xFFFFL | x & 0xFFFF : x;
        }
        return Outcome.NEXT;
    }

    /** 1 (with the result in SystemState.value), 0: not allowed, or -1: the fault is recorded. */
    private static int query(VcpuContext v, int what, int selector) {
        if (Descriptors.isNull(selector)) {
            return 0;
        }
        int r = Descriptors.read(v, selector);
        if (r != 0) {
            return r < 0 ? -1 : 0;
        }
        SystemState s = SystemState.of(v);
        int a = Descriptors.attributes(s.descriptor);
        boolean code = Descriptors.isCode(a);
        boolean conforming = code && Descriptors.isConforming(a);
        int dpl = Segments.dpl(a);
        boolean visible = conforming || dpl >= v.cpl && dpl >= (selector & 3);
        boolean readable = !code || (a & Segments.TYPE_RW) != 0;
        boolean ok =
                switch (what) {
                    case LAR -> known(a, v.longMode() ? LAR_TYPES64 : LAR_TYPES);
                    case LSL -> known(a, v.longMode() ? LSL_TYPES64 : LSL_TYPES);
                    case VERR -> !Descriptors.isSystem(a) && readable;
                    default -> Descriptors.isWritableData(a);
                };
        if (!ok || !visible) {
            return 0;
        }
        s.value =
                what == LAR
                        ? s.descriptor >>> 32 & 0xFF_FF00L
                        : Descriptors.limit(s.descriptor) & 0xFFFF_FFFFL;
        return 1;
    }

    private static boolean known(int a, int types) {
        return !Descriptors.isSystem(a) || (types >> Descriptors.type(a) & 1) != 0;
    }

    private static final class QueryR extends Op {
        private final int what;
        private final int from;
        private final int to;
        private final int size;

        QueryR(Decoded d, int what) {
            this.what = what;
            from = d.rm;
            to = d.reg;
            size = d.operandSize;
        }

        @Override
        public int execute(VcpuContext v) {
            return answer(v, what, (int) v.gpr[from] & 0xFFFF, to, size);
        }
    }

    private static final class QueryM extends MemOp {
        private final int what;
        private final int to;
        private final int size;

        QueryM(Decoded d, int what) {
            super(d);
            this.what = what;
            to = d.reg;
            size = d.operandSize;
        }

        @Override
        public int execute(VcpuContext v) {
            long h = read(v, 2);
            return h < 0 ? FAULT : answer(v, what, HostBytes.get16(h) & 0xFFFF, to, size);
        }
    }

    private static final class ArplR extends Op {
        private final int to;
        private final int from;

        ArplR(Decoded d) {
            to = d.rm;
            from = d.reg;
        }

        @Override
        public int execute(VcpuContext v) {
            int rpl = (int) v.gpr[from] & 3;
            boolean raise = ((int) v.gpr[to] & 3) < rpl;
            if (raise) {
                v.gpr[to] = v.gpr[to] & ~3L | rpl;
            }
            zero(v, raise);
            return NEXT;
        }
    }

    private static final class ArplM extends MemOp {
        private final int from;

        ArplM(Decoded d) {
            super(d);
            from = d.reg;
        }

        @Override
        public int execute(VcpuContext v) {
            // As hardware: a plain read, and a write only if there is something to change.
            long h = read(v, 2);
            if (h < 0) {
                return FAULT;
            }
            int rpl = (int) v.gpr[from] & 3;
            int old = HostBytes.get16(h) & 0xFFFF;
            boolean raise = (old & 3) < rpl;
            int result = NEXT;
            if (raise) {
                h = write(v, 2);
                if (h < 0) {
                    return FAULT;
                }
                HostBytes.put16(h, (short) (old & ~3 | rpl));
                result = Mem.commit(v, h);
            }
            zero(v, raise);
            return result;
        }
    }
}
