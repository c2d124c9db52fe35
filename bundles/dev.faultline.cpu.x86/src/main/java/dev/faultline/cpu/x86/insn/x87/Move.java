// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.x87;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.op.Decoded;
import dev.faultline.cpu.x86.op.Op;

/** FXCH, FCMOVcc, FFREE, FFREEP, FINCSTP, FDECSTP, FNOP. SDM 2A, their pages. */
final class Move {
    private Move() {}

    static Op exchange(Decoded d) {
        return new Exchange(d);
    }

    /** FCMOVcc: DA C0 to DA DF (B, E, BE, U) and the opposites at DB. */
    static Op conditional(Decoded d) {
        return new Conditional(d);
    }

    static Op free(Decoded d, boolean pops) {
        return new Free(d, pops);
    }

    /** FINCSTP and FDECSTP. */
    static Op rotate(Decoded d, int by) {
        return new Rotate(d, by);
    }

    static Op nop(Decoded d) {
        return new Nop(d);
    }

    private static final class Exchange extends X87.Reg {
        Exchange(Decoded d) {
            super(d);
        }

        @Override
        void run(VcpuContext v) {
            int a = X87.st(v, 0);
            int b = X87.st(v, i);
            if (X87.empty(v, a) || X87.empty(v, b)) {
                stackFault(v, 0);
                if (!X87.invalidMasked(v)) {
                    return;
                }
                if (X87.empty(v, a)) {
                    X87.setIndefinite(v, a);
                }
                if (X87.empty(v, b)) {
                    X87.setIndefinite(v, b);
                }
            } else {
                X87.status(v, start, fop, 0, 0, X87.C1);
            }
            long sig = v.fpSig[a];
            int se = v.fpExp[a];
            v.fpSig[a] = v.fpSig[b];
            v.fpExp[a] = v.fpExp[b];
            v.fpSig[b] = sig;
            v.fpExp[b] = se;
        }
    }

    private static final class Conditional extends X87.Reg {
        private final int flags;
        private final boolean whenSet;

        Conditional(Decoded d) {
            super(d);
            flags =
                    switch (d.modrm >> 3 & 3) {
                        case 0 -> VcpuContext.CF;
                        case 1 -> VcpuContext.ZF;
                        case 2 -> VcpuContext.CF | VcpuContext.ZF;
                        default -> VcpuContext.PF;
                    };
            whenSet = d.opcode == 0xDA;
        }

        @Override
        void run(VcpuContext v) {
            int to = X87.st(v, 0);
            int from = X87.st(v, i);
            if (X87.empty(v, to) || X87.empty(v, from)) {
                stackFault(v, 0);
                if (X87.invalidMasked(v)) {
                    X87.setIndefinite(v, to);
                }
                return;
            }
            X87.status(v, start, fop, 0, 0, 0);
            if ((v.getFlags() & flags) != 0 == whenSet) {
                v.fpSig[to] = v.fpSig[from];
                v.fpExp[to] = v.fpExp[from];
            }
        }
    }

    private static final class Free extends X87.Reg {
        private final boolean pops;

        Free(Decoded d, boolean pops) {
            super(d);
            this.pops = pops;
        }

        @Override
        void run(VcpuContext v) {
            X87.status(v, start, fop, 0, 0, X87.C1);
            v.fpTag &= ~(1 << X87.st(v, i));
            if (pops) {
                X87.pop(v);
            }
        }
    }

    private static final class Rotate extends X87.Reg {
        private final int by;

        Rotate(Decoded d, int by) {
            super(d);
            this.by = by;
        }

        @Override
        void run(VcpuContext v) {
            X87.status(v, start, fop, 0, 0, X87.C1);
            X87.setTop(v, X87.st(v, by & 7));
        }
    }

    private static final class Nop extends X87.Reg {
        Nop(Decoded d) {
            super(d);
        }

        @Override
        void run(VcpuContext v) {
            X87.status(v, start, fop, 0, 0, 0);
        }
    }
}
