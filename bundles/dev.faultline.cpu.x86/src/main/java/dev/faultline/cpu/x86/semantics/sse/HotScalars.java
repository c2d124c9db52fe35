// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.semantics.sse;

import static dev.faultline.api.memory.HostBytes.get32;
import static dev.faultline.api.memory.HostBytes.get64;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.Decoded;
import dev.faultline.cpu.x86.simd.FpArith;

/**
 * Scalar ADD, SUB, MUL and DIV. The same as {@link Floating.ScalarDouble} and {@link
 * Floating.ScalarSingle} do for the rest, in a class each, so that HotSpot sees one operation per
 * {@code execute} and inlines it.
 */
final class HotScalars {
    private static final long LOW32 = 0xFFFF_FFFFL;

    private HotScalars() {}

    /** ADDSD. */
    static final class AddDouble extends XmmOp {
        AddDouble(Decoded d) {
            super(d);
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
                long h = read(v, 8);
                if (h < 0) {
                    return FAULT;
                }
                b = get64(h);
            }
            long a = x[dst];
            int m = v.mxcsr;
            int raised = FpArith.addD(m, a, b, x, dst);
            return raised == 0 ? NEXT : raised(v, m, raised, dst, a, x[dst + 1]);
        }
    }

    /** ADDSS. */
    static final class AddSingle extends XmmOp {
        AddSingle(Decoded d) {
            super(d);
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
                long h = read(v, 4);
                if (h < 0) {
                    return FAULT;
                }
                b = get32(h);
            }
            long a = x[dst];
            int m = v.mxcsr;
            int raised = FpArith.addS(m, a, b, x, dst);
            x[dst] = a & ~LOW32 | x[dst] & LOW32;
            return raised == 0 ? NEXT : raised(v, m, raised, dst, a, x[dst + 1]);
        }
    }

    /** SUBSD. */
    static final class SubDouble extends XmmOp {
        SubDouble(Decoded d) {
            super(d);
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
                long h = read(v, 8);
                if (h < 0) {
                    return FAULT;
                }
                b = get64(h);
            }
            long a = x[dst];
            int m = v.mxcsr;
            int raised = FpArith.subD(m, a, b, x, dst);
            return raised == 0 ? NEXT : raised(v, m, raised, dst, a, x[dst + 1]);
        }
    }

    /** SUBSS. */
    static final class SubSingle extends XmmOp {
        SubSingle(Decoded d) {
            super(d);
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
                long h = read(v, 4);
                if (h < 0) {
                    return FAULT;
                }
                b = get32(h);
            }
            long a = x[dst];
            int m = v.mxcsr;
            int raised = FpArith.subS(m, a, b, x, dst);
            x[dst] = a & ~LOW32 | x[dst] & LOW32;
            return raised == 0 ? NEXT : raised(v, m, raised, dst, a, x[dst + 1]);
        }
    }

    /** MULSD. */
    static final class MulDouble extends XmmOp {
        MulDouble(Decoded d) {
            super(d);
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
                long h = read(v, 8);
                if (h < 0) {
                    return FAULT;
                }
                b = get64(h);
            }
            long a = x[dst];
            int m = v.mxcsr;
            int raised = FpArith.mulD(m, a, b, x, dst);
            return raised == 0 ? NEXT : raised(v, m, raised, dst, a, x[dst + 1]);
        }
    }

    /** MULSS. */
    static final class MulSingle extends XmmOp {
        MulSingle(Decoded d) {
            super(d);
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
                long h = read(v, 4);
                if (h < 0) {
                    return FAULT;
                }
                b = get32(h);
            }
            long a = x[dst];
            int m = v.mxcsr;
            int raised = FpArith.mulS(m, a, b, x, dst);
            x[dst] = a & ~LOW32 | x[dst] & LOW32;
            return raised == 0 ? NEXT : raised(v, m, raised, dst, a, x[dst + 1]);
        }
    }

    /** DIVSD. */
    static final class DivDouble extends XmmOp {
        DivDouble(Decoded d) {
            super(d);
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
                long h = read(v, 8);
                if (h < 0) {
                    return FAULT;
                }
                b = get64(h);
            }
            long a = x[dst];
            int m = v.mxcsr;
            int raised = FpArith.divD(m, a, b, x, dst);
            return raised == 0 ? NEXT : raised(v, m, raised, dst, a, x[dst + 1]);
        }
    }

    /** DIVSS. */
    static final class DivSingle extends XmmOp {
        DivSingle(Decoded d) {
            super(d);
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
                long h = read(v, 4);
                if (h < 0) {
                    return FAULT;
                }
                b = get32(h);
            }
            long a = x[dst];
            int m = v.mxcsr;
            int raised = FpArith.divS(m, a, b, x, dst);
            x[dst] = a & ~LOW32 | x[dst] & LOW32;
            return raised == 0 ? NEXT : raised(v, m, raised, dst, a, x[dst + 1]);
        }
    }
}
