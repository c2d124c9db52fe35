// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.system;

import dev.faultline.api.cpu.Segments;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.debug.Debug;
import dev.faultline.cpu.x86.memory.Mem;
import dev.faultline.cpu.x86.memory.Segmentation;
import dev.faultline.cpu.x86.op.Decoded;
import dev.faultline.cpu.x86.op.Op;
import dev.faultline.cpu.x86.segment.Stacks;
import dev.faultline.cpu.x86.state.Faults;
import dev.faultline.cpu.x86.transfer.FlagImages;

/** PUSHF POPF, CLI STI, CLAC STAC. SDM 2A and 2B under those names. */
final class FlagInstructions {
    /** Changes of these may make an interrupt deliverable, a trap due, or change rights. */
    private static final int CONSEQUENCES = VcpuContext.IF | VcpuContext.TF | VcpuContext.AC;

    private FlagInstructions() {}

    private static boolean v86Refuses(VcpuContext v) {
        return v.v86() && (v.eflags & VcpuContext.IOPL) != VcpuContext.IOPL;
    }

    static final class Pushf extends Op {
        private final int size;

        Pushf(Decoded d) {
            size = d.operandSize;
        }

        @Override
        public int execute(VcpuContext v) {
            if (v86Refuses(v)) {
                return Faults.gp(v, 0);
            }
            long sp = Stacks.pointer(v) - size & v.stackMask;
            long lin = Segmentation.linear(v, Segments.SS, sp, size, Mem.W);
            if (Segmentation.failed(v, lin)) {
                return FAULT;
            }
            long h = Mem.write(v, Segments.SS, lin, size);
            if (h < 0) {
                return FAULT;
            }
            Mem.store(h, size, v.getFlags() & ~(VcpuContext.RF | VcpuContext.VM));
            Stacks.pointer(v, sp);
            return Mem.commit(v, h);
        }
    }

    static final class Popf extends Op {
        private final int size;

        Popf(Decoded d) {
            size = d.operandSize;
        }

        @Override
        public int execute(VcpuContext v) {
            if (v86Refuses(v)) {
                return Faults.gp(v, 0);
            }
            long sp = Stacks.pointer(v);
            long lin = Segmentation.linear(v, Segments.SS, sp, size, Mem.R);
            if (Segmentation.failed(v, lin)) {
                return FAULT;
            }
            long h = Mem.read(v, Segments.SS, lin, size);
            if (h < 0) {
                return FAULT;
            }
            int image = (int) Mem.load(h, size);
            int mask =
                    v.v86()
                            ? FlagImages.popfMask(v, size) | VcpuContext.IF
                            : FlagImages.popfMask(v, size);
            int old = v.eflags;
            v.setFlags((v.getFlags() & ~mask | image & mask) & ~VcpuContext.RF);
            Stacks.pointer(v, sp + size);
            int changed = old ^ v.eflags;
            if ((changed & VcpuContext.AC) != 0) {
                v.updateTlbKey();
            }
            return (changed & CONSEQUENCES) != 0 ? END : NEXT;
        }
    }

    /** CLI and STI. Without VME and PVI only IOPL counts. */
    static final class InterruptFlag extends Op {
        private final boolean set;

        InterruptFlag(boolean set) {
            this.set = set;
        }

        @Override
        public int execute(VcpuContext v) {
            if (v.protectedMode() && v.cpl > (v.eflags & VcpuContext.IOPL) >> 12) {
                return Faults.gp(v, 0);
            }
            if (!set) {
                v.eflags &= ~VcpuContext.IF;
                return NEXT;
            }
            if ((v.eflags & VcpuContext.IF) == 0) {
                v.eflags |= VcpuContext.IF;
                Debug.holdInterrupts(v);
                return END;
            }
            return NEXT;
        }
    }

    /** CLAC and STAC. */
    static final class AccessFlag extends Op {
        private final boolean set;

        AccessFlag(boolean set) {
            this.set = set;
        }

        @Override
        public int execute(VcpuContext v) {
            if (v.cpl != 0) {
                return Faults.ud(v);
            }
            v.eflags = set ? v.eflags | VcpuContext.AC : v.eflags & ~VcpuContext.AC;
            v.updateTlbKey();
            // Fetches are cached under the same key.
            return END;
        }
    }
}
