// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.system;

import dev.faultline.api.cpu.Segments;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.debug.Debug;
import dev.faultline.cpu.x86.debug.DebugState;
import dev.faultline.cpu.x86.op.Decoded;
import dev.faultline.cpu.x86.op.Op;
import dev.faultline.cpu.x86.segment.SegmentLoads;
import dev.faultline.cpu.x86.state.Faults;
import dev.faultline.cpu.x86.transfer.FlagImages;

/** SYSCALL SYSRET SYSENTER SYSEXIT, SWAPGS. SDM 2B under those names. */
final class FastSystemCalls {
    private static final int PRESENT = Segments.P | Segments.S | Segments.G;

    /** Execute/read, accessed. */
    private static final int CODE = PRESENT | 0xB;

    /** Read/write, accessed, 32-bit. */
    private static final int STACK = PRESENT | 3 | Segments.DB;

    private static final int USER = 3 << Segments.DPL_SHIFT;

    /** What SYSRET takes from R11. */
    private static final int SYSRET_FLAGS = 0x3C_7FD7;

    private FastSystemCalls() {}

    abstract static class Far extends Op {}

    static final class Syscall extends Far {
        private final int end;

        Syscall(Decoded d) {
            end = d.end;
        }

        @Override
        public int execute(VcpuContext v) {
            if ((v.efer & VcpuContext.EFER_SCE) == 0) {
                return Faults.ud(v);
            }
            int flags = v.getFlags();
            v.gpr[1] = v.engineBase + end & v.ripMask;
            v.gpr[11] = flags & ~VcpuContext.RF;
            v.rip = v.lstar;
            v.setFlags(flags & ~(int) v.fmask & ~(VcpuContext.RF | VcpuContext.VM));
            int cs = (int) (v.star >>> 32) & 0xFFFC;
            SegmentLoads.flat(v, Segments.CS, cs, CODE | Segments.L);
            SegmentLoads.flat(v, Segments.SS, cs + 8, STACK);
            v.recompute();
            if ((v.eflags & VcpuContext.TF) == 0) {
                DebugState.of(v).suppressTrap = true;
            }
            return FAR;
        }
    }

    static final class Sysret extends Far {
        private final boolean wide;

        Sysret(Decoded d) {
            wide = d.rexW;
        }

        @Override
        public int execute(VcpuContext v) {
            if ((v.efer & VcpuContext.EFER_SCE) == 0) {
                return Faults.ud(v);
            }
            long target = wide ? v.gpr[1] : v.gpr[1] & 0xFFFF_FFFFL;
            if (v.cpl != 0 || !VcpuContext.canonical(target)) {
                return Faults.gp(v, 0);
            }
            int star = (int) (v.star >>> 48);
            int cs = star + (wide ? 16 : 0) & 0xFFFF | 3;
            SegmentLoads.flat(v, Segments.CS, cs, CODE | USER | (wide ? Segments.L : Segments.DB));
            SegmentLoads.flat(v, Segments.SS, star + 8 & 0xFFFF | 3, STACK | USER);
            v.rip = target;
            FlagImages.set(v, (int) v.gpr[11] & SYSRET_FLAGS, -1);
            DebugState.of(v).resumeLoaded = true;
            DebugState.of(v).suppressTrap = true;
            if ((v.eflags & VcpuContext.TF) != 0) {
                Debug.trapNow(v); // unlike IRET
            }
            v.recompute();
            return FAR;
        }
    }

    static final class Sysenter extends Far {
        @Override
        public int execute(VcpuContext v) {
            int cs = (int) v.sysenterCs & 0xFFFC;
            if (!v.protectedMode() || cs == 0) {
                return Faults.gp(v, 0);
            }
            boolean wide = v.longMode();
            v.eflags &= ~(VcpuContext.VM | VcpuContext.IF | VcpuContext.RF);
            v.gpr[4] = wide ? v.sysenterEsp : v.sysenterEsp & 0xFFFF_FFFFL;
            v.rip = wide ? v.sysenterEip : v.sysenterEip & 0xFFFF_FFFFL;
            SegmentLoads.flat(v, Segments.CS, cs, CODE | (wide ? Segments.L : Segments.DB));
            SegmentLoads.flat(v, Segments.SS, cs + 8, STACK);
            v.recompute();
            return FAR;
        }
    }

    static final class Sysexit extends Far {
        private final boolean wide;

        Sysexit(Decoded d) {
            wide = d.rexW;
        }

        @Override
        public int execute(VcpuContext v) {
            int base = (int) v.sysenterCs & 0xFFFC;
            if (!v.protectedMode() || base == 0 || v.cpl != 0) {
                return Faults.gp(v, 0);
            }
            long mask = wide ? -1L : 0xFFFF_FFFFL;
            long rsp = v.gpr[1] & mask;
            long rip = v.gpr[2] & mask;
            if (!VcpuContext.canonical(rsp) || !VcpuContext.canonical(rip)) {
                return Faults.gp(v, 0);
            }
            int cs = base + (wide ? 32 : 16) & 0xFFFF | 3;
            SegmentLoads.flat(v, Segments.CS, cs, CODE | USER | (wide ? Segments.L : Segments.DB));
            SegmentLoads.flat(v, Segments.SS, cs + 8, STACK | USER);
            v.gpr[4] = rsp;
            v.rip = rip;
            v.recompute();
            return FAR;
        }
    }

    static final class SwapGs extends Op {
        @Override
        public int execute(VcpuContext v) {
            long kernel = v.kernelGsBase;
            v.kernelGsBase = v.segBase[Segments.GS];
            Msrs.base(v, Segments.GS, kernel);
            return NEXT;
        }
    }

    /** RDFSBASE RDGSBASE WRFSBASE WRGSBASE. */
    static final class SegmentBase extends Op {
        private final int seg;
        private final int gpr;
        private final boolean write;
        private final boolean wide;

        SegmentBase(Decoded d, int seg, boolean write) {
            this.seg = seg;
            this.write = write;
            gpr = d.rm;
            wide = d.rexW;
        }

        @Override
        public int execute(VcpuContext v) {
            if ((v.cr4 & VcpuContext.CR4_FSGSBASE) == 0) {
                return Faults.ud(v);
            }
            long mask = wide ? -1L : 0xFFFF_FFFFL;
            if (!write) {
                v.gpr[gpr] = v.segBase[seg] & mask;
                return NEXT;
            }
            long x = v.gpr[gpr] & mask;
            if (!VcpuContext.canonical(x)) {
                return Faults.gp(v, 0);
            }
            Msrs.base(v, seg, x);
            return NEXT;
        }
    }
}
