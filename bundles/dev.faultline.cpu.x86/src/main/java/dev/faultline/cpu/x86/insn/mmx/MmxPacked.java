// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.mmx;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.kernel.simd.PackedShapes;
import dev.faultline.cpu.x86.memory.Mem;
import dev.faultline.cpu.x86.op.Decoded;

/** The packed MMX instructions, from PADDB to PALIGNR. */
final class MmxPacked {
    private MmxPacked() {}

    /** PSHUFW, PALIGNR. */
    static final class Immediate extends MmxOp {
        private final boolean align;
        private final int imm;

        Immediate(Decoded d, boolean align) {
            super(d);
            this.align = align;
            imm = (int) d.imm & 0xFF;
        }

        @Override
        int run(VcpuContext v) {
            long b;
            if (src >= 0) {
                b = Mmx.get(v, src);
            } else {
                long h = read(v, 8);
                if (h < 0) {
                    return FAULT;
                }
                b = Mem.load(h, 8);
            }
            long r =
                    align
                            ? PackedShapes.palignr(Mmx.get(v, dst), b, imm)
                            : PackedShapes.pshufw(b, imm);
            Mmx.set(v, dst, r);
            return NEXT;
        }
    }

    /** PMOVMSKB r32, mm. */
    static final class ByteSigns extends MmxOp {
        private final int gpr;

        ByteSigns(Decoded d) {
            super(d);
            gpr = d.reg;
        }

        @Override
        int run(VcpuContext v) {
            v.gpr[gpr] = PackedShapes.byteSigns(Mmx.get(v, src));
            Mmx.enter(v);
            return NEXT;
        }
    }

    /** PEXTRW r32, mm, imm8. */
    static final class ExtractWord extends MmxOp {
        private final int gpr;
        private final int shift;

        ExtractWord(Decoded d) {
            super(d);
            gpr = d.reg;
            shift = 16 * ((int) d.imm & 3);
        }

        @Override
        int run(VcpuContext v) {
            v.gpr[gpr] = Mmx.get(v, src) >>> shift & 0xFFFF;
            Mmx.enter(v);
            return NEXT;
        }
    }

    /** PINSRW mm, r32/m16, imm8. */
    static final class InsertWord extends MmxOp {
        private final int gpr;
        private final int index;

        InsertWord(Decoded d) {
            super(d);
            gpr = d.rm;
            index = (int) d.imm & 3;
        }

        @Override
        int run(VcpuContext v) {
            long w;
            if (src >= 0) {
                w = v.gpr[gpr];
            } else {
                long h = read(v, 2);
                if (h < 0) {
                    return FAULT;
                }
                w = Mem.load(h, 2);
            }
            Mmx.set(v, dst, PackedShapes.insertWord(Mmx.get(v, dst), (int) w, index));
            return NEXT;
        }
    }
}
