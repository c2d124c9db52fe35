// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.system;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.fault.PendingFault;
import dev.faultline.cpu.x86.debug.Debug;
import dev.faultline.cpu.x86.op.Decoded;
import dev.faultline.cpu.x86.op.Op;
import dev.faultline.cpu.x86.op.Raise;
import dev.faultline.cpu.x86.state.Faults;

/** MOV to and from debug registers. SDM 2B, "MOV-Move to/from Debug Registers". */
final class DebugRegisters {
    /** Bits that always read as 1. */
    static final long DR6_ONES = 0xFFFF_0FF0L;

    static final long DR7_ONES = 0x400;

    private static final long DR6_WRITABLE = 0xE00F;
    private static final long DR7_WRITABLE = 0xFFFF_23FFL;

    private DebugRegisters() {}

    static Op make(Decoded d, boolean write) {
        return d.reg > 7 ? new Raise(Faults.UD) : new Move(d, write);
    }

    private static final class Move extends Op {
        private final int reg;
        private final int gpr;
        private final boolean write;

        Move(Decoded d, boolean write) {
            reg = d.reg;
            gpr = d.rm;
            this.write = write;
        }

        @Override
        public int execute(VcpuContext v) {
            boolean alias = reg == 4 || reg == 5;
            if (alias && (v.cr4 & VcpuContext.CR4_DE) != 0) {
                return Faults.ud(v);
            }
            if (v.cpl != 0) {
                return Faults.gp(v, 0);
            }
            long[] dr = v.guestDebugRegisters();
            if ((dr[7] & Debug.DR7_GD) != 0) {
                Debug.conditions(dr, Debug.DR6_BD);
                v.eflags |= VcpuContext.RF; // as in the image of every fault but a breakpoint's
                return Faults.raise(v, Faults.DB, PendingFault.NO_ERROR_CODE);
            }
            int r = alias ? reg + 2 : reg;
            boolean wide = v.codeBits == 64;
            if (!write) {
                v.gpr[gpr] = wide ? dr[r] : dr[r] & 0xFFFF_FFFFL;
                return NEXT;
            }
            long x = wide ? v.gpr[gpr] : v.gpr[gpr] & 0xFFFF_FFFFL;
            if (r >= 6 && x >>> 32 != 0) {
                return Faults.gp(v, 0);
            }
            dr[r] =
                    switch (r) {
                        case 6 -> x & DR6_WRITABLE | DR6_ONES;
                        case 7 -> x & DR7_WRITABLE | DR7_ONES;
                        default -> x;
                    };
            return END;
        }
    }
}
