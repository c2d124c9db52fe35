// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.x87;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.kernel.fp.FpuArithmetic;
import dev.faultline.cpu.x86.kernel.fp.FpuMath;
import dev.faultline.cpu.x86.op.Decoded;
import dev.faultline.cpu.x86.op.Op;

/** FADD, FSUB, FSUBR, FMUL, FDIV, FDIVR in all forms. SDM 2A, their pages. */
final class Arithmetic {
    private static final int ADD = 0;
    private static final int MUL = 1;
    private static final int SUB = 4;
    private static final int SUBR = 5;
    private static final int DIV = 6;
    private static final int DIVR = 7;

    private Arithmetic() {}

    /**
     * The memory forms D8 (float32), DC (float64), DA (int32), DE (int16); the operation is
     * ModR/M.reg.
     */
    static Op memory(Decoded d) {
        int type =
                switch (d.opcode) {
                    case 0xD8 -> X87.F32;
                    case 0xDA -> X87.I32;
                    case 0xDC -> X87.F64;
                    default -> X87.I16;
                };
        return new Memory(d, type, d.modrm >> 3 & 7);
    }

    /**
     * The register forms D8 (to ST(0)), DC (to ST(i)) and DE (to ST(i), pop). The latter two have
     * the reversed operations exchanged.
     */
    static Op register(Decoded d) {
        int kind = d.modrm >> 3 & 7;
        boolean toI = d.opcode != 0xD8;
        if (toI && kind >= SUB) {
            kind ^= 1;
        }
        return new Register(d, kind, toI, d.opcode == 0xDE);
    }

    private static void compute(FpuMath m, int kind, long a, int ae, long b, int be) {
        switch (kind) {
            case ADD -> FpuArithmetic.add(m, a, ae, b, be);
            case MUL -> FpuArithmetic.multiply(m, a, ae, b, be);
            case SUB -> FpuArithmetic.subtract(m, a, ae, b, be);
            case SUBR -> FpuArithmetic.subtract(m, b, be, a, ae);
            case DIV -> FpuArithmetic.divide(m, a, ae, b, be);
            case DIVR -> FpuArithmetic.divide(m, b, be, a, ae);
            default -> throw new IllegalStateException("x87 arithmetic " + kind);
        }
    }

    private static final class Memory extends X87.Mem {
        private final int kind;

        Memory(Decoded d, int type, int kind) {
            super(d, type);
            this.kind = kind;
        }

        @Override
        public int execute(VcpuContext v) {
            if (X87.refuses(v)) {
                return X87.refuse(v);
            }
            long h = read(v, X87.bytes(type));
            if (h < 0) {
                return FAULT;
            }
            int r = X87.st(v, 0);
            if (X87.empty(v, r)) {
                stackFault(v, 0);
                if (X87.invalidMasked(v)) {
                    X87.setIndefinite(v, r);
                }
                return NEXT;
            }
            FpuMath m = X87.math(v);
            X87.widen(m, type, h);
            compute(m, kind, v.fpSig[r], v.fpExp[r], m.sig, m.se);
            if (!m.blocked()) {
                X87.setResult(v, r, m);
            }
            done(v, m.flags, m.cc);
            return NEXT;
        }
    }

    private static final class Register extends X87.Reg {
        private final int kind;
        private final boolean toI;
        private final boolean pops;

        Register(Decoded d, int kind, boolean toI, boolean pops) {
            super(d);
            this.kind = kind;
            this.toI = toI;
            this.pops = pops;
        }

        @Override
        void run(VcpuContext v) {
            int top = X87.st(v, 0);
            int other = X87.st(v, i);
            int to = toI ? other : top;
            int from = toI ? top : other;
            if (X87.empty(v, top) || X87.empty(v, other)) {
                stackFault(v, 0);
                if (!X87.invalidMasked(v)) {
                    return;
                }
                X87.setIndefinite(v, to);
            } else {
                FpuMath m = X87.math(v);
                compute(m, kind, v.fpSig[to], v.fpExp[to], v.fpSig[from], v.fpExp[from]);
                done(v, m);
                if (m.blocked()) {
                    return;
                }
                X87.setResult(v, to, m);
            }
            if (pops) {
                X87.pop(v);
            }
        }
    }
}
