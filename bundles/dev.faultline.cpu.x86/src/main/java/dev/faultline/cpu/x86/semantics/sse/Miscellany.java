// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.semantics.sse;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.Decoded;
import dev.faultline.cpu.x86.Mem;
import dev.faultline.cpu.x86.MemOp;
import dev.faultline.cpu.x86.Op;
import dev.faultline.cpu.x86.simd.PackedWide;
import java.lang.invoke.VarHandle;

/** What came with SSE but needs no XMM register, and hence no leave from CR0 and CR4. */
final class Miscellany {
    private Miscellany() {}

    /** PREFETCHW: a hint, without any fault (PREFETCHh is among the NOPs of integer.tab). */
    static final class Hint extends Op {
        @Override
        public int execute(VcpuContext v) {
            return NEXT;
        }
    }

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

    /** CRC32 r32 or r64, r/m of 1, 2, 4 or 8 bytes. */
    static final class Crc32 extends MemOp {
        private final int dst;
        private final int src;
        private final int shift;
        private final int size;

        Crc32(Decoded d, boolean bytes) {
            super(d);
            dst = d.reg;
            size = bytes ? 1 : d.operandSize;
            src = d.mem ? -1 : bytes ? d.byteRegister(d.rm) : d.rm;
            shift = bytes ? d.byteShift(d.rm) : 0;
        }

        @Override
        public int execute(VcpuContext v) {
            long x;
            if (src >= 0) {
                x = v.gpr[src] >>> shift;
            } else {
                long h = read(v, size);
                if (h < 0) {
                    return FAULT;
                }
                x = Mem.load(h, size);
            }
            v.gpr[dst] = PackedWide.crc32c((int) v.gpr[dst], x, 8 * size) & 0xFFFF_FFFFL;
            return NEXT;
        }
    }
}
