// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.integer;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.op.Decoded;
import dev.faultline.cpu.x86.op.Op;
import dev.faultline.cpu.x86.op.RmOp;
import dev.faultline.cpu.x86.state.Faults;

/**
 * DIV and IDIV; the status flags, undefined, stay. SDM 2A, "DIV-Unsigned Divide", "IDIV-Signed
 * Divide".
 */
final class Div {
    private Div() {}

    static Op div(Decoded d) {
        int size = d.row.operands.equals("Eb") ? 1 : d.operandSize;
        return size == 8 ? new Div64(d) : new DivSmall(d, size);
    }

    static Op idiv(Decoded d) {
        int size = d.row.operands.equals("Eb") ? 1 : d.operandSize;
        return size == 8 ? new Idiv64(d) : new IdivSmall(d, size);
    }

    /** AX, DX:AX or EDX:EAX. */
    private static long dividend(long[] r, int size) {
        return switch (size) {
            case 1 -> r[0] & 0xFFFF;
            case 2 -> r[2] << 16 & 0xFFFF_0000L | r[0] & 0xFFFF;
            default -> r[2] << 32 | r[0] & 0xFFFF_FFFFL;
        };
    }

    private static void put(long[] r, int size, long quotient, long remainder) {
        switch (size) {
            case 1 -> r[0] = r[0] & ~0xFFFFL | quotient & 0xFF | (remainder & 0xFF) << 8;
            case 2 -> {
                r[0] = r[0] & ~0xFFFFL | quotient & 0xFFFF;
                r[2] = r[2] & ~0xFFFFL | remainder & 0xFFFF;
            }
            default -> {
                r[0] = quotient & 0xFFFF_FFFFL;
                r[2] = remainder & 0xFFFF_FFFFL;
            }
        }
    }

    /** 8, 16 and 32 bits. */
    private static final class DivSmall extends RmOp {
        DivSmall(Decoded d, int size) {
            super(d, size);
        }

        @Override
        public int execute(VcpuContext v) {
            long h = probe(v);
            if (h < 0) {
                return FAULT;
            }
            long[] r = v.gpr;
            long b = get(v, h);
            long a = dividend(r, size);
            if (b == 0 || a >>> size * 8 >= b) {
                return Faults.de(v);
            }
            long q = a >= 0 ? a / b : Long.divideUnsigned(a, b);
            Div.put(r, size, q, a - q * b);
            return NEXT;
        }
    }

    /** 8, 16 and 32 bits. */
    private static final class IdivSmall extends RmOp {
        IdivSmall(Decoded d, int size) {
            super(d, size);
        }

        @Override
        public int execute(VcpuContext v) {
            long h = probe(v);
            if (h < 0) {
                return FAULT;
            }
            long[] r = v.gpr;
            long b = signed(get(v, h));
            int s = 64 - size * 16;
            long a = dividend(r, size) << s >> s;
            if (b == 0) {
                return Faults.de(v);
            }
            long q = a / b;
            if (signed(q) != q || a == Long.MIN_VALUE && b == -1) {
                return Faults.de(v);
            }
            Div.put(r, size, q, a - q * b);
            return NEXT;
        }
    }

    private static final class Div64 extends RmOp {
        Div64(Decoded d) {
            super(d, 8);
        }

        @Override
        public int execute(VcpuContext v) {
            long h = probe(v);
            if (h < 0) {
                return FAULT;
            }
            long[] r = v.gpr;
            long b = get(v, h);
            long high = r[2];
            long low = r[0];
            if (Long.compareUnsigned(high, b) >= 0) {
                return Faults.de(v);
            }
            long q = high == 0 ? Long.divideUnsigned(low, b) : divide128(high, low, b);
            r[0] = q;
            r[2] = low - q * b;
            return NEXT;
        }
    }

    private static final class Idiv64 extends RmOp {
        Idiv64(Decoded d) {
            super(d, 8);
        }

        @Override
        public int execute(VcpuContext v) {
            long h = probe(v);
            if (h < 0) {
                return FAULT;
            }
            long[] r = v.gpr;
            long b = get(v, h);
            long high = r[2];
            long low = r[0];
            long q;
            if (high == low >> 63 && b != 0 && b != -1) {
                q = low / b;
            } else {
                long negA = high >> 63;
                // Magnitudes: two's complement of 128 bits, and of the divisor.
                long aLow = (low ^ negA) - negA;
                long aHigh = (high ^ negA) + (negA != 0 && aLow == 0 ? 1 : 0);
                long bAbs = Math.abs(b);
                if (Long.compareUnsigned(aHigh, bAbs) >= 0) {
                    return Faults.de(v);
                }
                q = divide128(aHigh, aLow, bAbs);
                boolean negative = negA != 0 != b < 0;
                if (negative ? Long.compareUnsigned(q, Long.MIN_VALUE) > 0 : q < 0) {
                    return Faults.de(v);
                }
                q = negative ? -q : q;
            }
            r[0] = q;
            r[2] = low - q * b;
            return NEXT;
        }
    }

    /** Quotient of high:low by b, unsigned; high below b. Long division by half words. */
    static long divide128(long high, long low, long b) {
        int s = Long.numberOfLeadingZeros(b);
        long d = b << s;
        long dHigh = d >>> 32;
        long dLow = d & 0xFFFF_FFFFL;
        long n = s == 0 ? high : high << s | low >>> 64 - s;
        long nLow = low << s;
        long q1 = digit(n, nLow >>> 32, dHigh, dLow);
        long rest = (n << 32 | nLow >>> 32) - q1 * d;
        long q0 = digit(rest, nLow & 0xFFFF_FFFFL, dHigh, dLow);
        return (q1 << 32) + q0;
    }

    /** One quotient digit of 32 bits: (n:next) by d, where n is below d and d is normalised. */
    private static long digit(long n, long next, long dHigh, long dLow) {
        long q = Long.divideUnsigned(n, dHigh);
        long rest = n - q * dHigh;
        while (q >>> 32 != 0 || Long.compareUnsigned(q * dLow, rest << 32 | next) > 0) {
            q--;
            rest += dHigh;
            if (rest >>> 32 != 0) {
                break;
            }
        }
        return q;
    }
}
