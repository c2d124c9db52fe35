// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.sse;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.kernel.simd.PackedShapes;
import dev.faultline.cpu.x86.kernel.simd.PackedWide;
import dev.faultline.cpu.x86.memory.Mem;
import dev.faultline.cpu.x86.op.Decoded;

/**
 * Between elements of XMM registers and general registers or memory: PINSRx, PEXTRx, EXTRACTPS,
 * INSERTPS, PMOVMSKB, MOVMSKPx.
 */
final class Elements {
    private Elements() {}

    private static long mask(int size) {
        return size == 8 ? -1L : (1L << 8 * size) - 1;
    }

    /** PINSRB, PINSRW, PINSRD, PINSRQ: xmm, r/m, imm8. */
    static final class Insert extends XmmOp {
        private final int gpr;
        private final int size;
        private final int at;
        private final int shift;

        Insert(Decoded d, int size) {
            super(d);
            gpr = d.rm;
            this.size = size;
            int offset = ((int) d.imm & 16 / size - 1) * size;
            at = d.reg * 2 + (offset >>> 3);
            shift = 8 * (offset & 7);
        }

        @Override
        int run(VcpuContext v) {
            long e;
            if (src >= 0) {
                e = v.gpr[gpr] & mask(size);
            } else {
                long h = read(v, size);
                if (h < 0) {
                    return FAULT;
                }
                e = Mem.load(h, size);
            }
            v.xmm[at] = v.xmm[at] & ~(mask(size) << shift) | e << shift;
            return NEXT;
        }
    }

    /** PEXTRB, PEXTRW (0F3A form), PEXTRD, PEXTRQ, EXTRACTPS: r/m, xmm, imm8. */
    static final class Extract extends XmmOp {
        private final int gpr;
        private final int size;
        private final int at;
        private final int shift;

        Extract(Decoded d, int size) {
            super(d);
            gpr = d.rm;
            this.size = size;
            int offset = ((int) d.imm & 16 / size - 1) * size;
            at = d.reg * 2 + (offset >>> 3);
            shift = 8 * (offset & 7);
        }

        @Override
        int run(VcpuContext v) {
            long e = v.xmm[at] >>> shift & mask(size);
            if (src >= 0) {
                v.gpr[gpr] = e;
                return NEXT;
            }
            long h = write(v, size);
            if (h < 0) {
                return FAULT;
            }
            Mem.store(h, size, e);
            return Mem.commit(v, h);
        }
    }

    /** PEXTRW r32, xmm, imm8, the SSE2 form. */
    static final class ExtractWord extends XmmOp {
        private final int gpr;
        private final int at;
        private final int shift;

        ExtractWord(Decoded d) {
            super(d);
            gpr = d.reg;
            at = d.rm * 2 + ((int) d.imm >>> 2 & 1);
            shift = 16 * ((int) d.imm & 3);
        }

        @Override
        int run(VcpuContext v) {
            v.gpr[gpr] = v.xmm[at] >>> shift & 0xFFFF;
            return NEXT;
        }
    }

    /** INSERTPS xmm, xmm/m32, imm8: from memory the source element is the operand. */
    static final class InsertSingle extends XmmOp {
        private final int imm;

        InsertSingle(Decoded d) {
            super(d);
            imm = (int) d.imm & 0xFF;
        }

        @Override
        int run(VcpuContext v) {
            if (src >= 0) {
                PackedWide.insertps(v.xmm, dst, v.xmm[src], v.xmm[src + 1], imm);
                return NEXT;
            }
            long h = read(v, 4);
            if (h < 0) {
                return FAULT;
            }
            PackedWide.insertps(v.xmm, dst, Mem.load(h, 4), imm);
            return NEXT;
        }
    }

    /** PMOVMSKB r32, xmm. */
    static final class ByteSigns extends XmmOp {
        private final int gpr;

        ByteSigns(Decoded d) {
            super(d);
            gpr = d.reg;
        }

        @Override
        int run(VcpuContext v) {
            long[] x = v.xmm;
            v.gpr[gpr] = PackedShapes.byteSigns(x[src]) | PackedShapes.byteSigns(x[src + 1]) << 8;
            return NEXT;
        }
    }

    /** MOVMSKPS and MOVMSKPD. */
    static final class ElementSigns extends XmmOp {
        private final int gpr;
        private final boolean quads;

        ElementSigns(Decoded d, boolean quads) {
            super(d);
            gpr = d.reg;
            this.quads = quads;
        }

        @Override
        int run(VcpuContext v) {
            long lo = v.xmm[src];
            long hi = v.xmm[src + 1];
            v.gpr[gpr] = quads ? PackedWide.movmskpd(lo, hi) : PackedWide.movmskps(lo, hi);
            return NEXT;
        }
    }
}
