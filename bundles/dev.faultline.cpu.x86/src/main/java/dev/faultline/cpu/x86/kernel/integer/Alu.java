// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.kernel.integer;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.state.Flags;

/**
 * The meaning of integer arithmetic, with the status flags that it sets: a method for each operand
 * size, chosen by the instruction table ({@code Alu.add} there is add8, add16, add32 and add64
 * here). Operands of less than 64 bits may have anything above their size; results are
 * zero-extended. Flags are kept in the two lazy words that {@link VcpuContext#flagRes} describes.
 */
public final class Alu {
    /** CF and OF-delta bits of flagAux. */
    private static final long TOP = 0xC000_0000_0000_0000L;

    /** Left shift that brings the highest bit of an operand to bit 63. */
    private static final int BYTE = 56;

    private static final int WORD = 48;

    private Alu() {}

    public static long add64(VcpuContext v, long a, long b) {
        long r = a + b;
        long carry = a & b | (a | b) & ~r;
        v.flagRes = r;
        v.flagAux = carry & (TOP | 8);
        return r;
    }

    public static long adc64(VcpuContext v, long a, long b) {
        long r = a + b + (v.flagAux >>> 63);
        long carry = a & b | (a | b) & ~r;
        v.flagRes = r;
        v.flagAux = carry & (TOP | 8);
        return r;
    }

    public static long sub64(VcpuContext v, long a, long b) {
        long r = a - b;
        long borrow = ~a & b | (~a | b) & r;
        v.flagRes = r;
        v.flagAux = borrow & (TOP | 8);
        return r;
    }

    public static long sbb64(VcpuContext v, long a, long b) {
        long r = a - b - (v.flagAux >>> 63);
        long borrow = ~a & b | (~a | b) & r;
        v.flagRes = r;
        v.flagAux = borrow & (TOP | 8);
        return r;
    }

    public static long and64(VcpuContext v, long a, long b) {
        long r = a & b;
        v.flagRes = r;
        v.flagAux = 0;
        return r;
    }

    public static long or64(VcpuContext v, long a, long b) {
        long r = a | b;
        v.flagRes = r;
        v.flagAux = 0;
        return r;
    }

    public static long xor64(VcpuContext v, long a, long b) {
        long r = a ^ b;
        v.flagRes = r;
        v.flagAux = 0;
        return r;
    }

    public static long and32(VcpuContext v, int a, int b) {
        int r = a & b;
        v.flagRes = r;
        v.flagAux = 0;
        return r & 0xFFFF_FFFFL;
    }

    public static long or32(VcpuContext v, int a, int b) {
        int r = a | b;
        v.flagRes = r;
        v.flagAux = 0;
        return r & 0xFFFF_FFFFL;
    }

    public static long xor32(VcpuContext v, int a, int b) {
        int r = a ^ b;
        v.flagRes = r;
        v.flagAux = 0;
        return r & 0xFFFF_FFFFL;
    }

    /**
     * AND, OR, XOR, TEST of 8 or 16 bits ({@code shift} 56 or 48).
     *
     * @return the result zero-extended
     */
    public static long logicSmall(VcpuContext v, long r, int shift) {
        v.flagRes = r << shift >> shift;
        v.flagAux = 0;
        return r << shift >>> shift;
    }

    public static long add32(VcpuContext v, int a, int b) {
        int r = a + b;
        int carry = a & b | (a | b) & ~r;
        v.flagRes = r;
        v.flagAux = (long) carry << 32 & TOP | carry & 8;
        return r & 0xFFFF_FFFFL;
    }

    public static long adc32(VcpuContext v, int a, int b) {
        int r = a + b + (int) (v.flagAux >>> 63);
        int carry = a & b | (a | b) & ~r;
        v.flagRes = r;
        v.flagAux = (long) carry << 32 & TOP | carry & 8;
        return r & 0xFFFF_FFFFL;
    }

    public static long sub32(VcpuContext v, int a, int b) {
        int r = a - b;
        int borrow = ~a & b | (~a | b) & r;
        v.flagRes = r;
        v.flagAux = (long) borrow << 32 & TOP | borrow & 8;
        return r & 0xFFFF_FFFFL;
    }

    public static long sbb32(VcpuContext v, int a, int b) {
        int r = a - b - (int) (v.flagAux >>> 63);
        int borrow = ~a & b | (~a | b) & r;
        v.flagRes = r;
        v.flagAux = (long) borrow << 32 & TOP | borrow & 8;
        return r & 0xFFFF_FFFFL;
    }

    /**
     * 8 or 16 bits: {@code shift} is 56 or 48.
     *
     * @return the result zero-extended
     */
    public static long addSmall(VcpuContext v, long a, long b, long carryIn, int shift) {
        long r = a + b + carryIn;
        long carry = a & b | (a | b) & ~r;
        v.flagRes = r << shift >> shift;
        v.flagAux = carry << shift & TOP | carry & 8;
        return r << shift >>> shift;
    }

    /**
     * 8 or 16 bits: {@code shift} is 56 or 48.
     *
     * @return the result zero-extended
     */
    public static long subSmall(VcpuContext v, long a, long b, long borrowIn, int shift) {
        long r = a - b - borrowIn;
        long borrow = ~a & b | (~a | b) & r;
        v.flagRes = r << shift >> shift;
        v.flagAux = borrow << shift & TOP | borrow & 8;
        return r << shift >>> shift;
    }

    public static long add8(VcpuContext v, int a, int b) {
        return addSmall(v, a, b, 0, BYTE);
    }

    public static long adc8(VcpuContext v, int a, int b) {
        return addSmall(v, a, b, v.flagAux >>> 63, BYTE);
    }

    public static long sub8(VcpuContext v, int a, int b) {
        return subSmall(v, a, b, 0, BYTE);
    }

    public static long sbb8(VcpuContext v, int a, int b) {
        return subSmall(v, a, b, v.flagAux >>> 63, BYTE);
    }

    public static long and8(VcpuContext v, int a, int b) {
        return logicSmall(v, a & b, BYTE);
    }

    public static long or8(VcpuContext v, int a, int b) {
        return logicSmall(v, a | b, BYTE);
    }

    public static long xor8(VcpuContext v, int a, int b) {
        return logicSmall(v, a ^ b, BYTE);
    }

    public static long add16(VcpuContext v, int a, int b) {
        return addSmall(v, a, b, 0, WORD);
    }

    public static long adc16(VcpuContext v, int a, int b) {
        return addSmall(v, a, b, v.flagAux >>> 63, WORD);
    }

    public static long sub16(VcpuContext v, int a, int b) {
        return subSmall(v, a, b, 0, WORD);
    }

    public static long sbb16(VcpuContext v, int a, int b) {
        return subSmall(v, a, b, v.flagAux >>> 63, WORD);
    }

    public static long and16(VcpuContext v, int a, int b) {
        return logicSmall(v, a & b, WORD);
    }

    public static long or16(VcpuContext v, int a, int b) {
        return logicSmall(v, a | b, WORD);
    }

    public static long xor16(VcpuContext v, int a, int b) {
        return logicSmall(v, a ^ b, WORD);
    }

    public static long inc8(VcpuContext v, int a) {
        long aux = v.flagAux;
        long r = add8(v, a, 1);
        Flags.keepCarry(v, aux);
        return r;
    }

    public static long inc16(VcpuContext v, int a) {
        long aux = v.flagAux;
        long r = add16(v, a, 1);
        Flags.keepCarry(v, aux);
        return r;
    }

    public static long inc32(VcpuContext v, int a) {
        long aux = v.flagAux;
        long r = add32(v, a, 1);
        Flags.keepCarry(v, aux);
        return r;
    }

    public static long inc64(VcpuContext v, long a) {
        long aux = v.flagAux;
        long r = add64(v, a, 1);
        Flags.keepCarry(v, aux);
        return r;
    }

    public static long dec8(VcpuContext v, int a) {
        long aux = v.flagAux;
        long r = sub8(v, a, 1);
        Flags.keepCarry(v, aux);
        return r;
    }

    public static long dec16(VcpuContext v, int a) {
        long aux = v.flagAux;
        long r = sub16(v, a, 1);
        Flags.keepCarry(v, aux);
        return r;
    }

    public static long dec32(VcpuContext v, int a) {
        long aux = v.flagAux;
        long r = sub32(v, a, 1);
        Flags.keepCarry(v, aux);
        return r;
    }

    public static long dec64(VcpuContext v, long a) {
        long aux = v.flagAux;
        long r = sub64(v, a, 1);
        Flags.keepCarry(v, aux);
        return r;
    }

    public static long neg8(VcpuContext v, int a) {
        return sub8(v, 0, a);
    }

    public static long neg16(VcpuContext v, int a) {
        return sub16(v, 0, a);
    }

    public static long neg32(VcpuContext v, int a) {
        return sub32(v, 0, a);
    }

    public static long neg64(VcpuContext v, long a) {
        return sub64(v, 0, a);
    }

    /** No flag changes. */
    public static long not8(int a) {
        return ~a & 0xFF;
    }

    /** No flag changes. */
    public static long not16(int a) {
        return ~a & 0xFFFF;
    }

    /** No flag changes. */
    public static long not32(int a) {
        return ~a & 0xFFFF_FFFFL;
    }

    /** No flag changes. */
    public static long not64(long a) {
        return ~a;
    }

    /** SF, ZF, PF follow the low half, as hardware does where the SDM leaves them undefined. */
    public static long imul16(VcpuContext v, int a, int b) {
        int p = (short) a * (short) b;
        boolean c = (short) p != p;
        Flags.result(v, (short) p, c, c);
        return p & 0xFFFF;
    }

    public static long imul32(VcpuContext v, int a, int b) {
        long p = (long) a * b;
        boolean c = (int) p != p;
        Flags.result(v, (int) p, c, c);
        return p & 0xFFFF_FFFFL;
    }

    public static long imul64(VcpuContext v, long a, long b) {
        long p = a * b;
        boolean c = Math.multiplyHigh(a, b) != p >> 63;
        Flags.result(v, p, c, c);
        return p;
    }

    /** Only CF changes. */
    public static long adcx32(VcpuContext v, int a, int b) {
        int r = a + b + (Flags.cf(v) ? 1 : 0);
        Flags.setCarry(v, (a & b | (a | b) & ~r) < 0);
        return r & 0xFFFF_FFFFL;
    }

    /** Only OF changes: it is the carry. */
    public static long adox32(VcpuContext v, int a, int b) {
        int r = a + b + (Flags.of(v) ? 1 : 0);
        Flags.setOverflow(v, (a & b | (a | b) & ~r) < 0);
        return r & 0xFFFF_FFFFL;
    }

    /** Only CF changes. */
    public static long adcx64(VcpuContext v, long a, long b) {
        long r = a + b + (Flags.cf(v) ? 1 : 0);
        Flags.setCarry(v, (a & b | (a | b) & ~r) < 0);
        return r;
    }

    /** Only OF changes: it is the carry. */
    public static long adox64(VcpuContext v, long a, long b) {
        long r = a + b + (Flags.of(v) ? 1 : 0);
        Flags.setOverflow(v, (a & b | (a | b) & ~r) < 0);
        return r;
    }
}
