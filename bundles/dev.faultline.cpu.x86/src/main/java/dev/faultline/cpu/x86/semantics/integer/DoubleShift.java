// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.semantics.integer;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.Decoded;
import dev.faultline.cpu.x86.Flags;
import dev.faultline.cpu.x86.Op;
import dev.faultline.cpu.x86.RmOp;

/**
 * SHLD and SHRD. SDM 2B, "SHLD-Double Precision Shift Left", "SHRD-Double Precision Shift Right". A
 * 16-bit operand shifted by more than 16 (undefined) goes on into itself, as on Intel's processors.
 */
final class DoubleShift {
    private DoubleShift() {}

    static Op make(Decoded d) {
        int n = d.row.operands.endsWith("CL") ? -1 : (int) d.imm & (d.operandSize == 8 ? 63 : 31);
        return d.mnemonic.equals("SHLD") ? new Shld(d, n) : new Shrd(d, n);
    }

    private static final class Shld extends RmOp {
        private final int count;

        Shld(Decoded d, int count) {
            super(d, d.operandSize);
            this.count = count;
        }

        @Override
        public int execute(VcpuContext v) {
            long h = probeRW(v);
            if (h < 0) {
                return FAULT;
            }
            int n = count >= 0 ? count : (int) v.gpr[1] & (size == 8 ? 63 : 31);
            long x = get(v, h);
            if (n == 0) {
                return put(v, h, x);
            }
            long g = getG(v);
            long r;
            boolean cf;
            if (size == 2) {
                long wide = x << 32 | g << 16 | x;
                r = wide << n >>> 32 & 0xFFFF;
                cf = (wide << n >>> 48 & 1) != 0;
            } else {
                int bits = size * 8;
                r = (x << n | g >>> bits - n) & mask;
                cf = (x >>> bits - n & 1) != 0;
            }
            Flags.result(v, signed(r), cf, signed(x ^ r) < 0);
            return put(v, h, r);
        }
    }

    private static final class Shrd extends RmOp {
        private final int count;

        Shrd(Decoded d, int count) {
            super(d, d.operandSize);
            this.count = count;
        }

        @Override
        public int execute(VcpuContext v) {
            long h = probeRW(v);
            if (h < 0) {
                return FAULT;
            }
            int n = count >= 0 ? count : (int) v.gpr[1] & (size == 8 ? 63 : 31);
            long x = get(v, h);
            if (n == 0) {
                return put(v, h, x);
            }
            long g = getG(v);
            long r;
            boolean cf;
            if (size == 2) {
                long wide = x << 32 | g << 16 | x;
                r = wide >>> n & 0xFFFF;
                cf = (wide >>> n - 1 & 1) != 0;
            } else {
                r = (x >>> n | g << size * 8 - n) & mask;
                cf = (x >>> n - 1 & 1) != 0;
            }
            Flags.result(v, signed(r), cf, signed(x ^ r) < 0);
            return put(v, h, r);
        }
    }
}
