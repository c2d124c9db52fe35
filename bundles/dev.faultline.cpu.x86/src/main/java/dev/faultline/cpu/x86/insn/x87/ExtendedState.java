// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.x87;

import static dev.faultline.api.memory.HostBytes.get16;
import static dev.faultline.api.memory.HostBytes.get32;
import static dev.faultline.api.memory.HostBytes.get64;
import static dev.faultline.api.memory.HostBytes.get8;
import static dev.faultline.api.memory.HostBytes.put16;
import static dev.faultline.api.memory.HostBytes.put32;
import static dev.faultline.api.memory.HostBytes.put64;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.kernel.simd.Mxcsr;
import dev.faultline.cpu.x86.memory.Mem;
import dev.faultline.cpu.x86.op.Decoded;
import dev.faultline.cpu.x86.op.MemOp;
import dev.faultline.cpu.x86.op.Op;
import dev.faultline.cpu.x86.state.Faults;

/** FXSAVE, FXRSTOR, LDMXCSR and STMXCSR. SDM 1, "FXSAVE Area"; SDM 2A and 2B, their pages. */
final class ExtendedState {
    private static final int AREA = 512;
    private static final int REGISTERS = 32;
    private static final int XMM = 160;

    private ExtendedState() {}

    static Op save(Decoded d) {
        return new Save(d);
    }

    static Op restore(Decoded d) {
        return new Restore(d);
    }

    static Op loadMxcsr(Decoded d) {
        return new LoadMxcsr(d);
    }

    static Op storeMxcsr(Decoded d) {
        return new StoreMxcsr(d);
    }

    /**
     * What both instructions share: 512 bytes, aligned to 16, touched only after all of them are
     * known to be accessible.
     */
    private abstract static class State extends X87.Area {
        final boolean wide;

        State(Decoded d) {
            super(d);
            wide = d.rexW;
        }

        /** Returns 0, or FAULT. */
        final int probe(VcpuContext v, int access) {
            if (X87.disabled(v)) {
                return Faults.nm(v);
            }
            long lin = linear(v, 0, AREA, access);
            if (linearFailed(lin)) {
                return FAULT;
            }
            boolean canonical = v.codeBits != 64 || VcpuContext.canonical(lin);
            if ((lin & 15) != 0 && canonical) {
                return X87.misaligned(v, lin, 3) ? Faults.raise(v, Faults.AC, 0) : Faults.gp(v, 0);
            }
            return probe(v, AREA, access, 15, 0);
        }

        static int xmmRegisters(VcpuContext v) {
            return v.codeBits == 64 ? 16 : 8;
        }
    }

    private static final class Save extends State {
        Save(Decoded d) {
            super(d);
        }

        @Override
        public int execute(VcpuContext v) {
            if (probe(v, Mem.W) < 0) {
                return FAULT;
            }
            long h = writeAt(v, 0, 32);
            if (h < 0) {
                return FAULT;
            }
            put16(h, (short) v.fcw);
            put16(h + 2, (short) v.fsw);
            put16(h + 4, (short) v.fpTag);
            put16(h + 6, (short) v.fop);
            if (wide) {
                put64(h + 8, v.fip);
                put64(h + 16, v.fdp);
            } else {
                put64(h + 8, v.fip & 0xFFFF_FFFFL | (v.fcs & 0xFFFFL) << 32);
                put64(h + 16, v.fdp & 0xFFFF_FFFFL | (v.fds & 0xFFFFL) << 32);
            }
            put32(h + 24, v.mxcsr);
            put32(h + 28, Mxcsr.WRITABLE);
            int result = Mem.commit(v, h);
            for (int i = 0; i < 8; i++) {
                int r = X87.st(v, i);
                result |= pair(v, REGISTERS + 16 * i, v.fpSig[r], v.fpExp[r] & 0xFFFFL);
            }
            for (int i = 0; i < xmmRegisters(v); i++) {
                result |= pair(v, XMM + 16 * i, v.xmm[2 * i], v.xmm[2 * i + 1]);
            }
            return result;
        }

        private int pair(VcpuContext v, int at, long low, long high) {
            long h = writeAt(v, at, 16);
            if (h < 0) {
                return FAULT;
            }
            put64(h, low);
            put64(h + 8, high);
            return Mem.commit(v, h);
        }
    }

    private static final class Restore extends State {
        Restore(Decoded d) {
            super(d);
        }

        @Override
        public int execute(VcpuContext v) {
            if (probe(v, Mem.R) < 0) {
                return FAULT;
            }
            long h = readAt(v, 0, 32);
            if (h < 0) {
                return FAULT;
            }
            int mxcsr = get32(h + 24);
            if ((mxcsr & ~Mxcsr.WRITABLE) != 0) {
                return Faults.gp(v, 0);
            }
            v.mxcsr = mxcsr;
            X87.setControl(v, get16(h));
            v.fsw = get16(h + 2) & 0xFFFF;
            X87.summarize(v);
            v.fpTag = get8(h + 4) & 0xFF;
            v.fop = get16(h + 6) & 0x7FF;
            long ip = get64(h + 8);
            long dp = get64(h + 16);
            v.fip = wide ? ip : ip & 0xFFFF_FFFFL;
            v.fdp = wide ? dp : dp & 0xFFFF_FFFFL;
            v.fcs = wide ? 0 : (int) (ip >>> 32) & 0xFFFF;
            v.fds = wide ? 0 : (int) (dp >>> 32) & 0xFFFF;
            for (int i = 0; i < 8; i++) {
                h = readAt(v, REGISTERS + 16 * i, 16);
                if (h < 0) {
                    return FAULT;
                }
                int r = X87.st(v, i);
                v.fpSig[r] = get64(h);
                v.fpExp[r] = get16(h + 8) & 0xFFFF;
            }
            for (int i = 0; i < xmmRegisters(v); i++) {
                h = readAt(v, XMM + 16 * i, 16);
                if (h < 0) {
                    return FAULT;
                }
                v.xmm[2 * i] = get64(h);
                v.xmm[2 * i + 1] = get64(h + 8);
            }
            return NEXT;
        }
    }

    /** #UD if SSE is off, #NM if the task was switched; 0: go on. */
    private static int refuseSse(VcpuContext v) {
        if ((v.cr0 & VcpuContext.CR0_EM) != 0 || (v.cr4 & VcpuContext.CR4_OSFXSR) == 0) {
            return Faults.ud(v);
        }
        return (v.cr0 & VcpuContext.CR0_TS) != 0 ? Faults.nm(v) : 0;
    }

    private static final class LoadMxcsr extends MemOp {
        LoadMxcsr(Decoded d) {
            super(d);
        }

        @Override
        public int execute(VcpuContext v) {
            if (refuseSse(v) < 0) {
                return FAULT;
            }
            long h = read(v, 4);
            if (h < 0) {
                return FAULT;
            }
            int mxcsr = get32(h);
            if ((mxcsr & ~Mxcsr.WRITABLE) != 0) {
                return Faults.gp(v, 0);
            }
            v.mxcsr = mxcsr;
            return NEXT;
        }
    }

    private static final class StoreMxcsr extends MemOp {
        StoreMxcsr(Decoded d) {
            super(d);
        }

        @Override
        public int execute(VcpuContext v) {
            if (refuseSse(v) < 0) {
                return FAULT;
            }
            long h = write(v, 4);
            if (h < 0) {
                return FAULT;
            }
            put32(h, v.mxcsr);
            return Mem.commit(v, h);
        }
    }
}
