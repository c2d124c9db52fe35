// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.op;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.memory.Atomic;
import dev.faultline.cpu.x86.memory.Mem;

/**
 * Read-modify-write of memory with a LOCK prefix, around a computation. SDM 2A, "LOCK-Assert LOCK#
 * Signal Prefix".
 */
public abstract class LockedOp extends RmOp {
    protected LockedOp(Decoded d, int size) {
        super(d, size);
    }

    /**
     * The new value; may be asked again, with the flags as they were before the instruction.
     *
     * @param a what is there, zero-extended
     */
    protected abstract long apply(VcpuContext v, long a);

    /**
     * What is left to do once memory is changed.
     *
     * @param old what was there, zero-extended
     */
    protected void replaced(VcpuContext v, long old) {}

    @Override
    public final int execute(VcpuContext v) {
        long h = locked(v, size);
        if (h < 0) {
            return FAULT;
        }
        long old;
        if (Atomic.possible(v, h)) {
            long aux = v.flagAux;
            long res = v.flagRes;
            long now;
            do {
                v.flagAux = aux;
                v.flagRes = res;
                old = Atomic.get(h, size);
                now = apply(v, old);
            } while (!Atomic.cas(h, size, old, now));
        } else {
            old = Mem.load(h, size);
            Mem.store(h, size, apply(v, old));
        }
        replaced(v, old);
        return Mem.commitLocked(v, h);
    }
}
