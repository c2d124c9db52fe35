// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.mmx;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.op.Decoded;
import dev.faultline.cpu.x86.op.MemOp;

/**
 * An instruction with MMX operands; {@link #src} is negative when the source is in memory. REX does
 * not extend MMX numbers.
 */
abstract class MmxOp extends MemOp {
    final int dst;
    final int src;

    MmxOp(Decoded d) {
        super(d);
        dst = d.reg & 7;
        src = d.mem ? -1 : d.rm & 7;
    }

    /** What the instruction does once MMX may be used. */
    abstract int run(VcpuContext v);

    @Override
    public final int execute(VcpuContext v) {
        return Mmx.unavailable(v) ? Mmx.refuse(v) : run(v);
    }
}
