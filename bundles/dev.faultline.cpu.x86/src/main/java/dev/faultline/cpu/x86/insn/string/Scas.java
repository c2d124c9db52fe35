// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.string;

import static dev.faultline.api.cpu.Gpr.RDI;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.kernel.integer.Alu;
import dev.faultline.cpu.x86.memory.Mem;
import dev.faultline.cpu.x86.op.Decoded;
import dev.faultline.cpu.x86.op.Op;

/**
 * SCAS; the flags change when it ends, not with each iteration. SDM 2B,
 * "SCAS/SCASB/SCASW/SCASD-Scan String".
 */
final class Scas extends StringOp {
    private final boolean whileEqual;
    private final int shift;

    private Scas(Decoded d) {
        super(d);
        whileEqual = d.rep == 0xF3;
        shift = 64 - size * 8;
    }

    static Op make(Decoded d) {
        return new Scas(d);
    }

    @Override
    int preflight(VcpuContext v) {
        return preflightDestination(v, Mem.R);
    }

    @Override
    public int execute(VcpuContext v) {
        if (stopped(v)) {
            return FAULT;
        }
        if (count(v) == 0) {
            return NEXT;
        }
        long stride = stride(v);
        int result = AGAIN;
        for (int i = steps(v); i > 0 && result == AGAIN; i--) {
            long h = compared(v);
            if (h == -1) {
                return FAULT;
            }
            long b = Mem.load(h == Mem.LATE ? Mem.readNow(v) : h, size);
            boolean equal = (v.gpr[0] - b) << shift == 0;
            move(v, RDI, stride);
            result = counted(v, 1);
            if (result == NEXT || equal != whileEqual) {
                Alu.subSmall(v, v.gpr[0], b, 0, shift);
                return NEXT;
            }
        }
        return result;
    }
}
