// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.semantics.integer;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.memory.HostBytes;
import dev.faultline.cpu.x86.Decoded;
import dev.faultline.cpu.x86.Flags;
import dev.faultline.cpu.x86.MemOp;
import dev.faultline.cpu.x86.Op;
import dev.faultline.cpu.x86.RmOp;

/**
 * MUL and IMUL. SDM 2B, "MUL-Unsigned Multiply"; 2A, "IMUL-Signed Multiply". CF and OF say that the
 * high half matters; SF, ZF, PF follow the low half, as hardware does where the SDM leaves them
 * undefined.
 */
final class Mul {
    private Mul() {}

    static Op mul(Decoded d) {
        int size = d.row.operands.equals("Eb") ? 1 : d.operandSize;
        return size == 8 ? new Mul64(d) : new MulSmall(d, size);
    }

    static Op imul(Decoded d) {
        int wide = d.operandSize;
        return switch (d.row.operands) {
            case "Eb" -> new ImulSmall(d, 1);
            case "Ev" -> wide == 8 ? new Imul64(d) : new ImulSmall(d, wide);
            case "Gv,Ev" -> wide == 8 ? new R64E64(d) : wide == 4 ? new R32E32(d) : new Two(d);
            default -> new Three(d);
        };
    }

    /** 8, 16 and 32 bits. */
    private static final class MulSmall extends RmOp {
        MulSmall(Decoded d, int size) {
            super(d, size);
        }

        @Override
        public int execute(VcpuContext v) {
            long h = probe(v);
            if (h < 0) {
                return FAULT;
            }
            long p = (v.gpr[0] & mask) * get(v, h);
            putWide(v, size, p);
            boolean c = p >>> size * 8 != 0;
            Flags.result(v, signed(p), c, c);
            return NEXT;
        }
    }

    /** 8, 16 and 32 bits. */
    private static final class ImulSmall extends RmOp {
        ImulSmall(Decoded d, int size) {
            super(d, size);
        }

        @Override
        public int execute(VcpuContext v) {
            long h = probe(v);
            if (h < 0) {
                return FAULT;
            }
            long p = signed(v.gpr[0]) * signed(get(v, h));
            putWide(v, size, p);
            boolean c = signed(p) != p;
            Flags.result(v, signed(p), c, c);
            return NEXT;
        }
    }

    /** A product of two operands of 1, 2 or 4 bytes to AX, DX:AX, EDX:EAX. */
    static void putWide(VcpuContext v, int size, long p) {
        long[] r = v.gpr;
        switch (size) {
            case 1 -> r[0] = r[0] & ~0xFFFFL | p & 0xFFFF;
            case 2 -> {
                r[0] = r[0] & ~0xFFFFL | p & 0xFFFF;
                r[2] = r[2] & ~0xFFFFL | p >>> 16 & 0xFFFF;
            }
            default -> {
                r[0] = p & 0xFFFF_FFFFL;
                r[2] = p >>> 32;
            }
        }
    }

    private static final class Mul64 extends RmOp {
        Mul64(Decoded d) {
            super(d, 8);
        }

        @Override
        public int execute(VcpuContext v) {
            long h = probe(v);
            if (h < 0) {
                return FAULT;
            }
            long[] r = v.gpr;
            long b = get(v, h);
            long high = Math.unsignedMultiplyHigh(r[0], b);
            r[0] *= b;
            r[2] = high;
            Flags.result(v, r[0], high != 0, high != 0);
            return NEXT;
        }
    }

    private static final class Imul64 extends RmOp {
        Imul64(Decoded d) {
            super(d, 8);
        }

        @Override
        public int execute(VcpuContext v) {
            long h = probe(v);
            if (h < 0) {
                return FAULT;
            }
            long[] r = v.gpr;
            long b = get(v, h);
            long high = Math.multiplyHigh(r[0], b);
            r[0] *= b;
            r[2] = high;
            boolean c = high != r[0] >> 63;
            Flags.result(v, r[0], c, c);
            return NEXT;
        }
    }

    private static final class R32E32 extends MemOp {
        private final boolean mem;
        private final int to;
        private final int from;

        R32E32(Decoded d) {
            super(d);
            mem = d.mem;
            to = d.reg;
            from = d.rm;
        }

        @Override
        public int execute(VcpuContext v) {
            long[] r = v.gpr;
            int b;
            if (mem) {
                long h = read(v, 4);
                if (h < 0) {
                    return FAULT;
                }
                b = HostBytes.get32(h);
            } else {
                b = (int) r[from];
            }
            long p = (long) (int) r[to] * b;
            r[to] = p & 0xFFFF_FFFFL;
            boolean c = (int) p != p;
            Flags.result(v, (int) p, c, c);
            return NEXT;
        }
    }

    private static final class R64E64 extends MemOp {
        private final boolean mem;
        private final int to;
        private final int from;

        R64E64(Decoded d) {
            super(d);
            mem = d.mem;
            to = d.reg;
            from = d.rm;
        }

        @Override
        public int execute(VcpuContext v) {
            long[] r = v.gpr;
            long b;
            if (mem) {
                long h = read(v, 8);
                if (h < 0) {
                    return FAULT;
                }
                b = HostBytes.get64(h);
            } else {
                b = r[from];
            }
            long a = r[to];
            long p = a * b;
            boolean c = Math.multiplyHigh(a, b) != p >> 63;
            r[to] = p;
            Flags.result(v, p, c, c);
            return NEXT;
        }
    }

    /** 16 bits. */
    private static final class Two extends RmOp {
        Two(Decoded d) {
            super(d, d.operandSize);
        }

        @Override
        public int execute(VcpuContext v) {
            long h = probe(v);
            if (h < 0) {
                return FAULT;
            }
            long p = signed(getG(v)) * signed(get(v, h));
            putG(v, p);
            boolean c = signed(p) != p;
            Flags.result(v, signed(p), c, c);
            return NEXT;
        }
    }

    private static final class Three extends RmOp {
        private final long imm;

        Three(Decoded d) {
            super(d, d.operandSize);
            imm = d.imm;
        }

        @Override
        public int execute(VcpuContext v) {
            long h = probe(v);
            if (h < 0) {
                return FAULT;
            }
            long a = signed(get(v, h));
            long p = a * imm;
            boolean c = size == 8 ? Math.multiplyHigh(a, imm) != p >> 63 : signed(p) != p;
            putG(v, p);
            Flags.result(v, signed(p), c, c);
            return NEXT;
        }
    }
}
