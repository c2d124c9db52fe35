// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.semantics.integer;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.memory.HostBytes;
import dev.faultline.cpu.x86.Decoded;
import dev.faultline.cpu.x86.MemOp;
import dev.faultline.cpu.x86.Op;
import dev.faultline.cpu.x86.RmOp;

/** MOVSX and MOVSXD. SDM 2B, "MOVSX/MOVSXD-Move With Sign-Extension". */
final class Movsx {
    private Movsx() {}

    static Op make(Decoded d) {
        int from =
                switch (d.entry.operands) {
                    case "Gv,Eb" -> 1;
                    case "Gv,Ew" -> 2;
                    // MOVSXD with a 16-bit operand reads 16 bits.
                    default -> Math.min(4, d.operandSize);
                };
        if (d.operandSize == 8) {
            if (from == 4) {
                return d.mem ? new R64M32(d) : new R64R32(d);
            }
            if (d.mem) {
                return from == 1 ? new R64M8(d) : new R64M16(d);
            }
        }
        return new Any(d, from);
    }

    private static final class R64R32 extends Op {
        private final int to;
        private final int from;

        R64R32(Decoded d) {
            to = d.reg;
            from = d.rm;
        }

        @Override
        public int execute(VcpuContext v) {
            long[] r = v.gpr;
            r[to] = (int) r[from];
            return NEXT;
        }
    }

    private static final class R64M32 extends MemOp {
        private final int to;

        R64M32(Decoded d) {
            super(d);
            to = d.reg;
        }

        @Override
        public int execute(VcpuContext v) {
            long h = read(v, 4);
            if (h < 0) {
                return FAULT;
            }
            v.gpr[to] = HostBytes.get32(h);
            return NEXT;
        }
    }

    private static final class R64M8 extends MemOp {
        private final int to;

        R64M8(Decoded d) {
            super(d);
            to = d.reg;
        }

        @Override
        public int execute(VcpuContext v) {
            long h = read(v, 1);
            if (h < 0) {
                return FAULT;
            }
            v.gpr[to] = HostBytes.get8(h);
            return NEXT;
        }
    }

    private static final class R64M16 extends MemOp {
        private final int to;

        R64M16(Decoded d) {
            super(d);
            to = d.reg;
        }

        @Override
        public int execute(VcpuContext v) {
            long h = read(v, 2);
            if (h < 0) {
                return FAULT;
            }
            v.gpr[to] = HostBytes.get16(h);
            return NEXT;
        }
    }

    private static final class Any extends RmOp {
        private final int to;
        private final long keep;
        private final long toMask;

        Any(Decoded d, int from) {
            super(d, from);
            to = d.reg;
            toMask = -1L >>> 64 - d.operandSize * 8;
            keep = d.operandSize == 2 ? ~0xFFFFL : 0;
        }

        @Override
        public int execute(VcpuContext v) {
            long h = probe(v);
            if (h < 0) {
                return FAULT;
            }
            long x = signed(get(v, h));
            v.gpr[to] = v.gpr[to] & keep | x & toMask;
            return NEXT;
        }
    }
}
