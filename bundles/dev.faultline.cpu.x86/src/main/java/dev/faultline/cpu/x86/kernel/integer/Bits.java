// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.kernel.integer;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.state.Flags;

/**
 * The meaning of instructions that count and move bits and bytes, as {@link Alu} has that of
 * arithmetic.
 */
public final class Bits {
    private Bits() {}

    /** BSWAP of 16 bits (undefined) gives 0. */
    public static long bswap16(int a) {
        return 0;
    }

    public static long bswap32(int a) {
        return Integer.reverseBytes(a) & 0xFFFF_FFFFL;
    }

    public static long bswap64(long a) {
        return Long.reverseBytes(a);
    }

    /** MOVBE, which unlike BSWAP knows words. */
    public static long movbe16(int a) {
        return Short.reverseBytes((short) a) & 0xFFFF;
    }

    public static long movbe32(int a) {
        return bswap32(a);
    }

    public static long movbe64(long a) {
        return bswap64(a);
    }

    public static long lzcnt16(VcpuContext v, int a) {
        return counted(v, Integer.numberOfLeadingZeros(a & 0xFFFF) - 16, 16);
    }

    public static long lzcnt32(VcpuContext v, int a) {
        return counted(v, Integer.numberOfLeadingZeros(a), 32);
    }

    public static long lzcnt64(VcpuContext v, long a) {
        return counted(v, Long.numberOfLeadingZeros(a), 64);
    }

    /** CF says that there was no bit. */
    private static long counted(VcpuContext v, int n, int bits) {
        Flags.result(v, n == 0 ? 0 : 1, n == bits, false);
        return n;
    }

    public static long popcnt16(VcpuContext v, int a) {
        return population(v, Integer.bitCount(a & 0xFFFF));
    }

    public static long popcnt32(VcpuContext v, int a) {
        return population(v, Integer.bitCount(a));
    }

    public static long popcnt64(VcpuContext v, long a) {
        return population(v, Long.bitCount(a));
    }

    private static long population(VcpuContext v, int n) {
        v.setStatusFlags(n == 0 ? ZF : 0);
        return n;
    }

    private static final int ZF = 0x40;

    /**
     * CRC32: accumulates {@code bits} (8, 16, 32 or 64) low bits of v with the Castagnoli
     * polynomial.
     */
    public static int crc32c(int crc, long v, int bits) {
        int c = crc;
        for (int i = 0; i < bits; i += 8) {
            c = c >>> 8 ^ CRC[(c ^ (int) (v >>> i)) & 0xFF];
        }
        return c;
    }

    private static final int[] CRC = crcTable();

    private static int[] crcTable() {
        int[] t = new int[256];
        for (int i = 0; i < 256; i++) {
            int c = i;
            for (int k = 0; k < 8; k++) {
                c = (c & 1) != 0 ? c >>> 1 ^ 0x82F6_3B78 : c >>> 1;
            }
            t[i] = c;
        }
        return t;
    }
}
