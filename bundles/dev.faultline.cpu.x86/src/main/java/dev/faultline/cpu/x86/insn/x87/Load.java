// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.x87;

import static dev.faultline.api.memory.HostBytes.get16;
import static dev.faultline.api.memory.HostBytes.get32;
import static dev.faultline.api.memory.HostBytes.get64;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.kernel.fp.FpuConstants;
import dev.faultline.cpu.x86.kernel.fp.FpuConvert;
import dev.faultline.cpu.x86.kernel.fp.FpuMath;
import dev.faultline.cpu.x86.op.Decoded;
import dev.faultline.cpu.x86.op.Op;

/** FLD, FILD, FBLD and the constants: everything that pushes a value. SDM 2A, their pages. */
final class Load {
    private Load() {}

    static Op memory(Decoded d, int type) {
        return new Memory(d, type);
    }

    static Op register(Decoded d) {
        return new Register(d);
    }

    /** FLD1 to FLDZ: D9 E8 to D9 EE. */
    static Op constant(Decoded d) {
        return new Constant(d);
    }

    private static final class Memory extends X87.Mem {
        Memory(Decoded d, int type) {
            super(d, type);
        }

        @Override
        public int execute(VcpuContext v) {
            if (X87.refuses(v)) {
                return X87.refuse(v);
            }
            if (align(v, dev.faultline.cpu.x86.memory.Mem.R) < 0) {
                return FAULT;
            }
            if (type >= X87.F80) {
                // Ten bytes are two accesses: the significand's faults come first.
                long lin = linear(v, 0, 8, dev.faultline.cpu.x86.memory.Mem.R);
                if (linearFailed(lin)
                        || dev.faultline.cpu.x86.memory.Mem.readLate(v, seg, lin, 8) == -1) {
                    return FAULT;
                }
            }
            long h = read(v, X87.bytes(type));
            if (h < 0) {
                return FAULT;
            }
            if (!X87.empty(v, X87.st(v, 7))) {
                stackFault(v, X87.C1);
                if (X87.invalidMasked(v)) {
                    X87.push(v, FpuMath.INDEFINITE_SIG, FpuMath.INDEFINITE_SE);
                }
                return NEXT;
            }
            if (type == X87.F80) {
                done(v, 0, 0);
                X87.push(v, get64(h), get16(h + 8) & 0xFFFF);
                return NEXT;
            }
            FpuMath m = X87.math(v);
            convert(m, h);
            done(v, m.flags, 0);
            if (!m.loadBlocked()) {
                X87.push(v, m.sig, m.se);
            }
            return NEXT;
        }

        private void convert(FpuMath m, long h) {
            switch (type) {
                case X87.F32 -> FpuConvert.fromFloat32(m, get32(h));
                case X87.F64 -> FpuConvert.fromFloat64(m, get64(h));
                case X87.I16 -> FpuConvert.fromInteger(m, get16(h));
                case X87.I32 -> FpuConvert.fromInteger(m, get32(h));
                case X87.I64 -> FpuConvert.fromInteger(m, get64(h));
                case X87.BCD -> FpuConvert.fromDecimal(m, get64(h), get16(h + 8) & 0xFFFF);
                default -> throw new IllegalStateException("x87 load of type " + type);
            }
        }
    }

    private static final class Register extends X87.Reg {
        Register(Decoded d) {
            super(d);
        }

        @Override
        void run(VcpuContext v) {
            int from = X87.st(v, i);
            boolean underflow = X87.empty(v, from);
            if (underflow || !X87.empty(v, X87.st(v, 7))) {
                stackFault(v, underflow ? 0 : X87.C1);
                if (X87.invalidMasked(v)) {
                    X87.push(v, FpuMath.INDEFINITE_SIG, FpuMath.INDEFINITE_SE);
                }
                return;
            }
            X87.status(v, start, fop, 0, 0, X87.C1);
            X87.push(v, v.fpSig[from], v.fpExp[from]);
        }
    }

    private static final class Constant extends X87.Reg {
        Constant(Decoded d) {
            super(d);
        }

        @Override
        void run(VcpuContext v) {
            if (!X87.empty(v, X87.st(v, 7))) {
                stackFault(v, X87.C1);
                if (X87.invalidMasked(v)) {
                    X87.push(v, FpuMath.INDEFINITE_SIG, FpuMath.INDEFINITE_SE);
                }
                return;
            }
            FpuMath m = X87.math(v);
            FpuConstants.load(m, i);
            X87.status(v, start, fop, 0, 0, X87.C1);
            X87.push(v, m.sig, m.se);
        }
    }
}
