// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.integer;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.memory.HostBytes;
import dev.faultline.cpu.x86.memory.Atomic;
import dev.faultline.cpu.x86.memory.Mem;
import dev.faultline.cpu.x86.op.Decoded;
import dev.faultline.cpu.x86.op.MemOp;
import dev.faultline.cpu.x86.op.Op;
import dev.faultline.cpu.x86.state.Faults;

/**
 * CMPXCHG8B and CMPXCHG16B; only ZF changes. The JVM has no compare-and-set of 16 bytes: a locked
 * CMPXCHG16B takes the bus lock. SDM 2A, "CMPXCHG8B/CMPXCHG16B-Compare and Exchange Bytes".
 */
final class Cmpxchg8b {
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
            long h = lock ? locked(v, 8) : readWrite(v, 8);
            if (h < 0) {
                return FAULT;
            }
            long[] r = v.gpr;
            long expected = r[2] << 32 | r[0] & 0xFFFF_FFFFL;
            long update = r[1] << 32 | r[3] & 0xFFFF_FFFFL;
            long old;
            if (lock && Atomic.possible(v, h)) {
                do {
                    old = HostBytes.get64(h);
                } while (!Atomic.cas(h, 8, old, old == expected ? update : old));
            } else {
                old = HostBytes.get64(h);
                HostBytes.put64(h, old == expected ? update : old);
            }
            setZero(v, old == expected);
            if (old != expected) {
                r[0] = old & 0xFFFF_FFFFL;
                r[2] = old >>> 32;
            }
            return lock ? Mem.commitLocked(v, h) : Mem.commit(v, h);
        }
    }

    private static final class Sixteen extends MemOp {
        private final boolean lock;

        Sixteen(Decoded d) {
            super(d);
            lock = d.lock;
        }

        @Override
        public int execute(VcpuContext v) {
            if ((linear(v, 0, 16, Mem.R | Mem.W) & 15) != 0) {
                return Faults.gp(v, 0);
            }
            long h = lock ? locked(v, 16) : readWrite(v, 16);
            if (h < 0) {
                return FAULT;
            }
            long[] r = v.gpr;
            long low = HostBytes.get64(h);
            long high = HostBytes.get64(h + 8);
            boolean equal = low == r[0] && high == r[2];
            HostBytes.put64(h, equal ? r[3] : low); // written in any case
            HostBytes.put64(h + 8, equal ? r[1] : high);
            setZero(v, equal);
            if (!equal) {
                r[0] = low;
                r[2] = high;
            }
            return lock ? Mem.commitLocked(v, h) : Mem.commit(v, h);
        }
    }
}
