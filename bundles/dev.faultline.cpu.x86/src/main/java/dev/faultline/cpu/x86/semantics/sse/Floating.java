// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.semantics.sse;

import static dev.faultline.api.memory.HostBytes.get32;
import static dev.faultline.api.memory.HostBytes.get64;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.Decoded;
import dev.faultline.cpu.x86.Op;
import dev.faultline.cpu.x86.simd.FpArith;
import dev.faultline.cpu.x86.simd.FpOp;
import dev.faultline.cpu.x86.simd.FpPacked;
import dev.faultline.cpu.x86.simd.FpWideOp;
import dev.faultline.cpu.x86.simd.Mxcsr;

/** Floating-point arithmetic, comparison and conversion within XMM registers. */
final class Floating {
    private static final long LOW32 = 0xFFFF_FFFFL;

    private Floating() {}

    /** The operation on each of four elements. */
    static Op ps(Decoded d, FpOp op) {
        return new Wide(d, (m, x, to, lo, hi) -> FpPacked.ps(op, m, x, to, lo, hi), 16);
    }

    /** The operation on each of two elements. */
    static Op pd(Decoded d, FpOp op) {
        return new Wide(d, (m, x, to, lo, hi) -> FpPacked.pd(op, m, x, to, lo, hi), 16);
    }

    /** The operation on neighbours: HADDPS, HSUBPS. */
    static Op horizontalPs(Decoded d, FpOp op) {
        return new Wide(d, (m, x, to, lo, hi) -> FpPacked.horizontalPs(op, m, x, to, lo, hi), 16);
    }

    /** The operation on neighbours: HADDPD, HSUBPD. */
    static Op horizontalPd(Decoded d, FpOp op) {
        return new Wide(d, (m, x, to, lo, hi) -> FpPacked.horizontalPd(op, m, x, to, lo, hi), 16);
    }

    /** Packed: xmm, xmm/m of 16 (aligned) or 8 bytes. */
    static final class Wide extends XmmOp {
        private final FpWideOp op;
        private final int size;

        Wide(Decoded d, FpWideOp op, int size) {
            super(d);
            this.op = op;
            this.size = size;
        }

        @Override
        public int execute(VcpuContext v) {
            if (unavailable(v)) {
                return refuse(v);
            }
            long[] x = v.xmm;
            long lo;
            long hi = 0;
            if (src >= 0) {
                lo = x[src];
                hi = x[src + 1];
            } else {
                long h = readSource(v, size);
                if (h < 0) {
                    return FAULT;
                }
                lo = get64(h);
                if (size == 16) {
                    hi = get64(h + 8);
                }
            }
            long alo = x[dst];
            long ahi = x[dst + 1];
            int m = v.mxcsr;
            int raised = op.apply(m, x, dst, lo, hi);
            return raised == 0 ? NEXT : raised(v, m, raised, dst, alo, ahi);
        }
    }

    /** DPPS, DPPD: exceptions are reported step by step, already filtered. */
    static final class DotProduct extends XmmOp {
        private final boolean quads;
        private final int imm;

        DotProduct(Decoded d, boolean quads) {
            super(d);
            this.quads = quads;
            imm = (int) d.imm & 0xFF;
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
            long alo = x[dst];
            long ahi = x[dst + 1];
            int m = v.mxcsr;
            int raised =
                    quads
                            ? FpPacked.dppd(m, imm, x, dst, lo, hi)
                            : FpPacked.dpps(m, imm, x, dst, lo, hi);
            if (Mxcsr.unmasked(m, raised) != 0) {
                x[dst] = alo;
                x[dst + 1] = ahi;
                return simdException(v, m, raised);
            }
            v.mxcsr = m | raised;
            return NEXT;
        }
    }

    /** Scalar binary64 result: xmm, xmm/m64 (m32 for CVTSS2SD). The high half stays. */
    static final class ScalarDouble extends XmmOp {
        private final FpOp op;
        private final int size;

        ScalarDouble(Decoded d, FpOp op, int size) {
            super(d);
            this.op = op;
            this.size = size;
        }

        @Override
        public int execute(VcpuContext v) {
            if (unavailable(v)) {
                return refuse(v);
            }
            long[] x = v.xmm;
            long b;
            if (src >= 0) {
                b = x[src];
            } else {
                long h = read(v, size);
                if (h < 0) {
                    return FAULT;
                }
                b = low(h, size);
            }
            long a = x[dst];
            int m = v.mxcsr;
            int raised = op.apply(m, a, b, x, dst);
            return raised == 0 ? NEXT : raised(v, m, raised, dst, a, x[dst + 1]);
        }
    }

    /** Scalar binary32 result: xmm, xmm/m32 (m64 for CVTSD2SS). The other elements stay. */
    static final class ScalarSingle extends XmmOp {
        private final FpOp op;
        private final int size;

        ScalarSingle(Decoded d, FpOp op, int size) {
            super(d);
            this.op = op;
            this.size = size;
        }

        @Override
        public int execute(VcpuContext v) {
            if (unavailable(v)) {
                return refuse(v);
            }
            long[] x = v.xmm;
            long b;
            if (src >= 0) {
                b = x[src];
            } else {
                long h = read(v, size);
                if (h < 0) {
                    return FAULT;
                }
                b = low(h, size);
            }
            long a = x[dst];
            int m = v.mxcsr;
            int raised = op.apply(m, a, b, x, dst);
            x[dst] = a & ~LOW32 | x[dst] & LOW32;
            return raised == 0 ? NEXT : raised(v, m, raised, dst, a, x[dst + 1]);
        }
    }

    /** COMISS, UCOMISS, COMISD, UCOMISD. */
    static final class Compare extends XmmOp {
        private final boolean quads;
        private final boolean signalling;

        Compare(Decoded d, boolean quads, boolean signalling) {
            super(d);
            this.quads = quads;
            this.signalling = signalling;
        }

        @Override
        public int execute(VcpuContext v) {
            if (unavailable(v)) {
                return refuse(v);
            }
            long b;
            if (src >= 0) {
                b = v.xmm[src];
            } else {
                long h = read(v, quads ? 8 : 4);
                if (h < 0) {
                    return FAULT;
                }
                b = quads ? get64(h) : get32(h);
            }
            long a = v.xmm[dst];
            int m = v.mxcsr;
            int raised =
                    quads
                            ? FpArith.comparisonRaisesD(m, signalling, a, b)
                            : FpArith.comparisonRaisesS(m, signalling, a, b);
            if (raised != 0) {
                if (Mxcsr.unmasked(m, raised) != 0) {
                    return simdException(v, m, raised);
                }
                v.mxcsr = m | raised;
            }
            v.setStatusFlags(
                    quads ? FpArith.comparisonFlagsD(m, a, b) : FpArith.comparisonFlagsS(m, a, b));
            return NEXT;
        }
    }
}
