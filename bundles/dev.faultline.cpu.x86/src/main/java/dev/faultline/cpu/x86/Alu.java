// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86;

import dev.faultline.api.engine.VcpuContext;

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

    /** SHL by 1..31. OF as if each bit were a shift of its own. */
    public static long shl32(VcpuContext v, int a, int n) {
        long w = (long) a << n;
        v.flagRes = (int) w;
        v.flagAux = w << 31 & TOP;
        return w & 0xFFFF_FFFFL;
    }

    /** SHL by 1..63. */
    public static long shl64(VcpuContext v, long a, int n) {
        long w = a << n - 1;
        v.flagRes = w << 1;
        v.flagAux = w & TOP;
        return w << 1;
    }

    /** SHR by 1..31. */
    public static long shr32(VcpuContext v, int a, int n) {
        int w = a >>> n - 1;
        long result = (long) (w >>> 1); // its sign bit is clear: the same in 64 bits
        v.flagRes = result;
        v.flagAux = (long) w << 63 | (long) (w ^ w >>> 31) << 63 >>> 1;
        return result;
    }

    /** SHR by 1..63. */
    public static long shr64(VcpuContext v, long a, int n) {
        long w = a >>> n - 1;
        v.flagRes = w >>> 1;
        v.flagAux = w << 63 | (w ^ w >>> 63) << 63 >>> 1;
        return w >>> 1;
    }

    /** SAR by 1..31. */
    public static long sar32(VcpuContext v, int a, int n) {
        int w = a >> n - 1;
        v.flagRes = w >> 1;
        v.flagAux = -(long) (w & 1) & TOP;
        return w >> 1 & 0xFFFF_FFFFL;
    }

    /** SAR by 1..63. */
    public static long sar64(VcpuContext v, long a, int n) {
        long w = a >> n - 1;
        v.flagRes = w >> 1;
        v.flagAux = -(w & 1) & TOP;
        return w >> 1;
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

    /** SHL by 1..31. */
    public static long shl8(VcpuContext v, int a, int n) {
        return shlSmall(v, a, n, BYTE);
    }

    /** SHL by 1..31. */
    public static long shl16(VcpuContext v, int a, int n) {
        return shlSmall(v, a, n, WORD);
    }

    /** SHR by 1..31. */
    public static long shr8(VcpuContext v, int a, int n) {
        return shrSmall(v, a, n, BYTE);
    }

    /** SHR by 1..31. */
    public static long shr16(VcpuContext v, int a, int n) {
        return shrSmall(v, a, n, WORD);
    }

    /** SAR by 1..31. */
    public static long sar8(VcpuContext v, int a, int n) {
        return sarSmall(v, a, n, BYTE);
    }

    /** SAR by 1..31. */
    public static long sar16(VcpuContext v, int a, int n) {
        return sarSmall(v, a, n, WORD);
    }

    private static long shlSmall(VcpuContext v, long a, int n, int shift) {
        long last = a << n - 1;
        long r = last << 1;
        boolean cf = last << shift < 0;
        Flags.result(v, r << shift >> shift, cf, r << shift < 0 != cf);
        return r << shift >>> shift;
    }

    private static long shrSmall(VcpuContext v, long a, int n, int shift) {
        long last = (a << shift >>> shift) >>> n - 1;
        long r = last >>> 1;
        // Above a shift by 1 the highest bit of what is left is clear, and so is OF.
        Flags.result(v, r << shift >> shift, (last & 1) != 0, last << shift < 0);
        return r;
    }

    private static long sarSmall(VcpuContext v, long a, int n, int shift) {
        long last = a << shift >> shift >> n - 1;
        long r = last >> 1;
        Flags.result(v, r << shift >> shift, (last & 1) != 0, false);
        return r << shift >>> shift;
    }

    public static long rol8(VcpuContext v, int a, int n) {
        int k = n & 7;
        int x = a & 0xFF;
        int r = (x << k | x >>> 8 - k) & 0xFF;
        Flags.setCarryOverflow(v, (r & 1) != 0, (r & 1) != r >>> 7);
        return r;
    }

    public static long rol16(VcpuContext v, int a, int n) {
        int k = n & 15;
        int x = a & 0xFFFF;
        int r = (x << k | x >>> 16 - k) & 0xFFFF;
        Flags.setCarryOverflow(v, (r & 1) != 0, (r & 1) != r >>> 15);
        return r;
    }

    /** ROL by 1..31. */
    public static long rol32(VcpuContext v, int a, int n) {
        int r = Integer.rotateLeft(a, n);
        Flags.setCarryOverflow(v, (r & 1) != 0, (r & 1) != r >>> 31);
        return r & 0xFFFF_FFFFL;
    }

    /** ROL by 1..63. */
    public static long rol64(VcpuContext v, long a, int n) {
        long r = Long.rotateLeft(a, n);
        Flags.setCarryOverflow(v, (r & 1) != 0, (r & 1) != r >>> 63);
        return r;
    }

    public static long ror8(VcpuContext v, int a, int n) {
        int k = n & 7;
        int x = a & 0xFF;
        int r = (x >>> k | x << 8 - k) & 0xFF;
        Flags.setCarryOverflow(v, r >>> 7 != 0, (r >>> 6 & 1) != r >>> 7);
        return r;
    }

    public static long ror16(VcpuContext v, int a, int n) {
        int k = n & 15;
        int x = a & 0xFFFF;
        int r = (x >>> k | x << 16 - k) & 0xFFFF;
        Flags.setCarryOverflow(v, r >>> 15 != 0, (r >>> 14 & 1) != r >>> 15);
        return r;
    }

    /** ROR by 1..31. */
    public static long ror32(VcpuContext v, int a, int n) {
        int r = Integer.rotateRight(a, n);
        Flags.setCarryOverflow(v, r < 0, (r ^ r << 1) < 0);
        return r & 0xFFFF_FFFFL;
    }

    /** ROR by 1..63. */
    public static long ror64(VcpuContext v, long a, int n) {
        long r = Long.rotateRight(a, n);
        Flags.setCarryOverflow(v, r < 0, (r ^ r << 1) < 0);
        return r;
    }

    public static long rcl8(VcpuContext v, int a, int n) {
        return rcl(v, a & 0xFF, n, 8);
    }

    public static long rcl16(VcpuContext v, int a, int n) {
        return rcl(v, a & 0xFFFF, n, 16);
    }

    public static long rcl32(VcpuContext v, int a, int n) {
        return rcl(v, a & 0xFFFF_FFFFL, n, 32);
    }

    public static long rcl64(VcpuContext v, long a, int n) {
        return rcl(v, a, n, 64);
    }

    public static long rcr8(VcpuContext v, int a, int n) {
        return rcr(v, a & 0xFF, n, 8);
    }

    public static long rcr16(VcpuContext v, int a, int n) {
        return rcr(v, a & 0xFFFF, n, 16);
    }

    public static long rcr32(VcpuContext v, int a, int n) {
        return rcr(v, a & 0xFFFF_FFFFL, n, 32);
    }

    public static long rcr64(VcpuContext v, long a, int n) {
        return rcr(v, a, n, 64);
    }

    /** Of an operand and CF together; x is zero-extended. */
    private static long rcl(VcpuContext v, long x, int count, int bits) {
        int n = count % (bits + 1);
        if (n == 0) {
            return x;
        }
        long carry = v.flagAux >>> 63;
        long r = x << n - 1 << 1 | carry << n - 1;
        if (n > 1) {
            r |= x >>> bits + 1 - n;
        }
        boolean cf = (x >>> bits - n & 1) != 0;
        Flags.setCarryOverflow(v, cf, r << 64 - bits < 0 != cf);
        return r << 64 - bits >>> 64 - bits;
    }

    private static long rcr(VcpuContext v, long x, int count, int bits) {
        int n = count % (bits + 1);
        if (n == 0) {
            return x;
        }
        long carry = v.flagAux >>> 63;
        long r = x >>> n - 1 >>> 1 | carry << bits - n;
        if (n > 1) {
            r |= x << bits + 1 - n;
        }
        boolean cf = (x >>> n - 1 & 1) != 0;
        Flags.setCarryOverflow(v, cf, (r ^ r << 1) << 64 - bits < 0);
        return r << 64 - bits >>> 64 - bits;
    }

    /** By more than 16 (undefined) it goes on into itself, as on Intel's processors. */
    public static long shld16(VcpuContext v, int a, int b, int n) {
        long x = a & 0xFFFFL;
        long wide = (x << 32 | (b & 0xFFFFL) << 16 | x) << n;
        return shifted(v, x, wide >>> 32 & 0xFFFF, (wide >>> 48 & 1) != 0, WORD);
    }

    /** SHLD by 1..31. */
    public static long shld32(VcpuContext v, int a, int b, int n) {
        int r = a << n | b >>> 32 - n;
        return shifted(v, a, r & 0xFFFF_FFFFL, (a >>> 32 - n & 1) != 0, 32);
    }

    /** SHLD by 1..63. */
    public static long shld64(VcpuContext v, long a, long b, int n) {
        return shifted(v, a, a << n | b >>> 64 - n, (a >>> 64 - n & 1) != 0, 0);
    }

    /** As {@link #shld16}. */
    public static long shrd16(VcpuContext v, int a, int b, int n) {
        long x = a & 0xFFFFL;
        long wide = x << 32 | (b & 0xFFFFL) << 16 | x;
        return shifted(v, x, wide >>> n & 0xFFFF, (wide >>> n - 1 & 1) != 0, WORD);
    }

    /** SHRD by 1..31. */
    public static long shrd32(VcpuContext v, int a, int b, int n) {
        int r = a >>> n | b << 32 - n;
        return shifted(v, a, r & 0xFFFF_FFFFL, (a >>> n - 1 & 1) != 0, 32);
    }

    /** SHRD by 1..63. */
    public static long shrd64(VcpuContext v, long a, long b, int n) {
        return shifted(v, a, a >>> n | b << 64 - n, (a >>> n - 1 & 1) != 0, 0);
    }

    /** Flags of a double shift: OF says that the sign changed. */
    private static long shifted(VcpuContext v, long x, long r, boolean cf, int shift) {
        Flags.result(v, r << shift >> shift, cf, (x ^ r) << shift < 0);
        return r;
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
