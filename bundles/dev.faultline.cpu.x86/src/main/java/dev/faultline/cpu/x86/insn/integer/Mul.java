// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.integer;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.op.Decoded;
import dev.faultline.cpu.x86.op.Op;
import dev.faultline.cpu.x86.op.RmOp;
import dev.faultline.cpu.x86.state.Flags;

/**
 * MUL, and IMUL to twice the size. SDM 2B, "MUL-Unsigned Multiply"; 2A, "IMUL-Signed Multiply". CF
 * and OF say that the high half matters; SF, ZF, PF follow the low half, as hardware does where the
 * SDM leaves them undefined.
 */
final class Mul {
    private Mul() {}

    static Op mul(Decoded d) {
        int size = d.row.operands.equals("Eb") ? 1 : d.operandSize;
        return size == 8 ? new Mul64(d) : new MulSmall(d, size);
    }

    static Op imul(Decoded d) {
        int size = d.row.operands.equals("Eb") ? 1 : d.operandSize;
        return size == 8 ? new Imul64(d) : new ImulSmall(d, size);
    }

    /** 8, 16 and 32 bits. */
    private static final class MulSmall extends RmOp {
        MulSmall(Decoded d, int size) {
            super(d, size);
        }

        @Override
        public int execute(VcpuContext v) {
            long h = probe(v);
            if (h < 0) {
                return FAULT;
            }
            long p = (v.gpr[0] & mask) * get(v, h);
            putWide(v, size, p);
            boolean c = p >>> size * 8 != 0;
            Flags.result(v, signed(p), c, c);
            return NEXT;
        }
    }

    /** 8, 16 and 32 bits. */
    private static final class ImulSmall extends RmOp {
        ImulSmall(Decoded d, int size) {
            super(d, size);
        }

        @Override
        public int execute(VcpuContext v) {
            long h = probe(v);
            if (h < 0) {
                return FAULT;
            }
            long p = signed(v.gpr[0]) * signed(get(v, h));
            putWide(v, size, p);
            boolean c = signed(p) != p;
            Flags.result(v, signed(p), c, c);
            return NEXT;
        }
    }

    /** A product of two operands of 1, 2 or 4 bytes to AX, DX:AX, EDX:EAX. */
    static void putWide(VcpuContext v, int size, long p) {
        long[] r = v.gpr;
        switch (size) {
            case 1 -> r[0] = r[0] & ~0xFFFFL | p & 0xFFFF;
            case 2 -> {
                r[0] = r[0] & ~0xFFFFL | p & 0xFFFF;
                r[2] = r[2] & ~0xFFFFL | p >>> 16 & 0xFFFF;
            }
            default -> {
                r[0] = p & 0xFFFF_FFFFL;
                r[2] = p >>> 32;
            }
        }
    }

    private static final class Mul64 extends RmOp {
        Mul64(Decoded d) {
            super(d, 8);
        }

        @Override
        public int execute(VcpuContext v) {
            long h = probe(v);
            if (h < 0) {
                return FAULT;
            }
            long[] r = v.gpr;
            long b = get(v, h);
            long high = Math.unsignedMultiplyHigh(r[0], b);
            r[0] *= b;
            r[2] = high;
            Flags.result(v, r[0], high != 0, high != 0);
            return NEXT;
        }
    }

    private static final class Imul64 extends RmOp {
        Imul64(Decoded d) {
            super(d, 8);
        }

        @Override
        public int execute(VcpuContext v) {
            long h = probe(v);
            if (h < 0) {
                return FAULT;
            }
            long[] r = v.gpr;
            long b = get(v, h);
            long high = Math.multiplyHigh(r[0], b);
            r[0] *= b;
            r[2] = high;
            boolean c = high != r[0] >> 63;
            Flags.result(v, r[0], c, c);
            return NEXT;
        }
    }
}
