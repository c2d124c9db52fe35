// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.x87;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.kernel.fp.FpuCompare;
import dev.faultline.cpu.x86.kernel.fp.FpuMath;
import dev.faultline.cpu.x86.op.Decoded;
import dev.faultline.cpu.x86.op.Op;

/**
 * FCOM, FUCOM, FICOM, FCOMI, FUCOMI with their popping forms, FTST and FXAM. SDM 2A, their pages.
 */
final class Compare {
    private static final int UNORDERED = FpuMath.C0 | FpuMath.C2 | FpuMath.C3;

    private Compare() {}

    static Op memory(Decoded d, boolean pops) {
        int type =
                switch (d.opcode) {
                    case 0xD8 -> X87.F32;
                    case 0xDA -> X87.I32;
                    case 0xDC -> X87.F64;
                    default -> X87.I16;
                };
        return new Memory(d, type, pops);
    }

    static Op register(Decoded d, boolean quiet, int pops) {
        return new Register(d, quiet, pops);
    }

    static Op toFlags(Decoded d, boolean quiet, boolean pops) {
        return new ToFlags(d, quiet, pops);
    }

    static Op test(Decoded d) {
        return new Test(d);
    }

    static Op examine(Decoded d) {
        return new Examine(d);
    }

    private static final class Memory extends X87.Mem {
        private final boolean pops;

        Memory(Decoded d, int type, boolean pops) {
            super(d, type);
            this.pops = pops;
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
            boolean stops;
            int cc;
            if (X87.empty(v, r)) {
                stackFault(v, 0);
                cc = UNORDERED;
                stops = !X87.invalidMasked(v);
            } else {
                FpuMath m = X87.math(v);
                X87.widen(m, type, h);
                FpuCompare.compare(m, v.fpSig[r], v.fpExp[r], m.sig, m.se, false);
                done(v, m.flags, 0);
                cc = m.cc;
                stops = m.blocked();
            }
            v.fsw = v.fsw & ~FpuMath.CC | cc;
            if (pops && !stops) {
                X87.pop(v);
            }
            return NEXT;
        }
    }

    private static final class Register extends X87.Reg {
        private final boolean quiet;
        private final int pops;

        Register(Decoded d, boolean quiet, int pops) {
            super(d);
            this.quiet = quiet;
            this.pops = pops;
        }

        @Override
        void run(VcpuContext v) {
            int a = X87.st(v, 0);
            int b = X87.st(v, i);
            boolean stops;
            if (X87.empty(v, a) || X87.empty(v, b)) {
                X87.status(v, start, fop, X87.STACK_FAULT, UNORDERED, FpuMath.CC);
                stops = !X87.invalidMasked(v);
            } else {
                FpuMath m = X87.math(v);
                FpuCompare.compare(m, v.fpSig[a], v.fpExp[a], v.fpSig[b], v.fpExp[b], quiet);
                X87.status(v, start, fop, m.flags, m.cc, FpuMath.CC);
                stops = m.blocked();
            }
            for (int n = pops; n > 0 && !stops; n--) {
                X87.pop(v);
            }
        }
    }

    /** The result goes to ZF, PF and CF; OF, SF and AF are cleared. */
    private static final class ToFlags extends X87.Reg {
        private final boolean quiet;
        private final boolean pops;

        ToFlags(Decoded d, boolean quiet, boolean pops) {
            super(d);
            this.quiet = quiet;
            this.pops = pops;
        }

        @Override
        void run(VcpuContext v) {
            int a = X87.st(v, 0);
            int b = X87.st(v, i);
            boolean stops;
            int cc;
            if (X87.empty(v, a) || X87.empty(v, b)) {
                stackFault(v, 0);
                cc = UNORDERED;
                stops = !X87.invalidMasked(v);
            } else {
                FpuMath m = X87.math(v);
                FpuCompare.compare(m, v.fpSig[a], v.fpExp[a], v.fpSig[b], v.fpExp[b], quiet);
                X87.status(v, start, fop, m.flags, 0, 0);
                cc = m.cc;
                stops = m.blocked();
            }
            v.setStatusFlags(
                    ((cc & FpuMath.C3) != 0 ? VcpuContext.ZF : 0)
                            | ((cc & FpuMath.C2) != 0 ? VcpuContext.PF : 0)
                            | ((cc & FpuMath.C0) != 0 ? VcpuContext.CF : 0));
            if (pops && !stops) {
                X87.pop(v);
            }
        }
    }

    /** FTST: compares ST(0) with zero. */
    private static final class Test extends X87.Reg {
        Test(Decoded d) {
            super(d);
        }

        @Override
        void run(VcpuContext v) {
            int r = X87.st(v, 0);
            if (X87.empty(v, r)) {
                X87.status(v, start, fop, X87.STACK_FAULT, UNORDERED, FpuMath.CC);
                return;
            }
            FpuMath m = X87.math(v);
            FpuCompare.compare(m, v.fpSig[r], v.fpExp[r], 0, 0, false);
            X87.status(v, start, fop, m.flags, m.cc, FpuMath.CC);
        }
    }

    private static final class Examine extends X87.Reg {
        Examine(Decoded d) {
            super(d);
        }

        @Override
        void run(VcpuContext v) {
            int r = X87.st(v, 0);
            int cc = FpuCompare.examine(v.fpSig[r], v.fpExp[r], X87.empty(v, r));
            X87.status(v, start, fop, 0, cc, FpuMath.CC);
        }
    }
}
