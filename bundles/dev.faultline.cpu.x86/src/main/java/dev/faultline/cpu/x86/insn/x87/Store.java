// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.x87;

import static dev.faultline.api.memory.HostBytes.put16;
import static dev.faultline.api.memory.HostBytes.put32;
import static dev.faultline.api.memory.HostBytes.put64;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.kernel.fp.FpuConvert;
import dev.faultline.cpu.x86.kernel.fp.FpuMath;
import dev.faultline.cpu.x86.memory.Mem;
import dev.faultline.cpu.x86.memory.Preflight;
import dev.faultline.cpu.x86.op.Decoded;
import dev.faultline.cpu.x86.op.Op;

/** FST, FSTP, FIST, FISTP, FISTTP, FBSTP. SDM 2A, their pages. */
final class Store {
    private Store() {}

    static Op memory(Decoded d, int type, boolean pops, boolean truncates) {
        return new Memory(d, type, pops, truncates);
    }

    static Op register(Decoded d, boolean pops) {
        return new Register(d, pops);
    }

    /** D9 D8 to D9 DF, an undocumented FSTP that does not report an empty register. */
    static Op unchecked(Decoded d) {
        return new Unchecked(d);
    }

    private static final class Memory extends X87.Mem {
        private final boolean pops;
        private final boolean truncates;

        Memory(Decoded d, int type, boolean pops, boolean truncates) {
            super(d, type);
            this.pops = pops;
            this.truncates = truncates;
        }

        @Override
        public int execute(VcpuContext v) {
            if (X87.refuses(v)) {
                return X87.refuse(v);
            }
            int r = X87.st(v, 0);
            FpuMath m = X87.math(v);
            if (X87.empty(v, r)) {
                indefinite(m);
                m.flags = X87.STACK_FAULT;
                m.cc = 0;
            } else {
                convert(m, v.fpSig[r], v.fpExp[r]);
            }
            if (m.storeBlocked()) {
                // Memory is not even looked at.
                done(v, m.flags, m.cc);
                return NEXT;
            }
            if (align(v, Mem.W) < 0) {
                return FAULT;
            }
            int result = type >= X87.F80 ? storeTen(v, m) : storeWhole(v, m);
            if (result >= 0 && pops) {
                X87.pop(v);
            }
            return result;
        }

        private int storeWhole(VcpuContext v, FpuMath m) {
            long h = write(v, X87.bytes(type));
            if (h < 0) {
                return FAULT;
            }
            done(v, m.flags, m.cc);
            put(m, h);
            return Mem.commit(v, h);
        }

        /**
         * As in hardware, two accesses: a guest fault of the exponent leaves the significand
         * stored, and the restart stores it again. One that protection stops leaves nothing.
         */
        private int storeTen(VcpuContext v, FpuMath m) {
            int first = preflight(v, 8, Mem.W);
            boolean stopped = first == Preflight.STOPPED;
            if (stopped) {
                Preflight.partOf(v, 0, 10);
            } else if (first == Preflight.OPEN && preflight(v, 8, 2, Mem.W) == Preflight.STOPPED) {
                Preflight.partOf(v, 8, 10);
                stopped = true;
            }
            if (stopped) {
                return (int) v.propagation.raise(v);
            }
            long h = write(v, 8);
            if (h < 0) {
                return FAULT;
            }
            put64(h, m.sig);
            int result = Mem.commit(v, h);
            h = writeAt(v, 8, 2);
            if (h < 0) {
                return FAULT;
            }
            put16(h, (short) m.se);
            result |= Mem.commit(v, h);
            done(v, m.flags, m.cc);
            return result;
        }

        private void convert(FpuMath m, long sig, int se) {
            switch (type) {
                case X87.F32 -> FpuConvert.toFloat32(m, sig, se);
                case X87.F64 -> FpuConvert.toFloat64(m, sig, se);
                case X87.I16 -> FpuConvert.toInteger(m, sig, se, 16, truncates);
                case X87.I32 -> FpuConvert.toInteger(m, sig, se, 32, truncates);
                case X87.I64 -> FpuConvert.toInteger(m, sig, se, 64, truncates);
                case X87.BCD -> FpuConvert.toDecimal(m, sig, se);
                default -> {
                    m.begin();
                    m.sig = sig;
                    m.se = se;
                }
            }
        }

        /** What an empty register stores: the same as an invalid operation. */
        private void indefinite(FpuMath m) {
            convert(m, FpuMath.INDEFINITE_SIG, FpuMath.INDEFINITE_SE);
        }

        private void put(FpuMath m, long h) {
            switch (type) {
                case X87.I16 -> put16(h, (short) m.bits);
                case X87.F32, X87.I32 -> put32(h, (int) m.bits);
                default -> put64(h, m.bits);
            }
        }
    }

    private static final class Register extends X87.Reg {
        private final boolean pops;

        Register(Decoded d, boolean pops) {
            super(d);
            this.pops = pops;
        }

        @Override
        void run(VcpuContext v) {
            int from = X87.st(v, 0);
            int to = X87.st(v, i);
            if (X87.empty(v, from)) {
                stackFault(v, 0);
                if (!X87.invalidMasked(v)) {
                    return;
                }
                X87.setIndefinite(v, to);
            } else {
                X87.status(v, start, fop, 0, 0, X87.C1);
                X87.set(v, to, v.fpSig[from], v.fpExp[from]);
            }
            if (pops) {
                X87.pop(v);
            }
        }
    }

    private static final class Unchecked extends X87.Reg {
        Unchecked(Decoded d) {
            super(d);
        }

        @Override
        void run(VcpuContext v) {
            int from = X87.st(v, 0);
            X87.status(v, start, fop, 0, 0, X87.C1);
            if (!X87.empty(v, from)) {
                X87.set(v, X87.st(v, i), v.fpSig[from], v.fpExp[from]);
            }
            X87.pop(v);
        }
    }
}
