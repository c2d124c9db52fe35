// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.memory.HostBytes;

/** An instruction that sets the flags and the Jcc behind it, in 64-bit code. */
abstract class FusedBranch extends FusedOp {
    // The conditions that decide, for each pair of condition codes: O (not here), B, E, BE, S, P
    // (not here), L, LE.
    private static final int ZF = 1;
    private static final int CF = 2;
    private static final int SF = 4;
    private static final int LESS = 8;
    private static final int[] WANTED = {0, CF, ZF, CF | ZF, SF, 0, LESS, LESS | ZF};

    /** Target as an offset from {@code v.engineBase}. */
    private final int to;

    private final int wanted;
    private final boolean inverted;

    private FusedBranch(Op first, Decoded j, Op second) {
        super(first, second);
        to = j.end + (int) j.imm;
        wanted = WANTED[j.opcode >> 1 & 7];
        inverted = (j.opcode & 1) != 0;
    }

    /** Whether there is a class for the Jcc's condition. */
    static boolean takes(Decoded j) {
        return WANTED[j.opcode >> 1 & 7] != 0;
    }

    /** The Jcc. */
    final int branch(VcpuContext v) {
        v.instructions++;
        boolean is = wanted == ZF ? v.flagRes == 0 : other(v);
        if (is == inverted) {
            return NEXT;
        }
        long target = v.engineBase + to;
        if (VcpuContext.canonical(target)) {
            v.rip = target;
            return JUMP;
        }
        v.instructions--;
        done(v, 1);
        return Faults.gp(v, 0);
    }

    /** Without branches of the host: which condition it is would be one more thing to predict. */
    private boolean other(VcpuContext v) {
        long res = v.flagRes;
        long aux = v.flagAux;
        long sign = res ^ aux << 63;
        int are =
                (res == 0 ? ZF : 0)
                        | (int) (aux >>> 63) << 1
                        | (int) (sign >>> 63) << 2
                        | (int) ((sign ^ aux ^ aux << 1) >>> 63) << 3;
        return (are & wanted) != 0;
    }

    /** CMP of 64-bit registers. */
    static final class CmpRR64 extends FusedBranch {
        private final int x;
        private final int y;

        CmpRR64(Decoded a, Op first, Decoded j, Op second) {
            super(first, j, second);
            boolean reversed = a.opcode == 0x3B;
            x = reversed ? a.reg : a.rm;
            y = reversed ? a.rm : a.reg;
        }

        @Override
        public int execute(VcpuContext v) {
            long[] r = v.gpr;
            Alu.sub64(v, r[x], r[y]);
            return branch(v);
        }
    }

    /** CMP of a 64-bit register with an immediate. */
    static final class CmpRI64 extends FusedBranch {
        private final int x;
        private final long imm;

        CmpRI64(Decoded a, Op first, Decoded j, Op second) {
            super(first, j, second);
            x = a.opcode == 0x3D ? 0 : a.rm;
            imm = a.imm;
        }

        @Override
        public int execute(VcpuContext v) {
            Alu.sub64(v, v.gpr[x], imm);
            return branch(v);
        }
    }

    /** CMP of 64 bits in memory with an immediate. */
    static final class CmpMI64 extends FusedBranch {
        private final MemOp at;
        private final long imm;

        CmpMI64(Decoded a, Op first, Decoded j, Op second) {
            super(first, j, second);
            at = (MemOp) first;
            imm = a.imm;
        }

        @Override
        public int execute(VcpuContext v) {
            long h = at.read(v, 8);
            if (h < 0) {
                return FAULT;
            }
            Alu.sub64(v, HostBytes.get64(h), imm);
            return branch(v);
        }
    }

    /** CMP of 64 bits in memory with a register. */
    static final class CmpMR64 extends FusedBranch {
        private final MemOp at;
        private final int y;

        CmpMR64(Decoded a, Op first, Decoded j, Op second) {
            super(first, j, second);
            at = (MemOp) first;
            y = a.reg;
        }

        @Override
        public int execute(VcpuContext v) {
            long h = at.read(v, 8);
            if (h < 0) {
                return FAULT;
            }
            Alu.sub64(v, HostBytes.get64(h), v.gpr[y]);
            return branch(v);
        }
    }

    /** CMP of a 64-bit register with memory. */
    static final class CmpRM64 extends FusedBranch {
        private final MemOp at;
        private final int x;

        CmpRM64(Decoded a, Op first, Decoded j, Op second) {
            super(first, j, second);
            at = (MemOp) first;
            x = a.reg;
        }

        @Override
        public int execute(VcpuContext v) {
            long h = at.read(v, 8);
            if (h < 0) {
                return FAULT;
            }
            Alu.sub64(v, v.gpr[x], HostBytes.get64(h));
            return branch(v);
        }
    }

    /** TEST of 64-bit registers. */
    static final class TestRR64 extends FusedBranch {
        private final int x;
        private final int y;

        TestRR64(Decoded a, Op first, Decoded j, Op second) {
            super(first, j, second);
            x = a.rm;
            y = a.reg;
        }

        @Override
        public int execute(VcpuContext v) {
            long[] r = v.gpr;
            Alu.and64(v, r[x], r[y]);
            return branch(v);
        }
    }

    /** ADD of an immediate to a 64-bit register. */
    static final class AddRI64 extends FusedBranch {
        private final int x;
        private final long imm;

        AddRI64(Decoded a, Op first, Decoded j, Op second) {
            super(first, j, second);
            x = a.rm;
            imm = a.imm;
        }

        @Override
        public int execute(VcpuContext v) {
            long[] r = v.gpr;
            r[x] = Alu.add64(v, r[x], imm);
            return branch(v);
        }
    }

    /** SUB of a 64-bit register with an immediate. */
    static final class SubRI64 extends FusedBranch {
        private final int x;
        private final long imm;

        SubRI64(Decoded a, Op first, Decoded j, Op second) {
            super(first, j, second);
            x = a.rm;
            imm = a.imm;
        }

        @Override
        public int execute(VcpuContext v) {
            long[] r = v.gpr;
            r[x] = Alu.sub64(v, r[x], imm);
            return branch(v);
        }
    }

    /** AND of a 64-bit register with an immediate. */
    static final class AndRI64 extends FusedBranch {
        private final int x;
        private final long imm;

        AndRI64(Decoded a, Op first, Decoded j, Op second) {
            super(first, j, second);
            x = a.rm;
            imm = a.imm;
        }

        @Override
        public int execute(VcpuContext v) {
            long[] r = v.gpr;
            r[x] = Alu.and64(v, r[x], imm);
            return branch(v);
        }
    }

    /** DEC of a 64-bit register. */
    static final class DecR64 extends FusedBranch {
        private final int x;

        DecR64(Decoded a, Op first, Decoded j, Op second) {
            super(first, j, second);
            x = a.rm;
        }

        @Override
        public int execute(VcpuContext v) {
            long[] r = v.gpr;
            long old = v.flagAux;
            r[x] = Alu.sub64(v, r[x], 1);
            Flags.keepCarry(v, old);
            return branch(v);
        }
    }

    /** CMP of 32-bit registers. */
    static final class CmpRR32 extends FusedBranch {
        private final int x;
        private final int y;

        CmpRR32(Decoded a, Op first, Decoded j, Op second) {
            super(first, j, second);
            boolean reversed = a.opcode == 0x3B;
            x = reversed ? a.reg : a.rm;
            y = reversed ? a.rm : a.reg;
        }

        @Override
        public int execute(VcpuContext v) {
            long[] r = v.gpr;
            Alu.sub32(v, (int) r[x], (int) r[y]);
            return branch(v);
        }
    }

    /** CMP of a 32-bit register with an immediate. */
    static final class CmpRI32 extends FusedBranch {
        private final int x;
        private final int imm;

        CmpRI32(Decoded a, Op first, Decoded j, Op second) {
            super(first, j, second);
            x = a.opcode == 0x3D ? 0 : a.rm;
            imm = (int) a.imm;
        }

        @Override
        public int execute(VcpuContext v) {
            Alu.sub32(v, (int) v.gpr[x], imm);
            return branch(v);
        }
    }

    /** CMP of 32 bits in memory with an immediate. */
    static final class CmpMI32 extends FusedBranch {
        private final MemOp at;
        private final int imm;

        CmpMI32(Decoded a, Op first, Decoded j, Op second) {
            super(first, j, second);
            at = (MemOp) first;
            imm = (int) a.imm;
        }

        @Override
        public int execute(VcpuContext v) {
            long h = at.read(v, 4);
            if (h < 0) {
                return FAULT;
            }
            Alu.sub32(v, HostBytes.get32(h), imm);
            return branch(v);
        }
    }

    /** CMP of 32 bits in memory with a register. */
    static final class CmpMR32 extends FusedBranch {
        private final MemOp at;
        private final int y;

        CmpMR32(Decoded a, Op first, Decoded j, Op second) {
            super(first, j, second);
            at = (MemOp) first;
            y = a.reg;
        }

        @Override
        public int execute(VcpuContext v) {
            long h = at.read(v, 4);
            if (h < 0) {
                return FAULT;
            }
            Alu.sub32(v, HostBytes.get32(h), (int) v.gpr[y]);
            return branch(v);
        }
    }

    /** CMP of a 32-bit register with memory. */
    static final class CmpRM32 extends FusedBranch {
        private final MemOp at;
        private final int x;

        CmpRM32(Decoded a, Op first, Decoded j, Op second) {
            super(first, j, second);
            at = (MemOp) first;
            x = a.reg;
        }

        @Override
        public int execute(VcpuContext v) {
            long h = at.read(v, 4);
            if (h < 0) {
                return FAULT;
            }
            Alu.sub32(v, (int) v.gpr[x], HostBytes.get32(h));
            return branch(v);
        }
    }

    /** TEST of 32-bit registers. */
    static final class TestRR32 extends FusedBranch {
        private final int x;
        private final int y;

        TestRR32(Decoded a, Op first, Decoded j, Op second) {
            super(first, j, second);
            x = a.rm;
            y = a.reg;
        }

        @Override
        public int execute(VcpuContext v) {
            long[] r = v.gpr;
            Alu.and32(v, (int) r[x], (int) r[y]);
            return branch(v);
        }
    }

    /** ADD of an immediate to a 32-bit register. */
    static final class AddRI32 extends FusedBranch {
        private final int x;
        private final int imm;

        AddRI32(Decoded a, Op first, Decoded j, Op second) {
            super(first, j, second);
            x = a.rm;
            imm = (int) a.imm;
        }

        @Override
        public int execute(VcpuContext v) {
            long[] r = v.gpr;
            r[x] = Alu.add32(v, (int) r[x], imm);
            return branch(v);
        }
    }

    /** SUB of a 32-bit register with an immediate. */
    static final class SubRI32 extends FusedBranch {
        private final int x;
        private final int imm;

        SubRI32(Decoded a, Op first, Decoded j, Op second) {
            super(first, j, second);
            x = a.rm;
            imm = (int) a.imm;
        }

        @Override
        public int execute(VcpuContext v) {
            long[] r = v.gpr;
            r[x] = Alu.sub32(v, (int) r[x], imm);
            return branch(v);
        }
    }

    /** AND of a 32-bit register with an immediate. */
    static final class AndRI32 extends FusedBranch {
        private final int x;
        private final int imm;

        AndRI32(Decoded a, Op first, Decoded j, Op second) {
            super(first, j, second);
            x = a.rm;
            imm = (int) a.imm;
        }

        @Override
        public int execute(VcpuContext v) {
            long[] r = v.gpr;
            r[x] = Alu.and32(v, (int) r[x], imm);
            return branch(v);
        }
    }

    /** DEC of a 32-bit register. */
    static final class DecR32 extends FusedBranch {
        private final int x;

        DecR32(Decoded a, Op first, Decoded j, Op second) {
            super(first, j, second);
            x = a.rm;
        }

        @Override
        public int execute(VcpuContext v) {
            long[] r = v.gpr;
            long old = v.flagAux;
            r[x] = Alu.sub32(v, (int) r[x], 1);
            Flags.keepCarry(v, old);
            return branch(v);
        }
    }

    /** CMP of a byte register with a register or an immediate. */
    static final class CmpR8 extends FusedBranch {
        private final int x;
        private final int xShift;
        private final int y;
        private final int yShift;
        private final long imm;

        CmpR8(Decoded a, Op first, Decoded j, Op second) {
            super(first, j, second);
            x = a.byteRegister(a.rm);
            xShift = a.byteShift(a.rm);
            y = a.immediate() ? VcpuContext.ZERO : a.byteRegister(a.reg);
            yShift = a.immediate() ? 0 : a.byteShift(a.reg);
            imm = a.immediate() ? a.imm : 0;
        }

        @Override
        public int execute(VcpuContext v) {
            long[] r = v.gpr;
            long x8 = r[x] >>> xShift & 0xFF;
            long y8 = (r[y] >>> yShift | imm) & 0xFF;
            Alu.subSmall(v, x8, y8, 0, 56);
            return branch(v);
        }
    }

    /** CMP of a byte in memory with a register or an immediate. */
    static final class CmpM8 extends FusedBranch {
        private final MemOp at;
        private final int y;
        private final int yShift;
        private final long imm;

        CmpM8(Decoded a, Op first, Decoded j, Op second) {
            super(first, j, second);
            at = (MemOp) first;
            y = a.immediate() ? VcpuContext.ZERO : a.byteRegister(a.reg);
            yShift = a.immediate() ? 0 : a.byteShift(a.reg);
            imm = a.immediate() ? a.imm : 0;
        }

        @Override
        public int execute(VcpuContext v) {
            long h = at.read(v, 1);
            if (h < 0) {
                return FAULT;
            }
            long x8 = HostBytes.get8(h) & 0xFF;
            long y8 = (v.gpr[y] >>> yShift | imm) & 0xFF;
            Alu.subSmall(v, x8, y8, 0, 56);
            return branch(v);
        }
    }

    /** TEST of a byte register with a register or an immediate. */
    static final class TestR8 extends FusedBranch {
        private final int x;
        private final int xShift;
        private final int y;
        private final int yShift;
        private final long imm;

        TestR8(Decoded a, Op first, Decoded j, Op second) {
            super(first, j, second);
            x = a.byteRegister(a.rm);
            xShift = a.byteShift(a.rm);
            y = a.immediate() ? VcpuContext.ZERO : a.byteRegister(a.reg);
            yShift = a.immediate() ? 0 : a.byteShift(a.reg);
            imm = a.immediate() ? a.imm : 0;
        }

        @Override
        public int execute(VcpuContext v) {
            long[] r = v.gpr;
            long x8 = r[x] >>> xShift & 0xFF;
            long y8 = (r[y] >>> yShift | imm) & 0xFF;
            Alu.logicSmall(v, x8 & y8, 56);
            return branch(v);
        }
    }

    /** TEST of a byte in memory with a register or an immediate. */
    static final class TestM8 extends FusedBranch {
        private final MemOp at;
        private final int y;
        private final int yShift;
        private final long imm;

        TestM8(Decoded a, Op first, Decoded j, Op second) {
            super(first, j, second);
            at = (MemOp) first;
            y = a.immediate() ? VcpuContext.ZERO : a.byteRegister(a.reg);
            yShift = a.immediate() ? 0 : a.byteShift(a.reg);
            imm = a.immediate() ? a.imm : 0;
        }

        @Override
        public int execute(VcpuContext v) {
            long h = at.read(v, 1);
            if (h < 0) {
                return FAULT;
            }
            long x8 = HostBytes.get8(h) & 0xFF;
            long y8 = (v.gpr[y] >>> yShift | imm) & 0xFF;
            Alu.logicSmall(v, x8 & y8, 56);
            return branch(v);
        }
    }
}
