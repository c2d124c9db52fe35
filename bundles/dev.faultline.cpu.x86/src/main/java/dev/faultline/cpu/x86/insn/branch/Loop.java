// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.branch;

import static dev.faultline.api.cpu.Gpr.RCX;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.op.Decoded;
import dev.faultline.cpu.x86.op.Op;
import dev.faultline.cpu.x86.state.Faults;
import dev.faultline.cpu.x86.state.Flags;

/**
 * LOOP, LOOPE, LOOPNE and JCXZ: CX, ECX or RCX by address size. SDM 2A, "LOOP/LOOPcc-Loop According
 * to ECX Counter", "Jcc".
 */
final class Loop {

    private Loop() {}

    static Op make(Decoded d) {
        return new Counted(d, d.mnemonic);
    }

    static Op jcxz(Decoded d) {
        return new Jcxz(d);
    }

    private static final class Counted extends NearOp {
        private final int addressSize;
        private final long counter;
        private final boolean tests;
        private final boolean wanted;

        Counted(Decoded d, String mnemonic) {
            super(d);
            addressSize = d.addressSize;
            counter = -1L >>> 64 - addressSize * 8;
            tests = !mnemonic.equals("LOOP");
            wanted = mnemonic.equals("LOOPE");
        }

        @Override
        public int execute(VcpuContext v) {
            long rcx = v.gpr[RCX];
            long left = rcx - 1 & counter;
            boolean taken = left != 0 && (!tests || Flags.zf(v) == wanted);
            if (taken && !allowed(v, target(v))) {
                return Faults.gp(v, 0);
            }
            v.gpr[RCX] = addressSize == 2 ? rcx & ~0xFFFFL | left : left;
            return taken ? jump(v) : fallThrough(v);
        }
    }

    private static final class Jcxz extends NearOp {
        private final long counter;

        Jcxz(Decoded d) {
            super(d);
            counter = -1L >>> 64 - d.addressSize * 8;
        }

        @Override
        public int execute(VcpuContext v) {
            return (v.gpr[RCX] & counter) == 0 ? jump(v) : fallThrough(v);
        }
    }
}
