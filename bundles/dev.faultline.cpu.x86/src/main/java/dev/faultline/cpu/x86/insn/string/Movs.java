// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.string;

import static dev.faultline.api.cpu.Gpr.RDI;
import static dev.faultline.api.cpu.Gpr.RSI;

import dev.faultline.api.cpu.Segments;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.memory.HostBytes;
import dev.faultline.cpu.x86.memory.Mem;
import dev.faultline.cpu.x86.memory.Preflight;
import dev.faultline.cpu.x86.op.Decoded;
import dev.faultline.cpu.x86.op.Op;

/** MOVS. SDM 2B, "MOVS/MOVSB/MOVSW/MOVSD/MOVSQ-Move Data From String to String". */
final class Movs extends StringOp {
    private Movs(Decoded d) {
        super(d);
    }

    static Op make(Decoded d) {
        return new Movs(d);
    }

    @Override
    void truncate(VcpuContext v) {
        v.gpr[RSI] &= addressMask;
        v.gpr[RDI] &= addressMask;
    }

    @Override
    int preflight(VcpuContext v) {
        int r = preflightSource(v);
        return r == Preflight.OPEN ? preflightDestination(v, Mem.W) : r;
    }

    @Override
    public int execute(VcpuContext v) {
        if (stopped(v)) {
            return FAULT;
        }
        long n = count(v);
        if (n == 0) {
            return NEXT;
        }
        boolean bulk = repeated && bulk(v);
        int result = AGAIN;
        for (int i = steps(v); i > 0 && result == AGAIN; i--) {
            long from = source(v);
            if (from == -1) {
                return FAULT;
            }
            long to = destination(v);
            if (to < 0) {
                return FAULT;
            }
            boolean plain = from != Mem.LATE && from != v.scratchRead && to != v.scratchWrite;
            if (bulk && plain) {
                return copy(v, from, to, n);
            }
            result = one(v, from, to);
            if (!plain) {
                return result;
            }
        }
        return result;
    }

    private int one(VcpuContext v, long from, long to) {
        Mem.store(to, size, Mem.load(from == Mem.LATE ? Mem.readNow(v) : from, size));
        long stride = stride(v);
        move(v, RSI, stride);
        move(v, RDI, stride);
        int done = counted(v, 1);
        int stored = Mem.commit(v, to);
        return done == AGAIN ? AGAIN : stored;
    }

    /** As many elements as both pages hold. */
    private int copy(VcpuContext v, long from, long to, long n) {
        long k = run(v, seg, v.gpr[RSI] & addressMask, Mem.R, n);
        k = run(v, Segments.ES, v.gpr[RDI] & addressMask, Mem.W, k);
        long bytes = k * size;
        if (to > from && to < from + bytes) {
            // Overlapping upwards: elements already written are read again.
            for (long at = 0; at < bytes; at += size) {
                Mem.store(to + at, size, Mem.load(from + at, size));
            }
        } else {
            HostBytes.copy(from, to, bytes);
        }
        move(v, RSI, bytes);
        move(v, RDI, bytes);
        return counted(v, k);
    }
}
