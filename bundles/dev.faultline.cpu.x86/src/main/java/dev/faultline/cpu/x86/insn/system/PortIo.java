// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.system;

import static dev.faultline.api.cpu.Gpr.RCX;
import static dev.faultline.api.cpu.Gpr.RDI;
import static dev.faultline.api.cpu.Gpr.RDX;
import static dev.faultline.api.cpu.Gpr.RSI;

import dev.faultline.api.cpu.Segments;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.debug.Debug;
import dev.faultline.cpu.x86.memory.Mem;
import dev.faultline.cpu.x86.memory.Segmentation;
import dev.faultline.cpu.x86.op.Decoded;
import dev.faultline.cpu.x86.op.Op;
import dev.faultline.cpu.x86.segment.Descriptors;
import dev.faultline.cpu.x86.segment.SystemState;

/**
 * IN OUT INS OUTS. SDM 1, "Input/Output"; SDM 2A and 2B under those names. A port is touched once,
 * after everything that can fault.
 */
final class PortIo {
    /** Port number in DX. */
    private static final int IN_DX = -1;

    private PortIo() {}

    static Op in(Decoded d) {
        return new In(port(d), size(d));
    }

    static Op out(Decoded d) {
        return new Out(port(d), size(d));
    }

    static Op ins(Decoded d) {
        return new Ins(d, size(d));
    }

    static Op outs(Decoded d) {
        return new Outs(d, size(d));
    }

    private static int port(Decoded d) {
        return d.opcode >= 0xEC ? IN_DX : (int) d.imm & 0xFF;
    }

    private static int size(Decoded d) {
        return (d.opcode & 1) == 0 ? 1 : Math.min(d.operandSize, 4);
    }

    private static int number(VcpuContext v, int port) {
        return port == IN_DX ? (int) v.gpr[RDX] & 0xFFFF : port;
    }

    /**
     * Above IOPL (and in V86 mode) the TSS's bitmap decides: SDM 1, "I/O Permission Bit Map".
     *
     * @return 0, or -1 with the fault recorded
     */
    private static int permitted(VcpuContext v, int port, int size) {
        if (!v.protectedMode() || !v.v86() && v.cpl <= (v.eflags & VcpuContext.IOPL) >> 12) {
            return 0;
        }
        int tr = v.segAttr[Segments.TR];
        long limit = v.segLimit[Segments.TR] & 0xFFFF_FFFFL;
        if ((tr & Segments.P) == 0 || (tr & 0x1D) != Descriptors.TSS_AVAILABLE || limit < 0x67) {
            return Descriptors.gp(v, 0);
        }
        SystemState s = SystemState.of(v);
        long base = v.segBase[Segments.TR];
        if (Descriptors.readTable(v, base + 0x66, 2) != 0) {
            return -1;
        }
        long at = s.value + (port >> 3);
        if (at + 1 > limit) {
            return Descriptors.gp(v, 0);
        }
        if (Descriptors.readTable(v, base + at, 2) != 0) {
            return -1;
        }
        int bits = (1 << size) - 1 << (port & 7);
        return (s.value & bits) != 0 ? Descriptors.gp(v, 0) : 0;
    }

    private static void watch(VcpuContext v, int port, int size) {
        if (Debug.watches(v)) {
            Debug.ports(v, port, size);
        }
    }

    private static final class In extends Op {
        private final int port;
        private final int size;

        In(int port, int size) {
            this.port = port;
            this.size = size;
        }

        @Override
        public int execute(VcpuContext v) {
            int n = number(v, port);
            if (permitted(v, n, size) != 0) {
                return (int) v.propagation.raise(v);
            }
            watch(v, n, size);
            long x = v.bus.portIn(n, size) & 0xFFFF_FFFFL;
            long rax = v.gpr[0];
            v.gpr[0] =
                    switch (size) {
                        case 1 -> rax & ~0xFFL | x & 0xFF;
                        case 2 -> rax & ~0xFFFFL | x & 0xFFFF;
                        default -> x;
                    };
            return END;
        }
    }

    private static final class Out extends Op {
        private final int port;
        private final int size;

        Out(int port, int size) {
            this.port = port;
            this.size = size;
        }

        @Override
        public int execute(VcpuContext v) {
            int n = number(v, port);
            if (permitted(v, n, size) != 0) {
                return (int) v.propagation.raise(v);
            }
            watch(v, n, size);
            v.bus.portOut(n, size, truncate(v.gpr[0], size));
            return END;
        }
    }

    private static int truncate(long x, int size) {
        return size == 4 ? (int) x : (int) x & (1 << 8 * size) - 1;
    }

    // ---- strings: one iteration at a time

    private abstract static class Strings extends Op {
        final int size;
        final int seg;
        final boolean rep;
        final long mask;

        Strings(Decoded d, int size, int seg) {
            this.size = size;
            this.seg = seg;
            rep = d.rep != 0;
            mask = d.addressSize == 8 ? -1L : d.addressSize == 4 ? 0xFFFF_FFFFL : 0xFFFFL;
        }

        @Override
        public final int execute(VcpuContext v) {
            if (rep && (v.gpr[RCX] & mask) == 0) {
                return NEXT;
            }
            int n = number(v, IN_DX);
            if (permitted(v, n, size) != 0) {
                return (int) v.propagation.raise(v);
            }
            int r = move(v, n);
            if (r < 0 || !rep) {
                return r < 0 ? r : END;
            }
            put(v, RCX, (v.gpr[RCX] & mask) - 1);
            return (v.gpr[RCX] & mask) != 0 ? AGAIN : END;
        }

        /** One element, pointer included. */
        abstract int move(VcpuContext v, int port);

        final void advance(VcpuContext v, int reg) {
            long step = (v.eflags & VcpuContext.DF) != 0 ? -size : size;
            put(v, reg, (v.gpr[reg] & mask) + step);
        }

        private void put(VcpuContext v, int reg, long x) {
            v.gpr[reg] = mask == 0xFFFFL ? v.gpr[reg] & ~0xFFFFL | x & 0xFFFF : x & mask;
        }
    }

    private static final class Ins extends Strings {
        Ins(Decoded d, int size) {
            super(d, size, Segments.ES);
        }

        @Override
        int move(VcpuContext v, int port) {
            long lin = Segmentation.linear(v, seg, v.gpr[RDI] & mask, size, Mem.W);
            if (Segmentation.failed(v, lin)) {
                return FAULT;
            }
            long h = Mem.write(v, seg, lin, size);
            if (h < 0) {
                return FAULT;
            }
            watch(v, port, size);
            Mem.store(h, size, v.bus.portIn(port, size));
            Mem.commit(v, h);
            advance(v, RDI);
            return END;
        }
    }

    private static final class Outs extends Strings {
        Outs(Decoded d, int size) {
            super(d, size, d.seg);
        }

        @Override
        int move(VcpuContext v, int port) {
            long lin = Segmentation.linear(v, seg, v.gpr[RSI] & mask, size, Mem.R);
            if (Segmentation.failed(v, lin)) {
                return FAULT;
            }
            long h = Mem.read(v, seg, lin, size);
            if (h < 0) {
                return FAULT;
            }
            watch(v, port, size);
            v.bus.portOut(port, size, (int) Mem.load(h, size));
            advance(v, RSI);
            return END;
        }
    }
}
