// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.x87;

import static dev.faultline.api.memory.HostBytes.get16;
import static dev.faultline.api.memory.HostBytes.get32;
import static dev.faultline.api.memory.HostBytes.get64;

import dev.faultline.api.cpu.Segments;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.kernel.fp.FpuConvert;
import dev.faultline.cpu.x86.kernel.fp.FpuMath;
import dev.faultline.cpu.x86.op.Decoded;
import dev.faultline.cpu.x86.op.MemOp;
import dev.faultline.cpu.x86.op.Op;
import dev.faultline.cpu.x86.state.Faults;
import dev.faultline.cpu.x86.state.Outcome;

/**
 * The x87 register stack, its status word and pointers, as the instructions see them. SDM 1,
 * "Programming with the x87 FPU".
 *
 * <p>As on current processors, FIP is updated by every non-control instruction, FOP and FDP only by
 * those that find an unmasked exception (CPUID.7.0:EBX bit 6, FDP_EXCPTN_ONLY, and fopcode
 * compatibility off). FCS and FDS are kept. An unmasked exception is reported by the next waiting
 * instruction: as #MF if CR0.NE is set; else by FERR#, which a PC turns into IRQ 13, while the
 * instruction waits for an interrupt or IGNNE#.
 */
public final class X87 {
    static final int ES = 0x80;
    static final int SF = 0x40;
    static final int STACK_FAULT = SF | FpuMath.IE;
    static final int C1 = FpuMath.C1;

    /** Error summary and busy, which always agree. */
    static final int SUMMARY = 0x8080;

    static final int TOP_MASK = 0x3800;

    static final int F32 = 0;
    static final int F64 = 1;
    static final int I16 = 2;
    static final int I32 = 3;
    static final int I64 = 4;
    static final int F80 = 5;
    static final int BCD = 6;
    private static final int[] BYTES = {4, 8, 2, 4, 8, 10, 10};

    private X87() {}

    /** The vCPU's arithmetic context, set to its control word. */
    static FpuMath math(VcpuContext v) {
        FpuMath m = v.fpu instanceof FpuMath had ? had : made(v);
        m.control(v.fcw);
        return m;
    }

    private static FpuMath made(VcpuContext v) {
        FpuMath m = new FpuMath();
        v.fpu = m;
        return m;
    }

    /** Whether a waiting x87 instruction must not run; then return {@link #refuse}. */
    static boolean refuses(VcpuContext v) {
        return (v.cr0 & (VcpuContext.CR0_EM | VcpuContext.CR0_TS) | v.fsw & ES) != 0
                && (disabled(v) || !ignoresErrors(v));
    }

    /** IGNNE#: a pending error does not matter. */
    public static boolean ignoresErrors(VcpuContext v) {
        return (v.cr0 & VcpuContext.CR0_NE) == 0
                && v.interrupts != null
                && v.interrupts.ignoresFloatingPointErrors();
    }

    static int refuse(VcpuContext v) {
        return disabled(v) ? Faults.nm(v) : error(v);
    }

    /** The instruction waits, at its boundary, for the interrupt that FERR# brings. */
    public static int error(VcpuContext v) {
        boolean external = (v.cr0 & VcpuContext.CR0_NE) == 0 && v.interrupts != null;
        return external && v.interrupts.floatingPointError(true) ? Outcome.WAIT : Faults.mf(v);
    }

    /** Takes FERR# back if no error is left. */
    static void errorsCleared(VcpuContext v) {
        if ((v.fsw & ES) == 0 && v.interrupts != null) {
            v.interrupts.floatingPointError(false);
        }
    }

    /** Whether even non-waiting instructions raise #NM. */
    static boolean disabled(VcpuContext v) {
        return (v.cr0 & (VcpuContext.CR0_EM | VcpuContext.CR0_TS)) != 0;
    }

    // ---- registers

    /** Physical register of ST(i). */
    static int st(VcpuContext v, int i) {
        return (v.fsw >>> 11) + i & 7;
    }

    static boolean empty(VcpuContext v, int r) {
        return (v.fpTag >>> r & 1) == 0;
    }

    static void set(VcpuContext v, int r, long sig, int se) {
        v.fpSig[r] = sig;
        v.fpExp[r] = se;
        v.fpTag |= 1 << r;
    }

    static void setResult(VcpuContext v, int r, FpuMath m) {
        set(v, r, m.sig, m.se);
    }

    static void setIndefinite(VcpuContext v, int r) {
        set(v, r, FpuMath.INDEFINITE_SIG, FpuMath.INDEFINITE_SE);
    }

    static void setTop(VcpuContext v, int top) {
        v.fsw = v.fsw & ~TOP_MASK | (top & 7) << 11;
    }

    static void pop(VcpuContext v) {
        int r = st(v, 0);
        v.fpTag &= ~(1 << r);
        setTop(v, r + 1);
    }

    /** Makes the register below the top the new top and fills it. */
    static void push(VcpuContext v, long sig, int se) {
        int r = st(v, 7);
        setTop(v, r);
        set(v, r, sig, se);
    }

    static boolean invalidMasked(VcpuContext v) {
        return (v.fcw & FpuMath.IE) != 0;
    }

    // ---- status

    /**
     * Enters the outcome of an instruction without memory operand into the status word.
     *
     * @param start offset of the instruction from {@code v.engineBase}
     * @param flags exceptions and {@link #SF}
     * @param cc new condition code bits
     * @param mask the condition code bits that the instruction defines
     */
    static void status(VcpuContext v, int start, int fop, int flags, int cc, int mask) {
        v.fsw = v.fsw & ~mask | cc & mask | flags;
        v.fip = v.engineBase + start & v.ripMask;
        v.fcs = v.segSel[Segments.CS];
        if ((flags & ~v.fcw & 0x3F) != 0) {
            v.fsw |= SUMMARY;
            v.fop = fop;
            v.fdp = 0;
            v.fds = 0;
        }
    }

    /** As {@link #status}, for an operand at offset {@code ea} of segment {@code seg}. */
    static void statusMem(VcpuContext v, int start, int fop, int flags, int cc, int seg, long ea) {
        status(v, start, fop, flags, cc, C1);
        if ((flags & ~v.fcw & 0x3F) != 0) {
            v.fdp = ea;
            v.fds = v.segSel[seg];
        }
    }

    /** Recomputes the error summary after the control or status word was loaded. */
    static void summarize(VcpuContext v) {
        if ((v.fsw & ~v.fcw & 0x3F) != 0) {
            v.fsw |= SUMMARY;
        } else {
            v.fsw &= ~SUMMARY;
            errorsCleared(v);
        }
    }

    /** FNINIT's state. */
    public static void initialize(VcpuContext v) {
        v.fcw = 0x37F;
        v.fsw = 0;
        v.fpTag = 0;
        v.fop = 0;
        v.fip = 0;
        v.fdp = 0;
        v.fcs = 0;
        v.fds = 0;
        errorsCleared(v);
    }

    static void setControl(VcpuContext v, int fcw) {
        v.fcw = fcw & 0x1F3F | 0x40;
    }

    // ---- memory operands

    static int bytes(int type) {
        return BYTES[type];
    }

    /**
     * Loads an operand for an operation that follows: signaling NaNs and denormals are left to it.
     */
    static void widen(FpuMath m, int type, long hva) {
        switch (type) {
            case F32 -> FpuConvert.widenFloat32(m, get32(hva));
            case F64 -> FpuConvert.widenFloat64(m, get64(hva));
            case I16 -> FpuConvert.widenInteger(m, get16(hva));
            case I32 -> FpuConvert.widenInteger(m, get32(hva));
            default -> throw new IllegalArgumentException("x87 operand type " + type);
        }
    }

    /**
     * Whether alignment checking (SDM 3A, "Alignment Check Exception (#AC)") objects to {@code
     * lin}; then raise #AC.
     */
    static boolean misaligned(VcpuContext v, long lin, int mask) {
        return (v.tlbKey & 3) == 3
                && (lin & mask) != 0
                && (v.codeBits != 64 || VcpuContext.canonical(lin));
    }

    /** Opcode for FOP: 11 bits. */
    static int fop(Decoded d) {
        return (d.opcode & 7) << 8 | d.modrm;
    }

    /** A waiting instruction on registers. */
    abstract static class Reg extends Op {
        final int fop;

        /** Offset of the instruction from {@code v.engineBase}: what FIP is made of. */
        final int start;

        /** The i of ST(i). */
        final int i;

        Reg(Decoded d) {
            start = d.start;
            fop = fop(d);
            i = d.modrm & 7;
        }

        @Override
        public final int execute(VcpuContext v) {
            if (refuses(v)) {
                return refuse(v);
            }
            run(v);
            return NEXT;
        }

        abstract void run(VcpuContext v);

        /** Enters exceptions and C1. */
        final void done(VcpuContext v, FpuMath m) {
            status(v, start, fop, m.flags, m.cc, C1);
        }

        final void stackFault(VcpuContext v, int cc) {
            status(v, start, fop, STACK_FAULT, cc, C1);
        }
    }

    /**
     * An instruction on a larger area of memory, which is known to be accessible before any of it
     * is touched.
     */
    abstract static class Area extends MemOp {
        Area(Decoded d) {
            super(d);
        }

        /**
         * Probes the area.
         *
         * @param alignment what alignment checking demands, less one
         * @param first bytes at the start that are probed first; then comes the last byte, then the
         *     rest (CR2 tells the order of processors)
         * @return 0, or FAULT
         */
        final int probe(VcpuContext v, int size, int access, int alignment, int first) {
            long lin = linear(v, 0, first == 0 ? size : first, access);
            if (linearFailed(lin)) {
                return FAULT;
            }
            if (misaligned(v, lin, alignment)) {
                return Faults.raise(v, Faults.AC, 0);
            }
            if (first != 0
                    && (dev.faultline.cpu.x86.memory.Misses.probe(
                                            v, seg, lin, first, lin, size, access)
                                    < 0
                            || linearFailed(linear(v, 0, size, access)))) {
                return FAULT;
            }
            long last = linear(v, size - 1, 1, access);
            if (linearFailed(last)
                    || dev.faultline.cpu.x86.memory.Misses.probe(v, seg, last, 1, lin, size, access)
                            < 0) {
                return FAULT;
            }
            return dev.faultline.cpu.x86.memory.Misses.probe(v, seg, lin, size, access) < 0
                    ? FAULT
                    : 0;
        }
    }

    /** A waiting instruction with a memory operand. */
    abstract static class Mem extends MemOp {
        final int fop;
        final int type;

        /** Offset of the instruction from {@code v.engineBase}: what FIP is made of. */
        private final int start;

        Mem(Decoded d, int type) {
            super(d);
            start = d.start;
            fop = fop(d);
            this.type = type;
        }

        /**
         * Ten-byte operands have to be aligned to eight bytes under alignment checking. Returns 0,
         * or FAULT.
         */
        final int align(VcpuContext v, int access) {
            if (type >= F80 && (v.tlbKey & 3) == 3) {
                long lin = linear(v, 0, 10, access);
                if (linearFailed(lin)) {
                    return FAULT;
                }
                if (misaligned(v, lin, 7)) {
                    return Faults.raise(v, Faults.AC, 0);
                }
            }
            return 0;
        }

        final void done(VcpuContext v, int flags, int cc) {
            statusMem(v, start, fop, flags, cc, seg, ea(v));
        }

        final void stackFault(VcpuContext v, int cc) {
            done(v, STACK_FAULT, cc);
        }
    }
}
