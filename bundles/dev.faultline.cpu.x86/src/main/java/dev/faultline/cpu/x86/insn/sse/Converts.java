// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.sse;

import static dev.faultline.api.memory.HostBytes.get64;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.insn.mmx.Mmx;
import dev.faultline.cpu.x86.kernel.simd.FpConvert;
import dev.faultline.cpu.x86.kernel.simd.FpOp;
import dev.faultline.cpu.x86.kernel.simd.Mxcsr;
import dev.faultline.cpu.x86.memory.Mem;
import dev.faultline.cpu.x86.op.Decoded;
import dev.faultline.cpu.x86.op.Op;

/**
 * Conversions between XMM registers and general or MMX registers, and the packed shapes that change
 * the element size.
 */
final class Converts {
    private static final long LOW32 = 0xFFFF_FFFFL;

    private Converts() {}

    /** CVTSI2SD. */
    static Op toDouble(Decoded d) {
        return d.mem || d.rexW ? new FromGpr(d, false) : new FromGpr32(d);
    }

    /** CVTSI2SS, CVTSI2SD: xmm, r/m32 or r/m64. */
    static final class FromGpr extends XmmOp {
        private final FpOp op;
        private final boolean single;
        private final int gpr;
        private final int size;

        FromGpr(Decoded d, boolean single) {
            super(d);
            this.single = single;
            gpr = d.rm;
            size = d.rexW ? 8 : 4;
            if (single) {
                op = d.rexW ? FpConvert::int64ToFloat : FpConvert::int32ToFloat;
            } else {
                op = d.rexW ? FpConvert::int64ToDouble : FpConvert::int32ToDouble;
            }
        }

        @Override
        int run(VcpuContext v) {
            long b;
            if (src >= 0) {
                b = v.gpr[gpr];
            } else {
                long h = read(v, size);
                if (h < 0) {
                    return FAULT;
                }
                b = Mem.load(h, size);
            }
            long[] x = v.xmm;
            long a = x[dst];
            int m = v.mxcsr;
            int raised = op.apply(m, 0, b, x, dst);
            if (single) {
                x[dst] = a & ~LOW32 | x[dst] & LOW32;
            }
            return raised == 0 ? NEXT : raised(v, m, raised, dst, a, x[dst + 1]);
        }
    }

    /** CVTSI2SD xmm, r32: exact, nothing can be raised. */
    static final class FromGpr32 extends XmmOp {
        private final int gpr;

        FromGpr32(Decoded d) {
            super(d);
            gpr = d.rm;
        }

        @Override
        int run(VcpuContext v) {
            v.xmm[dst] = Double.doubleToRawLongBits((int) v.gpr[gpr]);
            return NEXT;
        }
    }

    /** CVTSS2SI, CVTTSS2SI, CVTSD2SI, CVTTSD2SI: r32 or r64, xmm/m. */
    static final class ToGpr extends XmmOp {
        private final FpOp op;
        private final int gpr;
        private final int size;

        ToGpr(Decoded d, boolean single, boolean truncate) {
            super(d);
            gpr = d.reg;
            size = single ? 4 : 8;
            op = operation(single, truncate, d.rexW);
        }

        static FpOp operation(boolean single, boolean truncate, boolean wide) {
            if (single) {
                return truncate
                        ? wide ? FpConvert::truncateFloatToInt64 : FpConvert::truncateFloatToInt32
                        : wide ? FpConvert::floatToInt64 : FpConvert::floatToInt32;
            }
            return truncate
                    ? wide ? FpConvert::truncateDoubleToInt64 : FpConvert::truncateDoubleToInt32
                    : wide ? FpConvert::doubleToInt64 : FpConvert::doubleToInt32;
        }

        @Override
        int run(VcpuContext v) {
            long b;
            if (src >= 0) {
                b = v.xmm[src];
            } else {
                long h = read(v, size);
                if (h < 0) {
                    return FAULT;
                }
                b = low(h, size);
            }
            long old = v.gpr[gpr];
            int m = v.mxcsr;
            int raised = op.apply(m, 0, b, v.gpr, gpr);
            if (raised != 0) {
                if (Mxcsr.unmasked(m, raised) != 0) {
                    v.gpr[gpr] = old;
                    return simdException(v, m, raised);
                }
                v.mxcsr = m | raised;
            }
            return NEXT;
        }
    }

    /** CVTPI2PS and CVTPI2PD: xmm, mm/m64. From memory it is no MMX instruction at all. */
    static final class FromMmx extends XmmOp {
        private final boolean single;
        private final int mm;

        FromMmx(Decoded d, boolean single) {
            super(d);
            this.single = single;
            mm = d.rm & 7;
        }

        @Override
        int run(VcpuContext v) {
            if (src >= 0 && Mmx.unavailable(v)) {
                return Mmx.refuse(v);
            }
            long b;
            if (src >= 0) {
                b = Mmx.get(v, mm);
                Mmx.enter(v);
            } else {
                long h = read(v, 8);
                if (h < 0) {
                    return FAULT;
                }
                b = get64(h);
            }
            return single ? toSingles(v, b) : toDoubles(v, b);
        }

        private int toDoubles(VcpuContext v, long b) {
            v.xmm[dst] = Double.doubleToRawLongBits((int) b);
            v.xmm[dst + 1] = Double.doubleToRawLongBits((int) (b >>> 32));
            return NEXT;
        }

        private int toSingles(VcpuContext v, long b) {
            long[] x = v.xmm;
            long a = x[dst];
            int m = v.mxcsr;
            int raised = FpConvert.int32ToFloat(m, 0, b, x, dst);
            long first = x[dst];
            raised |= FpConvert.int32ToFloat(m, 0, b >>> 32, x, dst);
            x[dst] = first | x[dst] << 32;
            return raised == 0 ? NEXT : raised(v, m, raised, dst, a, x[dst + 1]);
        }
    }

    /** CVTPS2PI, CVTTPS2PI (m64), CVTPD2PI, CVTTPD2PI (m128, aligned). */
    static final class ToMmx extends XmmOp {
        private final FpOp op;
        private final boolean single;
        private final int mm;

        ToMmx(Decoded d, boolean single, boolean truncate) {
            super(d);
            this.single = single;
            mm = d.reg & 7;
            op = ToGpr.operation(single, truncate, false);
        }

        @Override
        int run(VcpuContext v) {
            if (Mmx.unavailable(v)) {
                return Mmx.refuse(v);
            }
            long lo;
            long hi = 0;
            if (src >= 0) {
                lo = v.xmm[src];
                hi = v.xmm[src + 1];
            } else {
                long h = readSource(v, single ? 8 : 16);
                if (h < 0) {
                    return FAULT;
                }
                lo = get64(h);
                if (!single) {
                    hi = get64(h + 8);
                }
            }
            if (single) {
                hi = lo >>> 32;
            }
            long old = v.fpSig[mm];
            int m = v.mxcsr;
            int raised = op.apply(m, 0, lo, v.fpSig, mm);
            long first = v.fpSig[mm];
            raised |= op.apply(m, 0, hi, v.fpSig, mm);
            long both = first | v.fpSig[mm] << 32;
            if (Mxcsr.unmasked(m, raised) != 0) {
                v.fpSig[mm] = old;
                Mmx.enter(v);
                return simdException(v, m, Mxcsr.reported(m, raised));
            }
            v.mxcsr = m | raised;
            Mmx.set(v, mm, both);
            return NEXT;
        }
    }
}
