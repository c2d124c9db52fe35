// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.integer;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.op.Decoded;
import dev.faultline.cpu.x86.op.Op;
import dev.faultline.cpu.x86.state.Flags;

/** CLC STC CMC CLD STD SAHF LAHF SALC. SDM 2A and 2B, under their names. */
final class FlagOps {
    private static final int AH_FLAGS =
            VcpuContext.SF | VcpuContext.ZF | VcpuContext.AF | VcpuContext.PF | VcpuContext.CF;

    private FlagOps() {}

    static Op make(Decoded d) {
        return switch (d.mnemonic) {
            case "CLC" -> new Carry(false);
            case "STC" -> new Carry(true);
            case "CMC" -> new Complement();
            case "CLD" -> new Direction(0);
            case "STD" -> new Direction(VcpuContext.DF);
            case "SAHF" -> new StoreAh();
            case "LAHF" -> new LoadAh();
            default -> new Salc();
        };
    }

    private static final class Carry extends Op {
        private final boolean cf;

        Carry(boolean cf) {
            this.cf = cf;
        }

        @Override
        public int execute(VcpuContext v) {
            Flags.setCarry(v, cf);
            return NEXT;
        }
    }

    private static final class Complement extends Op {
        @Override
        public int execute(VcpuContext v) {
            Flags.setCarry(v, !Flags.cf(v));
            return NEXT;
        }
    }

    private static final class Direction extends Op {
        private final int df;

        Direction(int df) {
            this.df = df;
        }

        @Override
        public int execute(VcpuContext v) {
            v.eflags = v.eflags & ~VcpuContext.DF | df;
            return NEXT;
        }
    }

    private static final class StoreAh extends Op {
        @Override
        public int execute(VcpuContext v) {
            int ah = (int) (v.gpr[0] >>> 8) & AH_FLAGS;
            v.setStatusFlags(ah | v.getFlags() & VcpuContext.OF);
            return NEXT;
        }
    }

    private static final class LoadAh extends Op {
        @Override
        public int execute(VcpuContext v) {
            long ah = v.getFlags() & AH_FLAGS | 2;
            v.gpr[0] = v.gpr[0] & ~0xFF00L | ah << 8;
            return NEXT;
        }
    }

    /** Undocumented: AL = CF ? FF : 0. */
    private static final class Salc extends Op {
        @Override
        public int execute(VcpuContext v) {
            v.gpr[0] = v.gpr[0] & ~0xFFL | (Flags.cf(v) ? 0xFF : 0);
            return NEXT;
        }
    }
}
