// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.semantics.integer;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.memory.HostBytes;
import dev.faultline.cpu.x86.Decoded;
import dev.faultline.cpu.x86.Mem;
import dev.faultline.cpu.x86.MemOp;
import dev.faultline.cpu.x86.Op;
import dev.faultline.cpu.x86.RmOp;

/** MOV of general registers, memory and immediates. SDM 2B, "MOV-Move". */
final class Mov {
    private Mov() {}

    static Op make(Decoded d) {
        int wide = d.operandSize;
        return switch (d.entry.operands) {
            case "Ev,Gv" -> wide >= 4 ? store(d, wide, d.reg) : new EG(d, wide);
            case "Gv,Ev" -> wide >= 4 ? load(d, wide, d.reg) : new GE(d, wide);
            case "Eb,Gb" -> d.mem ? new M8R8(d) : new EG(d, 1);
            case "Gb,Eb" -> d.mem ? new R8M8(d) : new GE(d, 1);
            case "Ev,Iz" -> wide < 4 ? new EImm(d, wide) : immediate(d, wide);
            case "Zv,Iv" -> wide < 4 ? new EImm(d, wide) : immediate(d, wide);
            case "Eb,Ib", "Zb,Ib" -> d.mem ? new M8Imm(d) : new EImm(d, 1);
            // reg and rm are 0, the accumulator: these opcodes have no ModR/M byte.
            case "rAX,Ov" -> wide >= 4 ? load(d, wide, 0) : new GE(d, wide);
            case "Ov,rAX" -> wide >= 4 ? store(d, wide, 0) : new EG(d, wide);
            case "AL,Ob" -> new R8M8(d);
            default -> new M8R8(d);
        };
    }

    private static Op load(Decoded d, int size, int to) {
        if (d.mem) {
            return size == 8 ? new R64M64(d, to) : new R32M32(d, to);
        }
        return size == 8 ? new R64R64(to, d.rm) : new R32R32(to, d.rm);
    }

    private static Op store(Decoded d, int size, int from) {
        if (d.mem) {
            return size == 8 ? new M64R64(d, from) : new M32R32(d, from);
        }
        return size == 8 ? new R64R64(d.rm, from) : new R32R32(d.rm, from);
    }

    private static Op immediate(Decoded d, int size) {
        if (d.mem) {
            return size == 8 ? new M64Imm(d) : new M32Imm(d);
        }
        return new RImm(d.rm, size == 8 ? d.imm : d.imm & 0xFFFF_FFFFL);
    }

    private static final class R32R32 extends Op {
        private final int to;
        private final int from;

        R32R32(int to, int from) {
            this.to = to;
            this.from = from;
        }

        @Override
        public int execute(VcpuContext v) {
            long[] r = v.gpr;
            r[to] = r[from] & 0xFFFF_FFFFL;
            return NEXT;
        }
    }

    private static final class R64R64 extends Op {
        private final int to;
        private final int from;

        R64R64(int to, int from) {
            this.to = to;
            this.from = from;
        }

        @Override
        public int execute(VcpuContext v) {
            long[] r = v.gpr;
            r[to] = r[from];
            return NEXT;
        }
    }

    /** 32 and 64 bits. */
    private static final class RImm extends Op {
        private final int to;
        private final long imm;

        RImm(int to, long imm) {
            this.to = to;
            this.imm = imm;
        }

        @Override
        public int execute(VcpuContext v) {
            v.gpr[to] = imm;
            return NEXT;
        }
    }

    private static final class R32M32 extends MemOp {
        private final int to;

        R32M32(Decoded d, int to) {
            super(d);
            this.to = to;
        }

        @Override
        public int execute(VcpuContext v) {
            long h = read(v, 4);
            if (h < 0) {
                return FAULT;
            }
            v.gpr[to] = HostBytes.get32(h) & 0xFFFF_FFFFL;
            return NEXT;
        }
    }

    private static final class R64M64 extends MemOp {
        private final int to;

        R64M64(Decoded d, int to) {
            super(d);
            this.to = to;
        }

        @Override
        public int execute(VcpuContext v) {
            long h = read(v, 8);
            if (h < 0) {
                return FAULT;
            }
            v.gpr[to] = HostBytes.get64(h);
            return NEXT;
        }
    }

    private static final class M32R32 extends MemOp {
        private final int from;

        M32R32(Decoded d, int from) {
            super(d);
            this.from = from;
        }

        @Override
        public int execute(VcpuContext v) {
            long h = write(v, 4);
            if (h < 0) {
                return FAULT;
            }
            HostBytes.put32(h, (int) v.gpr[from]);
            return Mem.commit(v, h);
        }
    }

    private static final class M64R64 extends MemOp {
        private final int from;

        M64R64(Decoded d, int from) {
            super(d);
            this.from = from;
        }

        @Override
        public int execute(VcpuContext v) {
            long h = write(v, 8);
            if (h < 0) {
                return FAULT;
            }
            HostBytes.put64(h, v.gpr[from]);
            return Mem.commit(v, h);
        }
    }

    private static final class M32Imm extends MemOp {
        private final int imm;

        M32Imm(Decoded d) {
            super(d);
            imm = (int) d.imm;
        }

        @Override
        public int execute(VcpuContext v) {
            long h = write(v, 4);
            if (h < 0) {
                return FAULT;
            }
            HostBytes.put32(h, imm);
            return Mem.commit(v, h);
        }
    }

    private static final class M64Imm extends MemOp {
        private final long imm;

        M64Imm(Decoded d) {
            super(d);
            imm = d.imm;
        }

        @Override
        public int execute(VcpuContext v) {
            long h = write(v, 8);
            if (h < 0) {
                return FAULT;
            }
            HostBytes.put64(h, imm);
            return Mem.commit(v, h);
        }
    }

    private static final class M8Imm extends MemOp {
        private final byte imm;

        M8Imm(Decoded d) {
            super(d);
            imm = (byte) d.imm;
        }

        @Override
        public int execute(VcpuContext v) {
            long h = write(v, 1);
            if (h < 0) {
                return FAULT;
            }
            HostBytes.put8(h, imm);
            return Mem.commit(v, h);
        }
    }

    private static final class R8M8 extends MemOp {
        private final int to;
        private final int shift;
        private final long keep;

        R8M8(Decoded d) {
            super(d);
            to = d.byteRegister(d.reg);
            shift = d.byteShift(d.reg);
            keep = ~(0xFFL << shift);
        }

        @Override
        public int execute(VcpuContext v) {
            long h = read(v, 1);
            if (h < 0) {
                return FAULT;
            }
            long[] r = v.gpr;
            r[to] = r[to] & keep | (HostBytes.get8(h) & 0xFFL) << shift;
            return NEXT;
        }
    }

    private static final class M8R8 extends MemOp {
        private final int from;
        private final int shift;

        M8R8(Decoded d) {
            super(d);
            from = d.byteRegister(d.reg);
            shift = d.byteShift(d.reg);
        }

        @Override
        public int execute(VcpuContext v) {
            long h = write(v, 1);
            if (h < 0) {
                return FAULT;
            }
            HostBytes.put8(h, (byte) (v.gpr[from] >>> shift));
            return Mem.commit(v, h);
        }
    }

    /** 8 and 16 bits. */
    private static final class EG extends RmOp {
        EG(Decoded d, int size) {
            super(d, size);
        }

        @Override
        public int execute(VcpuContext v) {
            long h = probeW(v);
            return h < 0 ? FAULT : put(v, h, getG(v));
        }
    }

    /** 8 and 16 bits. */
    private static final class GE extends RmOp {
        GE(Decoded d, int size) {
            super(d, size);
        }

        @Override
        public int execute(VcpuContext v) {
            long h = probe(v);
            if (h < 0) {
                return FAULT;
            }
            putG(v, get(v, h));
            return NEXT;
        }
    }

    /** 8 and 16 bits. */
    private static final class EImm extends RmOp {
        private final long imm;

        EImm(Decoded d, int size) {
            super(d, size);
            imm = d.imm;
        }

        @Override
        public int execute(VcpuContext v) {
            long h = probeW(v);
            return h < 0 ? FAULT : put(v, h, imm);
        }
    }
}
