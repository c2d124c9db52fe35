// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.bits;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.kernel.integer.Bits;
import dev.faultline.cpu.x86.memory.Mem;
import dev.faultline.cpu.x86.op.Decoded;
import dev.faultline.cpu.x86.op.MemOp;

/** CRC32 r32 or r64, r/m of 1, 2, 4 or 8 bytes. */
final class Crc32 extends MemOp {
    private final int dst;
    private final int src;
    private final int shift;
    private final int size;

    Crc32(Decoded d, boolean bytes) {
        super(d);
        dst = d.reg;
        size = bytes ? 1 : d.operandSize;
        src = d.mem ? -1 : bytes ? d.byteRegister(d.rm) : d.rm;
        shift = bytes ? d.byteShift(d.rm) : 0;
    }

    @Override
    public int execute(VcpuContext v) {
        long x;
        if (src >= 0) {
            x = v.gpr[src] >>> shift;
        } else {
            long h = read(v, size);
            if (h < 0) {
                return FAULT;
            }
            x = Mem.load(h, size);
        }
        v.gpr[dst] = Bits.crc32c((int) v.gpr[dst], x, 8 * size) & 0xFFFF_FFFFL;
        return NEXT;
    }
}
