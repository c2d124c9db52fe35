// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.mmx;

import static dev.faultline.api.memory.HostBytes.put64;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.kernel.simd.PackedShapes;
import dev.faultline.cpu.x86.memory.Mem;
import dev.faultline.cpu.x86.memory.Preflight;
import dev.faultline.cpu.x86.op.Decoded;

/** MOVD, MOVQ, MOVNTQ, MOVQ2DQ, MOVDQ2Q, MASKMOVQ and EMMS. */
final class MmxMoves {
    private MmxMoves() {}

    /** MOVQ mm, mm/m64. */
    static final class Load extends MmxOp {
        Load(Decoded d) {
            super(d);
        }

        @Override
        int run(VcpuContext v) {
            if (src >= 0) {
                Mmx.set(v, dst, Mmx.get(v, src));
                return NEXT;
            }
            long h = read(v, 8);
            if (h < 0) {
                return FAULT;
            }
            Mmx.set(v, dst, Mem.load(h, 8));
            return NEXT;
        }
    }

    /** MOVQ mm/m64, mm and MOVNTQ m64, mm. */
    static final class Store extends MmxOp {
        Store(Decoded d) {
            super(d);
        }

        @Override
        int run(VcpuContext v) {
            if (src >= 0) {
                Mmx.set(v, src, Mmx.get(v, dst));
                return NEXT;
            }
            if (preflight(v, 8, Mem.W) == Preflight.STOPPED) {
                return (int) v.propagation.raise(v);
            }
            Mmx.clearTop(v);
            long h = write(v, 8);
            if (h < 0) {
                return FAULT;
            }
            put64(h, Mmx.get(v, dst));
            Mmx.enter(v);
            return Mem.commit(v, h);
        }
    }

    /** MOVD mm, r/m32 and, with REX.W, MOVQ mm, r/m64. */
    static final class FromGpr extends MmxOp {
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
            Mmx.set(v, dst, x);
            return NEXT;
        }
    }

    /** MOVD r/m32, mm and, with REX.W, MOVQ r/m64, mm. */
    static final class ToGpr extends MmxOp {
        private final int gpr;
        private final int size;

        ToGpr(Decoded d) {
            super(d);
            gpr = d.rm;
            size = d.rexW ? 8 : 4;
        }

        @Override
        int run(VcpuContext v) {
            long x = Mmx.get(v, dst);
            if (src >= 0) {
                v.gpr[gpr] = size == 8 ? x : x & 0xFFFF_FFFFL;
                Mmx.enter(v);
                return NEXT;
            }
            if (preflight(v, size, Mem.W) == Preflight.STOPPED) {
                return (int) v.propagation.raise(v);
            }
            Mmx.clearTop(v);
            long h = write(v, size);
            if (h < 0) {
                return FAULT;
            }
            Mem.store(h, size, x);
            Mmx.enter(v);
            return Mem.commit(v, h);
        }
    }

    /** MASKMOVQ mm, mm: the bytes whose mask byte is negative go to DS:[rDI]. */
    static final class MaskMove extends MmxOp {
        MaskMove(Decoded d) {
            super(withDestinationIndex(d));
        }

        @Override
        int run(VcpuContext v) {
            int mask = PackedShapes.byteSigns(Mmx.get(v, src));
            if (preflight(v, 8, Mem.W) == Preflight.STOPPED) {
                return (int) v.propagation.raise(v);
            }
            Mmx.enter(v);
            long lin = linear(v, 0, 8, Mem.W);
            if (linearFailed(lin)) {
                return FAULT;
            }
            if (!Mmx.addressable(v, lin, 8)) {
                return Mmx.unaddressable(v, seg);
            }
            long h = Mem.write(v, seg, lin, 8);
            if (h < 0) {
                return FAULT;
            }
            return Mmx.storeMasked(v, seg, lin, h, mask, Mmx.get(v, dst));
        }
    }

    /** Gives an instruction without a ModR/M memory operand the implied one at rDI. */
    static Decoded withDestinationIndex(Decoded d) {
        d.base = 7;
        return d;
    }

    /** EMMS: all x87 registers empty; TOP becomes 0 as with the others. */
    static final class Emms extends MmxOp {
        Emms(Decoded d) {
            super(d);
        }

        @Override
        int run(VcpuContext v) {
            Mmx.enter(v);
            v.fpTag = 0;
            return NEXT;
        }
    }
}
