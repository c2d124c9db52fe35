// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.sse;

import static dev.faultline.api.memory.HostBytes.get64;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.kernel.simd.Mxcsr;
import dev.faultline.cpu.x86.memory.Mem;
import dev.faultline.cpu.x86.op.Decoded;
import dev.faultline.cpu.x86.op.MemOp;
import dev.faultline.cpu.x86.state.Faults;

/**
 * An instruction with an XMM operand, register and memory forms in one: {@link #src} is negative
 * for memory. What all of them share is here: whether SSE may be used at all, 16-byte alignment,
 * and the end of a floating-point instruction.
 */
public abstract class XmmOp extends MemOp {
    private static final int BLOCKING = VcpuContext.CR0_EM | VcpuContext.CR0_TS;

    /** Index in {@code v.xmm} of the low half of the register in ModR/M.reg. */
    protected final int dst;

    /** Index of the low half of the register in ModR/M.rm, or -1: the operand is in memory. */
    protected final int src;

    protected XmmOp(Decoded d) {
        super(d);
        dst = d.reg * 2;
        src = d.mem ? -1 : d.rm * 2;
    }

    /** What the instruction does once SSE may be used. */
    abstract int run(VcpuContext v);

    @Override
    public final int execute(VcpuContext v) {
        return unavailable(v) ? refuse(v) : run(v);
    }

    /**
     * Whether CR0 and CR4 forbid SSE now; then {@code return refuse(v)}. SDM 3A, "Providing
     * Operating System Support for SSE".
     */
    public static boolean unavailable(VcpuContext v) {
        return (v.cr0 & BLOCKING | ~v.cr4 & VcpuContext.CR4_OSFXSR) != 0;
    }

    /** #UD or #NM. */
    public static int refuse(VcpuContext v) {
        boolean ud = (v.cr0 & VcpuContext.CR0_EM) != 0 || (v.cr4 & VcpuContext.CR4_OSFXSR) == 0;
        return ud ? Faults.ud(v) : Faults.nm(v);
    }

    /**
     * The source operand of {@code size} bytes in memory, 16 meaning aligned.
     *
     * @return hva, or negative: return FAULT
     */
    protected final long readSource(VcpuContext v, int size) {
        return size == 16 ? readAligned(v) : read(v, size);
    }

    /** Low bytes of a source that was read with {@link #readSource}. */
    protected static long low(long hva, int size) {
        return size >= 8 ? get64(hva) : Mem.load(hva, size);
    }

    /**
     * Ends an instruction that raised floating-point exceptions: sticky flags, or the destination
     * as it was and #XM (#UD where the system has not announced a handler).
     */
    protected static int raised(VcpuContext v, int m, int raised, int d, long alo, long ahi) {
        if (Mxcsr.unmasked(m, raised) == 0) {
            v.mxcsr = m | raised;
            return NEXT;
        }
        v.xmm[d] = alo;
        v.xmm[d + 1] = ahi;
        return simdException(v, m, Mxcsr.reported(m, raised));
    }

    /** Reports {@code flags} and raises #XM or #UD. */
    protected static int simdException(VcpuContext v, int m, int flags) {
        v.mxcsr = m | flags;
        return (v.cr4 & VcpuContext.CR4_OSXMMEXCPT) != 0 ? Faults.xm(v) : Faults.ud(v);
    }
}
