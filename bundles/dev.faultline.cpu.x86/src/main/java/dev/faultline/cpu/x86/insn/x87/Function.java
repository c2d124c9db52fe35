// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.x87;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.kernel.fp.FpuArithmetic;
import dev.faultline.cpu.x86.kernel.fp.FpuLogarithm;
import dev.faultline.cpu.x86.kernel.fp.FpuMath;
import dev.faultline.cpu.x86.kernel.fp.FpuScaling;
import dev.faultline.cpu.x86.kernel.fp.FpuTrigonometry;
import dev.faultline.cpu.x86.op.Decoded;
import dev.faultline.cpu.x86.op.Op;

/**
 * The functions of D9 E0 to D9 FF on the top of the stack: FCHS, FABS, FSQRT, FRNDINT, FSCALE,
 * FPREM, FPREM1, FXTRACT and the transcendental ones. SDM 2A, their pages.
 */
final class Function {
    private Function() {}

    /** FCHS and FABS, which raise nothing but stack faults. */
    static Op sign(Decoded d, boolean absolute) {
        return new Sign(d, absolute);
    }

    /** ST(0) = f(ST(0)); f is known by the last opcode byte. */
    static Op unary(Decoded d) {
        return new Unary(d);
    }

    /** ST(0) = f(ST(0), ST(1)): FPREM, FPREM1, FSCALE. */
    static Op binary(Decoded d) {
        return new Binary(d);
    }

    /** ST(1) = f(ST(0), ST(1)), pop: FYL2X, FYL2XP1, FPATAN. */
    static Op popping(Decoded d) {
        return new Popping(d);
    }

    /** Two results, the second one pushed: FXTRACT, FPTAN, FSINCOS. */
    static Op pushing(Decoded d) {
        return new Pushing(d);
    }

    private static final class Sign extends X87.Reg {
        private final boolean absolute;

        Sign(Decoded d, boolean absolute) {
            super(d);
            this.absolute = absolute;
        }

        @Override
        void run(VcpuContext v) {
            int r = X87.st(v, 0);
            if (X87.empty(v, r)) {
                stackFault(v, 0);
                if (X87.invalidMasked(v)) {
                    X87.setIndefinite(v, r);
                }
                return;
            }
            X87.status(v, start, fop, 0, 0, X87.C1);
            v.fpExp[r] = absolute ? v.fpExp[r] & 0x7FFF : v.fpExp[r] ^ 0x8000;
        }
    }

    private static final class Unary extends X87.Reg {
        private final int function;

        Unary(Decoded d) {
            super(d);
            function = d.modrm;
        }

        @Override
        void run(VcpuContext v) {
            int r = X87.st(v, 0);
            if (X87.empty(v, r)) {
                X87.status(v, start, fop, X87.STACK_FAULT, 0, mask());
                if (X87.invalidMasked(v)) {
                    X87.setIndefinite(v, r);
                }
                return;
            }
            FpuMath m = X87.math(v);
            long sig = v.fpSig[r];
            int se = v.fpExp[r];
            switch (function) {
                case 0xF0 -> FpuLogarithm.exp2MinusOne(m, sig, se);
                case 0xFA -> FpuArithmetic.sqrt(m, sig, se);
                case 0xFC -> FpuScaling.roundToInteger(m, sig, se);
                case 0xFE -> FpuTrigonometry.sin(m, sig, se);
                case 0xFF -> FpuTrigonometry.cos(m, sig, se);
                default -> throw new IllegalStateException("x87 function D9 " + function);
            }
            X87.status(v, start, fop, m.flags, m.cc, mask());
            if (!m.blocked()) {
                X87.setResult(v, r, m);
            }
        }

        private int mask() {
            return function >= 0xFE ? FpuMath.C1 | FpuMath.C2 : FpuMath.C1;
        }
    }

    private static final class Binary extends X87.Reg {
        private final int function;

        Binary(Decoded d) {
            super(d);
            function = d.modrm;
        }

        @Override
        void run(VcpuContext v) {
            int r = X87.st(v, 0);
            int s = X87.st(v, 1);
            if (X87.empty(v, r) || X87.empty(v, s)) {
                X87.status(v, start, fop, X87.STACK_FAULT, 0, mask(false));
                if (X87.invalidMasked(v)) {
                    X87.setIndefinite(v, r);
                }
                return;
            }
            FpuMath m = X87.math(v);
            long a = v.fpSig[r];
            int ae = v.fpExp[r];
            long b = v.fpSig[s];
            int be = v.fpExp[s];
            if (function == 0xFD) {
                FpuScaling.scale(m, a, ae, b, be);
            } else {
                FpuArithmetic.remainder(m, a, ae, b, be, function == 0xF5);
            }
            X87.status(
                    v, start, fop, m.flags, m.cc, mask(!m.blocked() && (m.se & 0x7FFF) != 0x7FFF));
            if (!m.blocked()) {
                X87.setResult(v, r, m);
            }
        }

        /** A remainder that is not a number leaves C0 and C3 alone. */
        private int mask(boolean number) {
            if (function == 0xFD) {
                return FpuMath.C1;
            }
            return number ? FpuMath.CC : FpuMath.C1 | FpuMath.C2;
        }
    }

    private static final class Popping extends X87.Reg {
        private final int function;

        Popping(Decoded d) {
            super(d);
            function = d.modrm;
        }

        @Override
        void run(VcpuContext v) {
            int r = X87.st(v, 0);
            int s = X87.st(v, 1);
            if (X87.empty(v, r) || X87.empty(v, s)) {
                stackFault(v, 0);
                if (!X87.invalidMasked(v)) {
                    return;
                }
                X87.setIndefinite(v, s);
            } else {
                FpuMath m = X87.math(v);
                long a = v.fpSig[r];
                int ae = v.fpExp[r];
                long b = v.fpSig[s];
                int be = v.fpExp[s];
                switch (function) {
                    case 0xF1 -> FpuLogarithm.yLog2x(m, a, ae, b, be);
                    case 0xF3 -> FpuTrigonometry.atan(m, a, ae, b, be);
                    default -> FpuLogarithm.yLog2xPlus1(m, a, ae, b, be);
                }
                done(v, m);
                if (m.blocked()) {
                    return;
                }
                X87.setResult(v, s, m);
            }
            X87.pop(v);
        }
    }

    private static final class Pushing extends X87.Reg {
        private final int function;

        Pushing(Decoded d) {
            super(d);
            function = d.modrm;
        }

        @Override
        void run(VcpuContext v) {
            int r = X87.st(v, 0);
            int mask = function == 0xF4 ? FpuMath.C1 : FpuMath.C1 | FpuMath.C2;
            boolean underflow = X87.empty(v, r);
            if (underflow || !X87.empty(v, X87.st(v, 7))) {
                X87.status(v, start, fop, X87.STACK_FAULT, underflow ? 0 : X87.C1, mask);
                if (X87.invalidMasked(v)) {
                    X87.setIndefinite(v, r);
                    X87.push(v, FpuMath.INDEFINITE_SIG, FpuMath.INDEFINITE_SE);
                }
                return;
            }
            FpuMath m = X87.math(v);
            long sig = v.fpSig[r];
            int se = v.fpExp[r];
            switch (function) {
                case 0xF2 -> FpuTrigonometry.tan(m, sig, se);
                case 0xF4 -> FpuScaling.extract(m, sig, se);
                default -> FpuTrigonometry.sinCos(m, sig, se);
            }
            X87.status(v, start, fop, m.flags, m.cc, mask);
            boolean outOfRange = function != 0xF4 && (m.cc & FpuMath.C2) != 0;
            if (!outOfRange && !m.blocked()) {
                X87.set(v, r, m.secondSig, m.secondSe);
                X87.push(v, m.sig, m.se);
            }
        }
    }
}
