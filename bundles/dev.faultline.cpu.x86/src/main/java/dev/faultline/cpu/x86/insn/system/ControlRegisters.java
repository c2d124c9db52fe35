// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.system;

import static dev.faultline.api.engine.VcpuContext.CR0_CD;
import static dev.faultline.api.engine.VcpuContext.CR0_ET;
import static dev.faultline.api.engine.VcpuContext.CR0_NW;
import static dev.faultline.api.engine.VcpuContext.CR0_PE;
import static dev.faultline.api.engine.VcpuContext.CR0_TS;
import static dev.faultline.api.engine.VcpuContext.CR0_WP;
import static dev.faultline.api.engine.VcpuContext.EFER_LMA;
import static dev.faultline.api.engine.VcpuContext.EFER_LME;

import dev.faultline.api.cpu.Segments;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.op.Decoded;
import dev.faultline.cpu.x86.op.Op;
import dev.faultline.cpu.x86.op.Raise;
import dev.faultline.cpu.x86.segment.Descriptors;
import dev.faultline.cpu.x86.segment.SegmentLoads;
import dev.faultline.cpu.x86.state.Faults;
import dev.faultline.cpu.x86.state.StandardCpuid;

/**
 * MOV to and from control registers, CLTS. SDM 2B, "MOV-Move to/from Control Registers"; SDM 3A,
 * "Control Registers".
 */
final class ControlRegisters {
    private static final long CR0_PG = 0x8000_0000L;

    private static final long CR0_DEFINED =
            CR0_PE
                    | VcpuContext.CR0_MP
                    | VcpuContext.CR0_EM
                    | CR0_TS
                    | CR0_ET
                    | VcpuContext.CR0_NE
                    | CR0_WP
                    | VcpuContext.CR0_AM
                    | CR0_NW
                    | CR0_CD
                    | CR0_PG;

    /** What CPUID claims; other bits are reserved. */
    private static final long CR4_DEFINED =
            VcpuContext.CR4_TSD
                    | VcpuContext.CR4_DE
                    | VcpuContext.CR4_PSE
                    | VcpuContext.CR4_PAE
                    | VcpuContext.CR4_MCE
                    | VcpuContext.CR4_PGE
                    | VcpuContext.CR4_PCE
                    | VcpuContext.CR4_OSFXSR
                    | VcpuContext.CR4_OSXMMEXCPT
                    | VcpuContext.CR4_UMIP
                    | VcpuContext.CR4_FSGSBASE
                    | VcpuContext.CR4_SMEP
                    | VcpuContext.CR4_SMAP;

    /** Changes of these change translations. */
    private static final long CR4_PAGING =
            VcpuContext.CR4_PSE
                    | VcpuContext.CR4_PAE
                    | VcpuContext.CR4_PGE
                    | VcpuContext.CR4_SMEP
                    | VcpuContext.CR4_SMAP;

    private ControlRegisters() {}

    static Op read(Decoded d) {
        return known(d) ? new Read(d) : new Raise(Faults.UD);
    }

    static Op write(Decoded d) {
        return known(d) ? new Write(d) : new Raise(Faults.UD);
    }

    private static boolean known(Decoded d) {
        return d.reg == 0 || d.reg >= 2 && d.reg <= 4 || d.reg == 8;
    }

    // ---- the registers: 0, or -1 with the fault recorded and nothing changed

    static int cr0(VcpuContext v, long value) {
        if (value >>> 32 != 0
                || (value & CR0_PG) != 0 && (value & CR0_PE) == 0
                || (value & CR0_NW) != 0 && (value & CR0_CD) == 0) {
            return Descriptors.gp(v, 0);
        }
        long old = v.cr0;
        long now = value & CR0_DEFINED | CR0_ET;
        long changed = old ^ now;
        boolean on = (changed & now & CR0_PG) != 0;
        boolean off = (changed & old & CR0_PG) != 0;
        if (off && v.codeBits == 64) {
            return Descriptors.gp(v, 0);
        }
        boolean toLong = on && (v.efer & EFER_LME) != 0;
        if (toLong) {
            boolean tss16 = (v.segAttr[Segments.TR] & 0x1F) == Descriptors.TSS16_BUSY;
            if ((v.cr4 & VcpuContext.CR4_PAE) == 0
                    || (v.segAttr[Segments.CS] & Segments.L) != 0
                    || tss16) {
                return Descriptors.gp(v, 0);
            }
        }
        boolean pae = (now & CR0_PG) != 0 && (v.cr4 & VcpuContext.CR4_PAE) != 0 && !toLong;
        if (pae && !v.longMode() && (changed & (CR0_PG | CR0_CD | CR0_NW)) != 0) {
            if (v.mmu.loadPdptes(v, v.cr3) != 0) {
                return -1;
            }
        }
        if (toLong) {
            v.efer |= EFER_LMA;
        } else if (off) {
            v.efer &= ~(long) EFER_LMA;
        }
        v.cr0 = now;
        if ((changed & old & CR0_PE) != 0) {
            leaveProtected(v);
        }
        if ((changed & (CR0_PG | CR0_PE | CR0_WP)) != 0) {
            v.mmu.flush(v);
        }
        v.recompute();
        return 0;
    }

    /** Real mode may write through CS: its cached attributes become those of data. */
    private static void leaveProtected(VcpuContext v) {
        int a = v.segAttr[Segments.CS];
        v.segAttr[Segments.CS] = SegmentLoads.REAL | a & (Segments.DB | Segments.G | Segments.AVL);
    }

    static int cr3(VcpuContext v, long value) {
        if (v.longMode()) {
            if (value >>> StandardCpuid.PHYSICAL_BITS != 0) {
                return Descriptors.gp(v, 0);
            }
        } else if ((v.cr0 & CR0_PG) != 0 && (v.cr4 & VcpuContext.CR4_PAE) != 0) {
            if (v.mmu.loadPdptes(v, value) != 0) {
                return -1;
            }
        }
        v.cr3 = value;
        v.mmu.flushLocal(v);
        return 0;
    }

    static int cr4(VcpuContext v, long value) {
        if ((value & ~CR4_DEFINED) != 0 || v.longMode() && (value & VcpuContext.CR4_PAE) == 0) {
            return Descriptors.gp(v, 0);
        }
        long old = v.cr4;
        long changed = old ^ value;
        boolean pae =
                (v.cr0 & CR0_PG) != 0
                        && (value & VcpuContext.CR4_PAE) != 0
                        && !v.longMode()
                        && (changed & (CR4_PAGING & ~VcpuContext.CR4_SMAP)) != 0;
        if (pae) {
            v.cr4 = value;
            if (v.mmu.loadPdptes(v, v.cr3) != 0) {
                v.cr4 = old;
                return -1;
            }
        }
        v.cr4 = value;
        if ((changed & CR4_PAGING) != 0) {
            v.mmu.flush(v);
        }
        v.recompute();
        return 0;
    }

    private static int cr8(VcpuContext v, long value) {
        if (value >>> 4 != 0) {
            return Descriptors.gp(v, 0);
        }
        v.interrupts.taskPriority((int) value);
        return 0;
    }

    // ---- instructions

    private static final class Read extends Op {
        private final int from;
        private final int to;

        Read(Decoded d) {
            from = d.reg;
            to = d.rm;
        }

        @Override
        public int execute(VcpuContext v) {
            long x =
                    switch (from) {
                        case 0 -> v.cr0;
                        case 2 -> v.cr2;
                        case 3 -> v.cr3;
                        case 4 -> v.cr4;
                        default -> v.interrupts.taskPriority() & 0xF;
                    };
            v.gpr[to] = v.codeBits == 64 ? x : x & 0xFFFF_FFFFL;
            return NEXT;
        }
    }

    private static final class Write extends Op {
        private final int to;
        private final int from;

        Write(Decoded d) {
            to = d.reg;
            from = d.rm;
        }

        @Override
        public int execute(VcpuContext v) {
            long x = v.codeBits == 64 ? v.gpr[from] : v.gpr[from] & 0xFFFF_FFFFL;
            int r =
                    switch (to) {
                        case 0 -> cr0(v, x);
                        case 2 -> {
                            v.cr2 = x;
                            yield 0;
                        }
                        case 3 -> cr3(v, x);
                        case 4 -> cr4(v, x);
                        default -> cr8(v, x);
                    };
            return r == 0 ? END : (int) v.propagation.raise(v);
        }
    }

    /** CLTS. */
    static final class ClearTaskSwitched extends Op {
        @Override
        public int execute(VcpuContext v) {
            v.cr0 &= ~(long) CR0_TS;
            return END;
        }
    }
}
