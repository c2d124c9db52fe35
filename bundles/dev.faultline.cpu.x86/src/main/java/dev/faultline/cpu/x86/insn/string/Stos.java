// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.string;

import static dev.faultline.api.cpu.Gpr.RDI;

import dev.faultline.api.cpu.Segments;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.memory.HostBytes;
import dev.faultline.cpu.x86.memory.Mem;
import dev.faultline.cpu.x86.op.Decoded;
import dev.faultline.cpu.x86.op.Op;

/** STOS. SDM 2B, "STOS/STOSB/STOSW/STOSD/STOSQ-Store String". */
final class Stos extends StringOp {
    private Stos(Decoded d) {
        super(d);
    }

    static Op make(Decoded d) {
        return new Stos(d);
    }

    @Override
    void truncate(VcpuContext v) {
        v.gpr[RDI] &= addressMask;
    }

    @Override
    int preflight(VcpuContext v) {
        return preflightDestination(v, Mem.W);
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
        long to = destination(v);
        if (to < 0) {
            return FAULT;
        }
        if (repeated && bulk(v) && to != v.scratchWrite) {
            return fill(v, to, n);
        }
        boolean plain = to != v.scratchWrite;
        int result = one(v, to);
        for (int i = steps(v); i > 1 && result == AGAIN && plain; i--) {
            to = destination(v);
            if (to < 0) {
                return FAULT;
            }
            plain = to != v.scratchWrite;
            result = one(v, to);
        }
        return result;
    }

    private int one(VcpuContext v, long to) {
        Mem.store(to, size, v.gpr[0]);
        move(v, RDI, stride(v));
        int done = counted(v, 1);
        int stored = Mem.commit(v, to);
        return done == AGAIN ? AGAIN : stored;
    }

    /** As many elements as the page holds. */
    private int fill(VcpuContext v, long to, long n) {
        long k = run(v, Segments.ES, v.gpr[RDI] & addressMask, Mem.W, n);
        long bytes = k * size;
        long x = v.gpr[0];
        long pattern =
                switch (size) {
                    case 1 -> (x & 0xFF) * 0x0101_0101_0101_0101L;
                    case 2 -> (x & 0xFFFF) * 0x0001_0001_0001_0001L;
                    case 4 -> (x & 0xFFFF_FFFFL) * 0x0000_0001_0000_0001L;
                    default -> x;
                };
        if (pattern == (pattern & 0xFF) * 0x0101_0101_0101_0101L) {
            HostBytes.fill(to, bytes, (byte) pattern);
        } else {
            for (long at = 0; at < bytes; at += size) {
                Mem.store(to + at, size, x);
            }
        }
        move(v, RDI, bytes);
        return counted(v, k);
    }
}
