// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.system;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.op.Decoded;
import dev.faultline.cpu.x86.op.MemOp;
import dev.faultline.cpu.x86.op.Op;
import dev.faultline.cpu.x86.segment.SystemState;
import dev.faultline.cpu.x86.state.Faults;

/**
 * CPUID, RDTSC, RDTSCP, RDPID, RDPMC, HLT, INVD, WBINVD, INVLPG. SDM 2A and 2B under those names.
 */
final class Processor {
    private Processor() {}

    static final class Cpuid extends Op {
        @Override
        public int execute(VcpuContext v) {
            int[] out = SystemState.of(v).regs;
            v.cpuid.query(v, (int) v.gpr[0], (int) v.gpr[1], out);
            v.gpr[0] = out[0] & 0xFFFF_FFFFL;
            v.gpr[3] = out[1] & 0xFFFF_FFFFL;
            v.gpr[1] = out[2] & 0xFFFF_FFFFL;
            v.gpr[2] = out[3] & 0xFFFF_FFFFL;
            return NEXT;
        }
    }

    /** RDTSC and RDTSCP. */
    static final class TimeStamp extends Op {
        private final boolean withId;

        TimeStamp(boolean withId) {
            this.withId = withId;
        }

        @Override
        public int execute(VcpuContext v) {
            if ((v.cr4 & VcpuContext.CR4_TSD) != 0 && v.protectedMode() && v.cpl != 0) {
                return Faults.gp(v, 0);
            }
            long t = v.clock.tsc() + v.tscOffset;
            v.gpr[0] = t & 0xFFFF_FFFFL;
            v.gpr[2] = t >>> 32;
            if (withId) {
                v.gpr[1] = v.tscAux & 0xFFFF_FFFFL;
            }
            return NEXT;
        }
    }

    static final class ProcessorId extends Op {
        private final int dst;

        ProcessorId(Decoded d) {
            dst = d.rm;
        }

        @Override
        public int execute(VcpuContext v) {
            v.gpr[dst] = v.tscAux & 0xFFFF_FFFFL;
            return NEXT;
        }
    }

    /** RDPMC: CPUID claims no performance counter, so every index is out of range. */
    static final class NoCounter extends Op {
        @Override
        public int execute(VcpuContext v) {
            return Faults.gp(v, 0);
        }
    }

    static final class Halt extends Op {
        @Override
        public int execute(VcpuContext v) {
            v.activity = VcpuContext.HALTED;
            return HALT;
        }
    }

    /** INVD and WBINVD: there is no cache. */
    static final class CacheControl extends Op {
        @Override
        public int execute(VcpuContext v) {
            return NEXT;
        }
    }

    static final class InvalidatePage extends MemOp {
        InvalidatePage(Decoded d) {
            super(d);
        }

        @Override
        public int execute(VcpuContext v) {
            long lin = v.effBase[seg] + ea(v);
            if (v.codeBits != 64) {
                lin &= 0xFFFF_FFFFL;
            }
            // A non-canonical address is a no-operation.
            if (v.codeBits != 64 || VcpuContext.canonical(lin)) {
                v.mmu.invalidatePage(v, lin);
            }
            return END;
        }
    }
}
