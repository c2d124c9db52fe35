// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.string;

import static dev.faultline.api.cpu.Gpr.RSI;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.memory.Mem;
import dev.faultline.cpu.x86.op.Decoded;
import dev.faultline.cpu.x86.op.Op;

/** LODS. SDM 2A, "LODS/LODSB/LODSW/LODSD/LODSQ-Load String". */
final class Lods extends StringOp {
    private final long keep;

    private Lods(Decoded d) {
        super(d);
        keep = size >= 4 ? 0 : -1L << size * 8;
    }

    static Op make(Decoded d) {
        return new Lods(d);
    }

    @Override
    int preflight(VcpuContext v) {
        return preflightSource(v);
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
            long h = source(v);
            if (h == -1) {
                return FAULT;
            }
            long x = Mem.load(h == Mem.LATE ? Mem.readNow(v) : h, size);
            v.gpr[0] = v.gpr[0] & keep | x;
            move(v, RSI, stride);
            result = counted(v, 1);
        }
        return result;
    }
}
