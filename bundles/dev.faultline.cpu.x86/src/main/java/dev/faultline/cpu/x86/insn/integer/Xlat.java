// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.integer;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.memory.HostBytes;
import dev.faultline.cpu.x86.memory.Mem;
import dev.faultline.cpu.x86.memory.Segmentation;
import dev.faultline.cpu.x86.op.Decoded;
import dev.faultline.cpu.x86.op.Op;

/** XLAT. SDM 2D, "XLAT/XLATB-Table Look-up Translation". */
final class Xlat extends Op {
    private final int seg;
    private final long mask;

    private Xlat(Decoded d) {
        seg = d.seg;
        mask = -1L >>> 64 - d.addressSize * 8;
    }

    static Op make(Decoded d) {
        return new Xlat(d);
    }

    @Override
    public int execute(VcpuContext v) {
        long[] r = v.gpr;
        long lin = Segmentation.linear(v, seg, r[3] + (r[0] & 0xFF) & mask, 1, Mem.R);
        long h = Segmentation.failed(v, lin) ? lin : Mem.read(v, seg, lin, 1);
        if (h < 0) {
            return FAULT;
        }
        r[0] = r[0] & ~0xFFL | HostBytes.get8(h) & 0xFFL;
        return NEXT;
    }
}
