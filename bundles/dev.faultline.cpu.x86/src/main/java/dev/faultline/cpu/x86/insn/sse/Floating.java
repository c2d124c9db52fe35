// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.sse;

import static dev.faultline.api.memory.HostBytes.get32;
import static dev.faultline.api.memory.HostBytes.get64;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.kernel.simd.FpArith;
import dev.faultline.cpu.x86.kernel.simd.FpPacked;
import dev.faultline.cpu.x86.kernel.simd.Mxcsr;
import dev.faultline.cpu.x86.op.Decoded;

/** Floating-point arithmetic, comparison and conversion within XMM registers. */
final class Floating {
    private Floating() {}

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
        int run(VcpuContext v) {
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
        int run(VcpuContext v) {
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
