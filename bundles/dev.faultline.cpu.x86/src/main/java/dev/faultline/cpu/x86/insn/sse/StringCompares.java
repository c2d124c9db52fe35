// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.sse;

import static dev.faultline.api.cpu.Gpr.RAX;
import static dev.faultline.api.cpu.Gpr.RCX;
import static dev.faultline.api.cpu.Gpr.RDX;
import static dev.faultline.api.memory.HostBytes.get64;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.kernel.simd.StringCompare;
import dev.faultline.cpu.x86.op.Decoded;

/** PCMPESTRI, PCMPESTRM, PCMPISTRI, PCMPISTRM: xmm, xmm/m128 (which need not be aligned), imm8. */
final class StringCompares extends XmmOp {

    private final boolean explicit;
    private final boolean index;
    private final boolean wide;
    private final int imm;

    StringCompares(Decoded d, boolean explicit, boolean index) {
        super(d);
        this.explicit = explicit;
        this.index = index;
        wide = d.rexW;
        imm = (int) d.imm & 0xFF;
    }

    @Override
    int run(VcpuContext v) {
        long lo;
        long hi;
        if (src >= 0) {
            lo = v.xmm[src];
            hi = v.xmm[src + 1];
        } else {
            long h = read(v, 16);
            if (h < 0) {
                return FAULT;
            }
            lo = get64(h);
            hi = get64(h + 8);
        }
        long alo = v.xmm[dst];
        long ahi = v.xmm[dst + 1];
        int alen;
        int blen;
        if (explicit) {
            alen = StringCompare.explicitLength(imm, length(v, RAX));
            blen = StringCompare.explicitLength(imm, length(v, RDX));
        } else {
            alen = StringCompare.implicitLength(imm, alo, ahi);
            blen = StringCompare.implicitLength(imm, lo, hi);
        }
        int r = StringCompare.compare(imm, alo, ahi, alen, lo, hi, blen);
        if (index) {
            v.gpr[RCX] = StringCompare.index(imm, r);
        } else {
            StringCompare.mask(imm, r, v.xmm);
        }
        v.setStatusFlags(StringCompare.flags(imm, r, alen, blen));
        return NEXT;
    }

    private long length(VcpuContext v, int gpr) {
        return wide ? v.gpr[gpr] : (int) v.gpr[gpr];
    }
}
