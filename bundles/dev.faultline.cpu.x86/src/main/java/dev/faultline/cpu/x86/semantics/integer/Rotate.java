// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.semantics.integer;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.Decoded;
import dev.faultline.cpu.x86.Flags;
import dev.faultline.cpu.x86.Op;
import dev.faultline.cpu.x86.RmOp;

/** ROL ROR RCL RCR: only CF and OF change. SDM 2B, "RCL/RCR/ROL/ROR-Rotate". */
final class Rotate {
    private Rotate() {}

    static Op make(Decoded d) {
        String form = d.row.operands;
        int size = form.startsWith("Eb") ? 1 : d.operandSize;
        boolean byCl = form.endsWith("CL");
        int n = byCl ? -1 : form.endsWith("1") ? 1 : (int) d.imm & (size == 8 ? 63 : 31);
        boolean hot = !d.mem && size >= 4 && n > 0;
        return switch (d.mnemonic) {
            case "ROL" ->
                    !hot
                            ? new Rol(d, size, n)
                            : size == 8 ? new Rol64(d.rm, n) : new Rol32(d.rm, n);
            case "ROR" ->
                    !hot
                            ? new Ror(d, size, n)
                            : size == 8 ? new Ror64(d.rm, n) : new Ror32(d.rm, n);
            case "RCL" -> new Rcl(d, size, n);
            default -> new Rcr(d, size, n);
        };
    }

    private static final class Rol32 extends Op {
        private final int rm;
        private final int n;

        Rol32(int rm, int n) {
            this.rm = rm;
            this.n = n;
        }

        @Override
        public int execute(VcpuContext v) {
            int r = Integer.rotateLeft((int) v.gpr[rm], n);
            v.gpr[rm] = r & 0xFFFF_FFFFL;
            Flags.setCarryOverflow(v, (r & 1) != 0, (r & 1) != r >>> 31);
            return NEXT;
        }
    }

    private static final class Rol64 extends Op {
        private final int rm;
        private final int n;

        Rol64(int rm, int n) {
            this.rm = rm;
            this.n = n;
        }

        @Override
        public int execute(VcpuContext v) {
            long r = Long.rotateLeft(v.gpr[rm], n);
            v.gpr[rm] = r;
            Flags.setCarryOverflow(v, (r & 1) != 0, (r & 1) != r >>> 63);
            return NEXT;
        }
    }

    private static final class Ror32 extends Op {
        private final int rm;
        private final int n;

        Ror32(int rm, int n) {
            this.rm = rm;
            this.n = n;
        }

        @Override
        public int execute(VcpuContext v) {
            int r = Integer.rotateRight((int) v.gpr[rm], n);
            v.gpr[rm] = r & 0xFFFF_FFFFL;
            Flags.setCarryOverflow(v, r < 0, (r ^ r << 1) < 0);
            return NEXT;
        }
    }

    private static final class Ror64 extends Op {
        private final int rm;
        private final int n;

        Ror64(int rm, int n) {
            this.rm = rm;
            this.n = n;
        }

        @Override
        public int execute(VcpuContext v) {
            long r = Long.rotateRight(v.gpr[rm], n);
            v.gpr[rm] = r;
            Flags.setCarryOverflow(v, r < 0, (r ^ r << 1) < 0);
            return NEXT;
        }
    }

    /** Any size and count. */
    private abstract static class Any extends RmOp {
        private final int count;
        final int bits;

        Any(Decoded d, int size, int count) {
            super(d, size);
            this.count = count;
            bits = size * 8;
        }

        /** The masked count. */
        final int count(VcpuContext v) {
            return count >= 0 ? count : (int) v.gpr[1] & (size == 8 ? 63 : 31);
        }
    }

    private static final class Rol extends Any {
        Rol(Decoded d, int size, int count) {
            super(d, size, count);
        }

        @Override
        public int execute(VcpuContext v) {
            long h = probeRW(v);
            if (h < 0) {
                return FAULT;
            }
            long x = get(v, h);
            int n = count(v);
            if (n == 0) {
                return put(v, h, x);
            }
            int k = n & bits - 1;
            long r = (k == 0 ? x : x << k | x >>> bits - k) & mask;
            Flags.setCarryOverflow(v, (r & 1) != 0, (r & 1) != r >>> bits - 1);
            return put(v, h, r);
        }
    }

    private static final class Ror extends Any {
        Ror(Decoded d, int size, int count) {
            super(d, size, count);
        }

        @Override
        public int execute(VcpuContext v) {
            long h = probeRW(v);
            if (h < 0) {
                return FAULT;
            }
            long x = get(v, h);
            int n = count(v);
            if (n == 0) {
                return put(v, h, x);
            }
            int k = n & bits - 1;
            long r = (k == 0 ? x : x >>> k | x << bits - k) & mask;
            Flags.setCarryOverflow(v, signed(r) < 0, signed(r ^ r << 1) < 0);
            return put(v, h, r);
        }
    }

    private static final class Rcl extends Any {
        Rcl(Decoded d, int size, int count) {
            super(d, size, count);
        }

        @Override
        public int execute(VcpuContext v) {
            long h = probeRW(v);
            if (h < 0) {
                return FAULT;
            }
            long x = get(v, h);
            int n = count(v) % (bits + 1);
            if (n == 0) {
                return put(v, h, x);
            }
            long carry = v.flagAux >>> 63;
            long r = x << n - 1 << 1 | carry << n - 1;
            if (n > 1) {
                r |= x >>> bits + 1 - n;
            }
            boolean cf = (x >>> bits - n & 1) != 0;
            Flags.setCarryOverflow(v, cf, signed(r) < 0 != cf);
            return put(v, h, r);
        }
    }

    private static final class Rcr extends Any {
        Rcr(Decoded d, int size, int count) {
            super(d, size, count);
        }

        @Override
        public int execute(VcpuContext v) {
            long h = probeRW(v);
            if (h < 0) {
                return FAULT;
            }
            long x = get(v, h);
            int n = count(v) % (bits + 1);
            if (n == 0) {
                return put(v, h, x);
            }
            long carry = v.flagAux >>> 63;
            long r = x >>> n - 1 >>> 1 | carry << bits - n;
            if (n > 1) {
                r |= x << bits + 1 - n;
            }
            boolean cf = (x >>> n - 1 & 1) != 0;
            Flags.setCarryOverflow(v, cf, signed(r ^ r << 1) < 0);
            return put(v, h, r);
        }
    }
}
