// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.semantics.integer;

import dev.faultline.api.cpu.VcpuContext;
import dev.faultline.api.memory.HostBytes;
import dev.faultline.cpu.x86.Atomic;
import dev.faultline.cpu.x86.Decoded;
import dev.faultline.cpu.x86.Faults;
import dev.faultline.cpu.x86.Mem;
import dev.faultline.cpu.x86.MemOp;
import dev.faultline.cpu.x86.Op;

/**
 * CMPXCHG8B and CMPXCHG16B; only ZF changes. SDM 2A, "CMPXCHG8B/CMPXCHG16B-Compare and Exchange
 * Bytes".
 */
final class Cmpxchg8b {
    /** Java has no 16-byte compare-and-set: CMPXCHG16B is atomic only towards other CMPXCHG16B. */
    private static final Object WIDE = new Object();

    private Cmpxchg8b() {}

    static Op make(Decoded d) {
        return d.rexW ? new Sixteen(d) : new Eight(d);
    }

    private static void setZero(VcpuContext v, boolean zf) {
        int f = v.getFlags();
        v.setStatusFlags(zf ? f | VcpuContext.ZF : f & ~VcpuContext.ZF);
    }

    private static final class Eight extends MemOp {
        private final boolean lock;

        Eight(Decoded d) {
            super(d);
            lock = d.lock;
        }

        @Override
        public int execute(VcpuContext v) {
            long h = readWrite(v, 8);
            if (h < 0) {
                return FAULT;
            }
            long[] r = v.gpr;
            long expected = r[2] << 32 | r[0] & 0xFFFF_FFFFL;
            long update = r[1] << 32 | r[3] & 0xFFFF_FFFFL;
            long old;
            if (lock && Atomic.possible(v, h, 8)) {
                do {
                    old = HostBytes.get64(h);
                } while (old == expected && !Atomic.cas(h, 8, old, update));
            } else {
                old = HostBytes.get64(h);
                HostBytes.put64(h, old == expected ? update : old);
            }
            setZero(v, old == expected);
            if (old != expected) {
                r[0] = old & 0xFFFF_FFFFL;
                r[2] = old >>> 32;
            }
            return Mem.commit(v, h);
        }
    }

    private static final class Sixteen extends MemOp {
        Sixteen(Decoded d) {
            super(d);
        }

        @Override
        public int execute(VcpuContext v) {
            if ((linear(v, 0, 16, Mem.R | Mem.W) & 15) != 0) {
                return Faults.gp(v, 0);
            }
            long h = readWrite(v, 16);
            if (h < 0) {
                return FAULT;
            }
            long[] r = v.gpr;
            long low;
            long high;
            boolean equal;
            synchronized (WIDE) {
                low = HostBytes.get64(h);
                high = HostBytes.get64(h + 8);
                equal = low == r[0] && high == r[2];
                if (equal) {
                    HostBytes.put64(h, r[3]);
                    HostBytes.put64(h + 8, r[1]);
                }
            }
            setZero(v, equal);
            if (!equal) {
                r[0] = low;
                r[2] = high;
            }
            return Mem.commit(v, h);
        }
    }
}
