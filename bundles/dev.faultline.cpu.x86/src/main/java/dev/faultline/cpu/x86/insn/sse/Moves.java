// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.sse;

import static dev.faultline.api.memory.HostBytes.get32;
import static dev.faultline.api.memory.HostBytes.get64;
import static dev.faultline.api.memory.HostBytes.put32;
import static dev.faultline.api.memory.HostBytes.put64;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.insn.mmx.Mmx;
import dev.faultline.cpu.x86.kernel.simd.PackedShapes;
import dev.faultline.cpu.x86.memory.Mem;
import dev.faultline.cpu.x86.memory.Misses;
import dev.faultline.cpu.x86.op.Decoded;
import dev.faultline.cpu.x86.op.Op;

/**
 * Moves to, from and between XMM registers: MOVAPS, MOVUPS, MOVDQA, MOVDQU, LDDQU, MOVNTxx, MOVSS,
 * MOVSD, MOVQ, MOVD, MOVLPS, MOVHPS, MOVHLPS, MOVLHPS and MASKMOVDQU.
 */
final class Moves {
    private Moves() {}

    static Op loadSingle(Decoded d) {
        return d.mem ? new LoadSingle(d) : new CopySingle(d, d.reg, d.rm);
    }

    static Op storeSingle(Decoded d) {
        return d.mem ? new StoreSingle(d) : new CopySingle(d, d.rm, d.reg);
    }

    static Op loadDouble(Decoded d) {
        return d.mem ? new LoadQuad(d) : new CopyHalf(d, d.reg * 2, d.rm * 2, -1);
    }

    static Op storeDouble(Decoded d) {
        return d.mem ? new StoreHalf(d, 0) : new CopyHalf(d, d.rm * 2, d.reg * 2, -1);
    }

    static Op storeQuad(Decoded d) {
        return d.mem ? new StoreHalf(d, 0) : new CopyHalf(d, d.rm * 2, d.reg * 2, d.rm * 2 + 1);
    }

    /** MOVSD and MOVQ from memory: the high half becomes zero. Also MOVQ xmm, xmm. */
    static final class LoadQuad extends XmmOp {
        LoadQuad(Decoded d) {
            super(d);
        }

        @Override
        int run(VcpuContext v) {
            long lo;
            if (src >= 0) {
                lo = v.xmm[src];
            } else {
                long h = read(v, 8);
                if (h < 0) {
                    return FAULT;
                }
                lo = get64(h);
            }
            v.xmm[dst] = lo;
            v.xmm[dst + 1] = 0;
            return NEXT;
        }
    }

    /** MOVSS from memory: the rest becomes zero. */
    static final class LoadSingle extends XmmOp {
        LoadSingle(Decoded d) {
            super(d);
        }

        @Override
        int run(VcpuContext v) {
            long h = read(v, 4);
            if (h < 0) {
                return FAULT;
            }
            v.xmm[dst] = get32(h) & 0xFFFF_FFFFL;
            v.xmm[dst + 1] = 0;
            return NEXT;
        }
    }

    /** MOVSS xmm, xmm: the low 32 bits alone. */
    static final class CopySingle extends XmmOp {
        private final int to;
        private final int from;

        CopySingle(Decoded d, int to, int from) {
            super(d);
            this.to = to * 2;
            this.from = from * 2;
        }

        @Override
        int run(VcpuContext v) {
            long[] x = v.xmm;
            x[to] = x[to] & ~0xFFFF_FFFFL | x[from] & 0xFFFF_FFFFL;
            return NEXT;
        }
    }

    static final class StoreSingle extends XmmOp {
        StoreSingle(Decoded d) {
            super(d);
        }

        @Override
        int run(VcpuContext v) {
            long h = write(v, 4);
            if (h < 0) {
                return FAULT;
            }
            put32(h, (int) v.xmm[dst]);
            return Mem.commit(v, h);
        }
    }

    /**
     * Quadword halves between registers: MOVSD, MOVHLPS, MOVLHPS, which keep the other half; MOVQ
     * xmm2, xmm1, which clears it.
     */
    static final class CopyHalf extends XmmOp {
        private final int to;
        private final int from;
        private final int clear;

        /**
         * @param to index in xmm
         * @param from index in xmm
         * @param clear index in xmm of what becomes zero, or -1
         */
        CopyHalf(Decoded d, int to, int from, int clear) {
            super(d);
            this.to = to;
            this.from = from;
            this.clear = clear;
        }

        @Override
        int run(VcpuContext v) {
            v.xmm[to] = v.xmm[from];
            if (clear >= 0) {
                v.xmm[clear] = 0;
            }
            return NEXT;
        }
    }

    /** MOVLPS, MOVHPS, MOVLPD, MOVHPD from memory: the other half stays. */
    static final class LoadHalf extends XmmOp {
        private final int at;

        LoadHalf(Decoded d, int half) {
            super(d);
            at = d.reg * 2 + half;
        }

        @Override
        int run(VcpuContext v) {
            long h = read(v, 8);
            if (h < 0) {
                return FAULT;
            }
            v.xmm[at] = get64(h);
            return NEXT;
        }
    }

    /** MOVSD, MOVQ, MOVLPS, MOVHPS and the like to memory. */
    static final class StoreHalf extends XmmOp {
        private final int at;

        StoreHalf(Decoded d, int half) {
            super(d);
            at = d.reg * 2 + half;
        }

        @Override
        int run(VcpuContext v) {
            long h = write(v, 8);
            if (h < 0) {
                return FAULT;
            }
            put64(h, v.xmm[at]);
            return Mem.commit(v, h);
        }
    }

    /** MOVD xmm, r/m32 and, with REX.W, MOVQ xmm, r/m64. */
    static final class FromGpr extends XmmOp {
        private final int gpr;
        private final int size;

        FromGpr(Decoded d) {
            super(d);
            gpr = d.rm;
            size = d.rexW ? 8 : 4;
        }

        @Override
        int run(VcpuContext v) {
            long x;
            if (src >= 0) {
                x = size == 8 ? v.gpr[gpr] : v.gpr[gpr] & 0xFFFF_FFFFL;
            } else {
                long h = read(v, size);
                if (h < 0) {
                    return FAULT;
                }
                x = Mem.load(h, size);
            }
            v.xmm[dst] = x;
            v.xmm[dst + 1] = 0;
            return NEXT;
        }
    }

    /** MOVD r/m32, xmm and, with REX.W, MOVQ r/m64, xmm. */
    static final class ToGpr extends XmmOp {
        private final int gpr;
        private final int size;

        ToGpr(Decoded d) {
            super(d);
            gpr = d.rm;
            size = d.rexW ? 8 : 4;
        }

        @Override
        int run(VcpuContext v) {
            long x = v.xmm[dst];
            if (src >= 0) {
                v.gpr[gpr] = size == 8 ? x : x & 0xFFFF_FFFFL;
                return NEXT;
            }
            long h = write(v, size);
            if (h < 0) {
                return FAULT;
            }
            Mem.store(h, size, x);
            return Mem.commit(v, h);
        }
    }

    /** MASKMOVDQU xmm, xmm: the bytes whose mask byte is negative go to DS:[rDI], unaligned. */
    static final class MaskMove extends XmmOp {
        MaskMove(Decoded d) {
            super(withDestinationIndex(d));
        }

        private static Decoded withDestinationIndex(Decoded d) {
            d.base = 7;
            return d;
        }

        @Override
        int run(VcpuContext v) {
            int lo = PackedShapes.byteSigns(v.xmm[src]);
            int hi = PackedShapes.byteSigns(v.xmm[src + 1]);
            long lin = linear(v, 0, 16, Mem.W);
            if (linearFailed(lin)) {
                return FAULT;
            }
            if (!Mmx.addressable(v, lin, 16)) {
                return Mmx.unaddressable(v, seg);
            }
            // The halves are stored one by one, the upper first, and probed whether a byte of them
            // is selected or not.
            long upper = v.codeBits == 64 ? lin + 8 : lin + 8 & 0xFFFF_FFFFL;
            if (Misses.probe(v, seg, upper, 8, lin, 16, Mem.W) < 0) {
                return FAULT;
            }
            long h = Mem.write(v, seg, lin, 8);
            if (h < 0) {
                return FAULT;
            }
            int result = Mmx.storeMasked(v, seg, lin, h, lo, v.xmm[dst]);
            if (result < 0) {
                return FAULT;
            }
            h = Mem.write(v, seg, upper, 8);
            return h < 0 ? FAULT : result | Mmx.storeMasked(v, seg, upper, h, hi, v.xmm[dst + 1]);
        }
    }

    /** MOVQ2DQ xmm, mm. */
    static final class FromMmx extends Op {
        private final int xmm;
        private final int mm;

        FromMmx(Decoded d) {
            xmm = d.reg * 2;
            mm = d.rm & 7;
        }

        @Override
        public int execute(VcpuContext v) {
            if (XmmOp.unavailable(v)) {
                return XmmOp.refuse(v);
            }
            if (Mmx.unavailable(v)) {
                return Mmx.refuse(v);
            }
            v.xmm[xmm] = Mmx.get(v, mm);
            v.xmm[xmm + 1] = 0;
            Mmx.enter(v);
            return NEXT;
        }
    }

    /** MOVDQ2Q mm, xmm. */
    static final class ToMmx extends Op {
        private final int xmm;
        private final int mm;

        ToMmx(Decoded d) {
            xmm = d.rm * 2;
            mm = d.reg & 7;
        }

        @Override
        public int execute(VcpuContext v) {
            if (XmmOp.unavailable(v)) {
                return XmmOp.refuse(v);
            }
            if (Mmx.unavailable(v)) {
                return Mmx.refuse(v);
            }
            Mmx.set(v, mm, v.xmm[xmm]);
            return NEXT;
        }
    }
}
