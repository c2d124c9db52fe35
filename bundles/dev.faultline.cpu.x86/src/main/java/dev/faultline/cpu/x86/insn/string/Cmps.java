// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.string;

import static dev.faultline.api.cpu.Gpr.RDI;
import static dev.faultline.api.cpu.Gpr.RSI;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.kernel.integer.Alu;
import dev.faultline.cpu.x86.memory.Mem;
import dev.faultline.cpu.x86.memory.Preflight;
import dev.faultline.cpu.x86.op.Decoded;
import dev.faultline.cpu.x86.op.Op;

/**
 * CMPS; ES:RDI is read first, as in hardware; the flags change when it ends, not with each
 * iteration. SDM 2A, "CMPS/CMPSB/CMPSW/CMPSD/CMPSQ-Compare String Operands".
 */
final class Cmps extends StringOp {
    private final boolean whileEqual;
    private final int shift;

    private Cmps(Decoded d) {
        super(d);
        whileEqual = d.rep == 0xF3;
        shift = 64 - size * 8;
    }

    static Op make(Decoded d) {
        return new Cmps(d);
    }

    @Override
    int preflight(VcpuContext v) {
        int r = preflightDestination(v, Mem.R);
        return r == Preflight.OPEN ? preflightSource(v) : r;
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
            if (h == Mem.LATE) {
                // A device: read when the other operand is known to be open.
                if (source(v) == -1) {
                    return FAULT;
                }
                h = compared(v);
            }
            if (h == -1) {
                return FAULT;
            }
            long b = Mem.load(h == Mem.LATE ? Mem.readNow(v) : h, size);
            h = source(v);
            if (h == -1) {
                return FAULT;
            }
            long a = Mem.load(h == Mem.LATE ? Mem.readNow(v) : h, size);
            move(v, RSI, stride);
            move(v, RDI, stride);
            result = counted(v, 1);
            if (result == NEXT || (a == b) != whileEqual) {
                Alu.subSmall(v, a, b, 0, shift);
                return NEXT;
            }
        }
        return result;
    }
}
