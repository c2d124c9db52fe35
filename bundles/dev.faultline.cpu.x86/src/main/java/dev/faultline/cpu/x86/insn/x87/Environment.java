// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.x87;

import static dev.faultline.api.memory.HostBytes.get16;
import static dev.faultline.api.memory.HostBytes.get32;
import static dev.faultline.api.memory.HostBytes.get64;
import static dev.faultline.api.memory.HostBytes.put16;
import static dev.faultline.api.memory.HostBytes.put32;
import static dev.faultline.api.memory.HostBytes.put64;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.memory.HostBytes;
import dev.faultline.cpu.x86.memory.Mem;
import dev.faultline.cpu.x86.op.Decoded;
import dev.faultline.cpu.x86.op.Op;
import dev.faultline.cpu.x86.state.Faults;

/**
 * FNSTENV, FLDENV, FNSAVE and FRSTOR: an environment of 14 or 28 bytes, perhaps followed by the
 * eight registers. SDM 1, figures "Protected Mode x87 FPU State Image in Memory, 32-Bit Format" and
 * the three after it.
 */
final class Environment {
    private static final int REGISTERS = 80;

    private Environment() {}

    static Op store(Decoded d, boolean registers) {
        return new StoreOp(d, registers);
    }

    static Op load(Decoded d, boolean registers) {
        return new LoadOp(d, registers);
    }

    /** The full tag word: two bits for each physical register. */
    static int fullTags(VcpuContext v) {
        int tags = 0;
        for (int r = 0; r < 8; r++) {
            tags |= tag(v, r) << 2 * r;
        }
        return tags;
    }

    private static int tag(VcpuContext v, int r) {
        if (X87.empty(v, r)) {
            return 3;
        }
        int exp = v.fpExp[r] & 0x7FFF;
        if (exp == 0 && v.fpSig[r] == 0) {
            return 1;
        }
        return exp == 0 || exp == 0x7FFF || v.fpSig[r] >= 0 ? 2 : 0;
    }

    /**
     * Real-address and virtual-8086 mode store 20-bit (32-bit) linear addresses without selectors.
     */
    private static boolean realFormat(VcpuContext v) {
        return !v.protectedMode() || v.v86();
    }

    private static final class StoreOp extends X87.Area {
        private final boolean wide;
        private final boolean registers;

        StoreOp(Decoded d, boolean registers) {
            super(d);
            wide = d.operandSize != 2;
            this.registers = registers;
        }

        @Override
        public int execute(VcpuContext v) {
            if (X87.disabled(v)) {
                return Faults.nm(v);
            }
            int size = wide ? 28 : 14;
            int all = size + (registers ? REGISTERS : 0);
            if (probe(v, all, Mem.W, wide ? 3 : 1, wide ? 4 : 2) < 0) {
                return FAULT;
            }
            long h = writeAt(v, 0, size);
            if (h < 0) {
                return FAULT;
            }
            if (wide) {
                put32Image(v, h);
            } else {
                put16Image(v, h);
            }
            int result = Mem.commit(v, h);
            for (int i = 0; registers && i < 8; i++) {
                int r = X87.st(v, i);
                h = writeAt(v, size + 10 * i, 10);
                if (h < 0) {
                    return FAULT;
                }
                put64(h, v.fpSig[r]);
                put16(h + 8, (short) v.fpExp[r]);
                result |= Mem.commit(v, h);
            }
            if (registers) {
                X87.initialize(v);
            } else {
                v.fcw |= 0x3F;
                X87.summarize(v);
            }
            return result;
        }

        private static void put32Image(VcpuContext v, long h) {
            put32(h, 0xFFFF_0000 | v.fcw);
            put32(h + 4, 0xFFFF_0000 | v.fsw);
            put32(h + 8, 0xFFFF_0000 | fullTags(v));
            if (realFormat(v)) {
                int ip = (int) (v.fip + (v.fcs << 4));
                int dp = (int) (v.fdp + (v.fds << 4));
                put32(h + 12, 0xFFFF_0000 | ip & 0xFFFF);
                put32(h + 16, (ip >>> 16) << 12 | v.fop & 0x7FF);
                put32(h + 20, 0xFFFF_0000 | dp & 0xFFFF);
                put32(h + 24, (dp >>> 16) << 12);
            } else {
                put32(h + 12, (int) v.fip);
                put32(h + 16, v.fcs & 0xFFFF | (v.fop & 0x7FF) << 16);
                put32(h + 20, (int) v.fdp);
                put32(h + 24, 0xFFFF_0000 | v.fds & 0xFFFF);
            }
        }

        private static void put16Image(VcpuContext v, long h) {
            put16(h, (short) v.fcw);
            put16(h + 2, (short) v.fsw);
            put16(h + 4, (short) fullTags(v));
            if (realFormat(v)) {
                int ip = (int) (v.fip + (v.fcs << 4));
                int dp = (int) (v.fdp + (v.fds << 4));
                put16(h + 6, (short) ip);
                put16(h + 8, (short) (ip >>> 4 & 0xF000 | v.fop & 0x7FF));
                put16(h + 10, (short) dp);
                put16(h + 12, (short) (dp >>> 4 & 0xF000));
            } else {
                put16(h + 6, (short) v.fip);
                put16(h + 8, (short) v.fcs);
                put16(h + 10, (short) v.fdp);
                put16(h + 12, (short) v.fds);
            }
        }
    }

    private static final class LoadOp extends X87.Area {
        private final boolean wide;
        private final boolean registers;

        LoadOp(Decoded d, boolean registers) {
            super(d);
            wide = d.operandSize != 2;
            this.registers = registers;
        }

        @Override
        public int execute(VcpuContext v) {
            if (X87.refuses(v)) {
                return X87.refuse(v);
            }
            int size = wide ? 28 : 14;
            int all = size + (registers ? REGISTERS : 0);
            if (probe(v, all, Mem.R, wide ? 3 : 1, wide ? 4 : 2) < 0) {
                return FAULT;
            }
            long h = readAt(v, 0, size);
            if (h < 0) {
                return FAULT;
            }
            // Kept, because the registers' reads may use the same scratch and a device is read
            // once.
            HostBytes.copy(h, v.scratchRead + 64, size);
            h = v.scratchRead + 64;
            int step = wide ? 4 : 2;
            // Registers first: if protection stops one after all, the restart must not see the new
            // exceptions.
            int top = get16(h + step) >> 11 & 7;
            for (int i = 0; registers && i < 8; i++) {
                long at = readAt(v, size + 10 * i, 10);
                if (at < 0) {
                    return FAULT;
                }
                v.fpSig[top + i & 7] = get64(at);
                v.fpExp[top + i & 7] = get16(at + 8) & 0xFFFF;
            }
            X87.setControl(v, get16(h));
            v.fsw = get16(h + step) & 0xFFFF;
            X87.summarize(v);
            int tags = get16(h + 2L * step);
            v.fpTag = 0;
            for (int r = 0; r < 8; r++) {
                if ((tags >> 2 * r & 3) != 3) {
                    v.fpTag |= 1 << r;
                }
            }
            if (wide) {
                get32Image(v, h);
            } else {
                get16Image(v, h);
            }
            return NEXT;
        }

        private static void get32Image(VcpuContext v, long h) {
            int second = get32(h + 16);
            if (realFormat(v)) {
                v.fip = (get16(h + 12) & 0xFFFFL | (long) (second >>> 12) << 16) & 0xFFFF_FFFFL;
                v.fcs = 0;
                v.fop = second & 0x7FF;
                v.fdp =
                        (get16(h + 20) & 0xFFFFL | (long) (get32(h + 24) >>> 12) << 16)
                                & 0xFFFF_FFFFL;
                v.fds = 0;
            } else {
                v.fip = get32(h + 12) & 0xFFFF_FFFFL;
                v.fcs = second & 0xFFFF;
                v.fop = second >>> 16 & 0x7FF;
                v.fdp = get32(h + 20) & 0xFFFF_FFFFL;
                v.fds = get32(h + 24) & 0xFFFF;
            }
        }

        private static void get16Image(VcpuContext v, long h) {
            int ip = get16(h + 6) & 0xFFFF;
            int second = get16(h + 8) & 0xFFFF;
            int dp = get16(h + 10) & 0xFFFF;
            int fourth = get16(h + 12) & 0xFFFF;
            if (realFormat(v)) {
                v.fip = ip | (second & 0xF000) << 4;
                v.fcs = 0;
                v.fop = second & 0x7FF;
                v.fdp = dp | (fourth & 0xF000) << 4;
                v.fds = 0;
            } else {
                v.fip = ip;
                v.fcs = second;
                v.fop = 0;
                v.fdp = dp;
                v.fds = fourth;
            }
        }
    }
}
