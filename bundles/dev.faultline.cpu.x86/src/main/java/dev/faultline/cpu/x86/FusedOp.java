// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86;

import dev.faultline.api.engine.VcpuContext;

/**
 * Several instructions in one Op, because the calls of {@link Op#execute} are what an interpreter's
 * time goes into: the host predicts their targets badly. It does what its parts do one after the
 * other, and is as precise. It counts all but its last instruction in {@code v.instructions}
 * itself, each before the next one begins, so that what the engine knows of the Ops before stays
 * exact.
 *
 * <p>Belongs to one vCPU.
 */
abstract class FusedOp extends Op {
    private final Op[] parts;

    /** Part that is executing, where it is not the first. */
    private int at;

    FusedOp(Op... parts) {
        this.parts = parts;
        start = parts[0].start;
        end = parts[parts.length - 1].end;
    }

    @Override
    public final Op left() {
        Op part = parts[at];
        at = 0;
        return part;
    }

    @Override
    public boolean endsBlock() {
        return parts[parts.length - 1].endsBlock();
    }

    /** The first {@code n} parts are done, and what follows may fault. */
    final void done(VcpuContext v, int n) {
        v.instructions += n - at;
        at = n;
    }

    /** Executes the parts as they are. */
    final int apart(VcpuContext v) {
        for (int i = 0; ; i++) {
            done(v, i);
            int s = parts[i].execute(v);
            if (s == JUMP || i == parts.length - 1) {
                if (s == JUMP || s == NEXT) {
                    at = 0;
                }
                return s;
            }
            if (s != NEXT) {
                return s;
            }
        }
    }
}
