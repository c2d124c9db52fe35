// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.semantics.integer;

import dev.faultline.api.cpu.VcpuContext;
import dev.faultline.api.memory.HostBytes;
import dev.faultline.cpu.x86.Decoded;
import dev.faultline.cpu.x86.Flags;
import dev.faultline.cpu.x86.Mem;
import dev.faultline.cpu.x86.MemOp;
import dev.faultline.cpu.x86.Op;
import dev.faultline.cpu.x86.semantics.Semantics;

/** ADD. SDM 2A, "ADD-Add". */
final class Add {
    private Add() {}

    static Op make(Decoded d) {
        return switch (d.entry.operands) {
            case "Gv,Ev" ->
                    d.operandSize == 4 && d.mem
                            ? new R32M32(d)
                            : d.operandSize == 4 ? new R32R32(d, d.reg, d.rm) : bad(d);
            case "Ev,Gv" -> d.operandSize == 4 && d.mem ? new M32R32(d) : bad(d);
            default -> bad(d);
        };
    }

    private static Op bad(Decoded d) {
        throw Semantics.unknown(d);
    }

    private static final class R32R32 extends Op {
        private final int to;
        private final int from;

        R32R32(Decoded d, int to, int from) {
            this.to = to;
            this.from = from;
        }

        @Override
        public int execute(VcpuContext v) {
            long[] r = v.gpr;
            r[to] = Flags.add32(v, (int) r[to], (int) r[from]);
            return NEXT;
        }
    }

    private static final class R32M32 extends MemOp {
        private final int to;

        R32M32(Decoded d) {
            super(d);
            to = d.reg;
        }

        @Override
        public int execute(VcpuContext v) {
            long h = read(v, 4);
            if (h < 0) {
                return FAULT;
            }
            long[] r = v.gpr;
            r[to] = Flags.add32(v, (int) r[to], HostBytes.get32(h));
            return NEXT;
        }
    }

    private static final class M32R32 extends MemOp {
        private final int from;

        M32R32(Decoded d) {
            super(d);
            from = d.reg;
        }

        @Override
        public int execute(VcpuContext v) {
            long h = readWrite(v, 4);
            if (h < 0) {
                return FAULT;
            }
            HostBytes.put32(h, (int) Flags.add32(v, HostBytes.get32(h), (int) v.gpr[from]));
            return Mem.commit(v, h);
        }
    }
}
