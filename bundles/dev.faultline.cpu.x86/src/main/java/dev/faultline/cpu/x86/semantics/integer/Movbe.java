// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.semantics.integer;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.Decoded;
import dev.faultline.cpu.x86.Mem;
import dev.faultline.cpu.x86.MemOp;
import dev.faultline.cpu.x86.Op;

/**
 * MOVBE, and MOVNTI, a plain store here. SDM 2B, "MOVBE-Move Data After Swapping Bytes",
 * "MOVNTI-Store Doubleword Using Non-Temporal Hint".
 */
final class Movbe {
    private Movbe() {}

    static Op make(Decoded d) {
        // 66 selects the table line, and still is an operand size prefix.
        int narrow = d.codeBits == 16 != d.prefix66 ? 2 : 4;
        int size = d.rexW ? 8 : narrow;
        return d.row.operands.startsWith("G") ? new Load(d, size) : new Store(d, size, true);
    }

    static Op movnti(Decoded d) {
        return new Store(d, d.rexW ? 8 : 4, false);
    }

    private static long swapped(long x, int size) {
        return Long.reverseBytes(x) >>> 64 - size * 8;
    }

    private static final class Load extends MemOp {
        private final int size;
        private final int to;

        Load(Decoded d, int size) {
            super(d);
            this.size = size;
            to = d.reg;
        }

        @Override
        public int execute(VcpuContext v) {
            long h = read(v, size);
            if (h < 0) {
                return FAULT;
            }
            long x = swapped(Mem.load(h, size), size);
            v.gpr[to] = size == 2 ? v.gpr[to] & ~0xFFFFL | x : x;
            return NEXT;
        }
    }

    private static final class Store extends MemOp {
        private final int size;
        private final int from;
        private final boolean swaps;

        Store(Decoded d, int size, boolean swaps) {
            super(d);
            this.size = size;
            from = d.reg;
            this.swaps = swaps;
        }

        @Override
        public int execute(VcpuContext v) {
            long h = write(v, size);
            if (h < 0) {
                return FAULT;
            }
            long x = v.gpr[from];
            Mem.store(h, size, swaps ? swapped(x, size) : x);
            return Mem.commit(v, h);
        }
    }
}
