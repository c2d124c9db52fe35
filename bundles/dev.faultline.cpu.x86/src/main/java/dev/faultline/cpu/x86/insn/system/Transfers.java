// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.system;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.fault.PendingFault;
import dev.faultline.cpu.x86.debug.Debug;
import dev.faultline.cpu.x86.memory.Mem;
import dev.faultline.cpu.x86.op.Decoded;
import dev.faultline.cpu.x86.op.MemOp;
import dev.faultline.cpu.x86.op.Op;
import dev.faultline.cpu.x86.state.Faults;
import dev.faultline.cpu.x86.state.Outcome;
import dev.faultline.cpu.x86.transfer.Events;
import dev.faultline.cpu.x86.transfer.FarReturns;
import dev.faultline.cpu.x86.transfer.FarTransfers;

/**
 * Far JMP, CALL and RET, IRET, INT n, INT3, INT1, INTO: operands and retirement; the work is in
 * {@link FarTransfers}, {@link FarReturns}, {@link Events}.
 */
final class Transfers {
    private Transfers() {}

    static Op far(Decoded d, boolean call) {
        return d.mem ? new Indirect(d, call) : new Direct(d, call);
    }

    /**
     * @param release bytes to drop
     */
    static Op ret(Decoded d, int release) {
        return new Ret(d.operandSize, release);
    }

    static Op iret(Decoded d) {
        return new Iret(d);
    }

    /** The end of an instruction that transferred control, or did not. */
    static int done(VcpuContext v, int result) {
        return result == 0 ? Outcome.FAR : (int) v.propagation.raise(v);
    }

    private abstract static class Transfer extends Op {}

    private static final class Direct extends Transfer {
        private final boolean call;
        private final int size;
        private final int selector;
        private final long offset;
        private final int end;

        Direct(Decoded d, boolean call) {
            end = d.end;
            this.call = call;
            size = d.operandSize;
            selector = d.imm2 & 0xFFFF;
            offset = d.imm;
        }

        @Override
        public int execute(VcpuContext v) {
            long next = v.engineBase + end & v.ripMask;
            return done(
                    v,
                    call
                            ? FarTransfers.call(v, selector, offset, size, next)
                            : FarTransfers.jump(v, selector, offset, next));
        }
    }

    private static final class Indirect extends MemOp {
        private final boolean call;
        private final int size;
        private final int end;

        Indirect(Decoded d, boolean call) {
            super(d);
            end = d.end;
            this.call = call;
            size = d.operandSize;
        }

        @Override
        public int execute(VcpuContext v) {
            long h = read(v, size + 2);
            if (h < 0) {
                return FAULT;
            }
            long offset = Mem.load(h, size);
            int selector = (int) Mem.load(h + size, 2);
            long next = v.engineBase + end & v.ripMask;
            return done(
                    v,
                    call
                            ? FarTransfers.call(v, selector, offset, size, next)
                            : FarTransfers.jump(v, selector, offset, next));
        }
    }

    private static final class Ret extends Transfer {
        private final int size;
        private final int release;

        Ret(int size, int release) {
            this.size = size;
            this.release = release;
        }

        @Override
        public int execute(VcpuContext v) {
            return done(v, FarReturns.ret(v, size, release));
        }
    }

    private static final class Iret extends Transfer {
        private final int size;
        private final int end;

        Iret(Decoded d) {
            size = d.operandSize;
            end = d.end;
        }

        @Override
        public int execute(VcpuContext v) {
            int r = FarReturns.iret(v, size, v.engineBase + end & v.ripMask);
            if (r != 0 && v.fault.kind == PendingFault.GUEST) {
                // IRET unblocks NMIs even if it causes a fault (SDM 3C, "NMI unblocking due to
                // IRET").
                v.nmiBlocked = false;
            }
            return done(v, r);
        }
    }

    /** INT n, INT3, INTO. */
    static final class Interrupt extends Transfer {
        private final int vector;
        private final boolean privileged;
        private final boolean onOverflow;
        private final int start;
        private final int end;

        /**
         * @param privileged in V86 mode sensitive to IOPL
         */
        Interrupt(Decoded d, int vector, boolean privileged, boolean onOverflow) {
            start = d.start;
            end = d.end;
            this.vector = vector;
            this.privileged = privileged;
            this.onOverflow = onOverflow;
        }

        @Override
        public int execute(VcpuContext v) {
            if (onOverflow && (v.getFlags() & VcpuContext.OF) == 0) {
                return END;
            }
            if (privileged && v.v86() && (v.eflags & VcpuContext.IOPL) != VcpuContext.IOPL) {
                return Faults.gp(v, 0);
            }
            if (vector == Faults.BP && !privileged && (v.intercepts & 1 << Faults.BP) != 0) {
                return Faults.raise(v, Faults.BP);
            }
            return deliver(v, start, end, vector, Events.SOFTWARE);
        }
    }

    /** INT1 (ICEBP): as a debug trap, no DPL check. */
    static final class DebugInterrupt extends Transfer {
        private final int start;
        private final int end;

        DebugInterrupt(Decoded d) {
            start = d.start;
            end = d.end;
        }

        @Override
        public int execute(VcpuContext v) {
            int r = deliver(v, start, end, Faults.DB, Events.EXCEPTION);
            if (r == FAR) {
                Debug.superseded(v);
            }
            return r;
        }
    }

    /**
     * @param start offsets of the instruction and of the next one from {@code v.engineBase}
     */
    private static int deliver(VcpuContext v, int start, int end, int vector, int kind) {
        v.rip = v.engineBase + end & v.ripMask;
        int r = Events.deliver(v, vector, PendingFault.NO_ERROR_CODE, kind, 0);
        if (r != 0) {
            v.rip = v.engineBase + start & v.ripMask;
        }
        return done(v, r);
    }
}
