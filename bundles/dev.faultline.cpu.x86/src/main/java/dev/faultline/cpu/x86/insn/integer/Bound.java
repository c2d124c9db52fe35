// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.integer;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.memory.Mem;
import dev.faultline.cpu.x86.op.Decoded;
import dev.faultline.cpu.x86.op.Op;
import dev.faultline.cpu.x86.op.RmOp;
import dev.faultline.cpu.x86.state.Faults;

/** BOUND. SDM 2A, "BOUND-Check Array Index Against Bounds". */
final class Bound extends RmOp {
    private Bound(Decoded d) {
        super(d, d.operandSize);
    }

    static Op make(Decoded d) {
        return new Bound(d);
    }

    @Override
    public int execute(VcpuContext v) {
        long h = read(v, size);
        if (h < 0) {
            return FAULT;
        }
        long lower = signed(Mem.load(h, size));
        h = readAt(v, size, size);
        if (h < 0) {
            return FAULT;
        }
        long upper = signed(Mem.load(h, size));
        long x = signed(getG(v));
        return x < lower || x > upper ? Faults.raise(v, Faults.BR) : NEXT;
    }
}
