// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.semantics.sse;

import static dev.faultline.api.memory.HostBytes.get64;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.Decoded;
import dev.faultline.cpu.x86.simd.LaneOp;
import dev.faultline.cpu.x86.simd.PackedWide;
import dev.faultline.cpu.x86.simd.WideOp;

/** Packed-integer instructions and shuffles: one class per shape, the operation as a field. */
final class Packed {
    private Packed() {}

    /** Halves independent: xmm, xmm/m128. */
    static final class Lanes extends XmmOp {
        private final LaneOp op;

        Lanes(Decoded d, LaneOp op) {
            super(d);
            this.op = op;
        }

        @Override
        public int execute(VcpuContext v) {
            if (unavailable(v)) {
                return refuse(v);
            }
            long[] x = v.xmm;
            long lo;
            long hi;
            if (src >= 0) {
                lo = x[src];
                hi = x[src + 1];
            } else {
                long h = readAligned(v);
                if (h < 0) {
                    return FAULT;
                }
                lo = get64(h);
                hi = get64(h + 8);
            }
            x[dst] = op.apply(x[dst], lo);
            x[dst + 1] = op.apply(x[dst + 1], hi);
            return NEXT;
        }
    }

    /** Shifts by the low quadword of xmm/m128. */
    static final class Shift extends XmmOp {
        private final LaneOp op;

        Shift(Decoded d, LaneOp op) {
            super(d);
            this.op = op;
        }

        @Override
        public int execute(VcpuContext v) {
            if (unavailable(v)) {
                return refuse(v);
            }
            long[] x = v.xmm;
            long count;
            if (src >= 0) {
                count = x[src];
            } else {
                long h = readAligned(v);
                if (h < 0) {
                    return FAULT;
                }
                count = get64(h);
            }
            x[dst] = op.apply(x[dst], count);
            x[dst + 1] = op.apply(x[dst + 1], count);
            return NEXT;
        }
    }

    /** Shifts by an immediate: the register is in ModR/M.rm. */
    static final class ShiftImmediate extends XmmOp {
        private final LaneOp op;
        private final int count;

        ShiftImmediate(Decoded d, LaneOp op) {
            super(d);
            this.op = op;
            count = (int) d.imm & 0xFF;
        }

        @Override
        public int execute(VcpuContext v) {
            if (unavailable(v)) {
                return refuse(v);
            }
            long[] x = v.xmm;
            x[src] = op.apply(x[src], count);
            x[src + 1] = op.apply(x[src + 1], count);
            return NEXT;
        }
    }

    /** PSRLDQ and PSLLDQ: the register is in ModR/M.rm. */
    static final class ShiftBytes extends XmmOp {
        private final boolean left;
        private final int count;

        ShiftBytes(Decoded d, boolean left) {
            super(d);
            this.left = left;
            count = (int) d.imm & 0xFF;
        }

        @Override
        public int execute(VcpuContext v) {
            if (unavailable(v)) {
                return refuse(v);
            }
            if (left) {
                PackedWide.pslldq(v.xmm, src, 0, 0, count);
            } else {
                PackedWide.psrldq(v.xmm, src, 0, 0, count);
            }
            return NEXT;
        }
    }

    /**
     * Halves not independent: xmm, xmm/m, with or without an immediate. A 16-byte memory operand
     * must be aligned.
     */
    static final class Wide extends XmmOp {
        private final WideOp op;
        private final int size;
        private final int imm;

        Wide(Decoded d, WideOp op, int size) {
            super(d);
            this.op = op;
            this.size = size;
            imm = (int) d.imm & 0xFF;
        }

        @Override
        public int execute(VcpuContext v) {
            if (unavailable(v)) {
                return refuse(v);
            }
            long lo;
            long hi = 0;
            if (src >= 0) {
                lo = v.xmm[src];
                hi = v.xmm[src + 1];
            } else {
                long h = readSource(v, size);
                if (h < 0) {
                    return FAULT;
                }
                lo = low(h, size);
                if (size == 16) {
                    hi = get64(h + 8);
                }
            }
            op.apply(v.xmm, dst, lo, hi, imm);
            return NEXT;
        }
    }

    /** PSHUFD, the shuffle compilers like most. */
    static final class ShuffleDwords extends XmmOp {
        private final int imm;

        ShuffleDwords(Decoded d) {
            super(d);
            imm = (int) d.imm & 0xFF;
        }

        @Override
        public int execute(VcpuContext v) {
            if (unavailable(v)) {
                return refuse(v);
            }
            if (src >= 0) {
                PackedWide.pshufd(v.xmm, dst, v.xmm[src], v.xmm[src + 1], imm);
                return NEXT;
            }
            long h = readAligned(v);
            if (h < 0) {
                return FAULT;
            }
            PackedWide.pshufd(v.xmm, dst, get64(h), get64(h + 8), imm);
            return NEXT;
        }
    }

    /** PTEST. */
    static final class Test extends XmmOp {
        Test(Decoded d) {
            super(d);
        }

        @Override
        public int execute(VcpuContext v) {
            if (unavailable(v)) {
                return refuse(v);
            }
            long[] x = v.xmm;
            long lo;
            long hi;
            if (src >= 0) {
                lo = x[src];
                hi = x[src + 1];
            } else {
                long h = readAligned(v);
                if (h < 0) {
                    return FAULT;
                }
                lo = get64(h);
                hi = get64(h + 8);
            }
            v.setStatusFlags(PackedWide.ptest(x[dst], x[dst + 1], lo, hi));
            return NEXT;
        }
    }
}
