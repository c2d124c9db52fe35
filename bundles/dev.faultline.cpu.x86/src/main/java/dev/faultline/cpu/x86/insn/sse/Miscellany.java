// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.sse;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.memory.Mem;
import dev.faultline.cpu.x86.op.Decoded;
import dev.faultline.cpu.x86.op.MemOp;
import dev.faultline.cpu.x86.op.Op;
import java.lang.invoke.VarHandle;

/** What came with SSE but needs no XMM register, and hence no leave from CR0 and CR4. */
final class Miscellany {
    private Miscellany() {}

    /** LFENCE, SFENCE, MFENCE. */
    static final class Fence extends Op {
        @Override
        public int execute(VcpuContext v) {
            VarHandle.fullFence();
            return NEXT;
        }
    }

    /** CLFLUSH: caches are not modelled; it faults like a load of one byte. */
    static final class FlushLine extends MemOp {
        FlushLine(Decoded d) {
            super(d);
        }

        @Override
        public int execute(VcpuContext v) {
            long lin = linear(v, 0, 1, Mem.R);
            if (linearFailed(lin)) {
                return FAULT;
            }
            return Mem.readLate(v, seg, lin, 1) == -1 ? FAULT : NEXT;
        }
    }
}
