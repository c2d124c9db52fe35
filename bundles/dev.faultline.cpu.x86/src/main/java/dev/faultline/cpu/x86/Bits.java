// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86;

import dev.faultline.api.engine.VcpuContext;

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
}
