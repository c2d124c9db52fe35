// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.x87;

import static dev.faultline.api.memory.HostBytes.get16;
import static dev.faultline.api.memory.HostBytes.put16;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.memory.Mem;
import dev.faultline.cpu.x86.op.Decoded;
import dev.faultline.cpu.x86.op.MemOp;
import dev.faultline.cpu.x86.op.Op;
import dev.faultline.cpu.x86.state.Faults;

/**
 * The control instructions of one word: FNINIT, FNCLEX, FLDCW, FNSTCW, FNSTSW, FWAIT. They leave
 * FIP, FDP and FOP alone. SDM 2A, their pages.
 */
final class Control {
    private Control() {}

    static Op init() {
        return new Init();
    }

    static Op clear() {
        return new Clear();
    }

    static Op loadControl(Decoded d) {
        return new LoadControl(d);
    }

    static Op storeControl(Decoded d) {
        return new StoreWord(d, false);
    }

    static Op storeStatus(Decoded d) {
        return d.mem ? new StoreWord(d, true) : new StatusToAx();
    }

    static Op waitOp() {
        return new Wait();
    }

    /** FENI, FDISI and FSETPM of the 8087 and 287: nothing happens. */
    static Op ignored() {
        return new Ignored();
    }

    private static final class Init extends Op {
        @Override
        public int execute(VcpuContext v) {
            if (X87.disabled(v)) {
                return Faults.nm(v);
            }
            X87.initialize(v);
            return NEXT;
        }
    }

    private static final class Clear extends Op {
        @Override
        public int execute(VcpuContext v) {
            if (X87.disabled(v)) {
                return Faults.nm(v);
            }
            v.fsw &= 0x7F00;
            X87.errorsCleared(v);
            return NEXT;
        }
    }

    private static final class LoadControl extends MemOp {
        LoadControl(Decoded d) {
            super(d);
        }

        @Override
        public int execute(VcpuContext v) {
            if (X87.refuses(v)) {
                return X87.refuse(v);
            }
            long h = read(v, 2);
            if (h < 0) {
                return FAULT;
            }
            X87.setControl(v, get16(h));
            X87.summarize(v);
            return NEXT;
        }
    }

    private static final class StoreWord extends MemOp {
        private final boolean status;

        StoreWord(Decoded d, boolean status) {
            super(d);
            this.status = status;
        }

        @Override
        public int execute(VcpuContext v) {
            if (X87.disabled(v)) {
                return Faults.nm(v);
            }
            long h = write(v, 2);
            if (h < 0) {
                return FAULT;
            }
            put16(h, (short) (status ? v.fsw : v.fcw));
            return Mem.commit(v, h);
        }
    }

    private static final class StatusToAx extends Op {
        @Override
        public int execute(VcpuContext v) {
            if (X87.disabled(v)) {
                return Faults.nm(v);
            }
            v.gpr[0] = v.gpr[0] & ~0xFFFFL | v.fsw & 0xFFFF;
            return NEXT;
        }
    }

    private static final class Wait extends Op {
        @Override
        public int execute(VcpuContext v) {
            int both = VcpuContext.CR0_MP | VcpuContext.CR0_TS;
            if ((v.cr0 & both) == both) {
                return Faults.nm(v);
            }
            return (v.fsw & X87.ES) == 0 || X87.ignoresErrors(v) ? NEXT : X87.error(v);
        }
    }

    private static final class Ignored extends Op {
        @Override
        public int execute(VcpuContext v) {
            return X87.disabled(v) ? Faults.nm(v) : NEXT;
        }
    }
}
