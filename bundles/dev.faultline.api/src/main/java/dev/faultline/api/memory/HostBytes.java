// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.memory;

import dev.faultline.api.address.Hva;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Little-endian loads and stores at an hva, without bounds: for engines and providers that hold a
 * translated address. An hva that is not inside a live {@link RamBlock} kills the process; only
 * translation results may be passed.
 */
public final class HostBytes {
    /** All of this process's memory as one segment; needs {@code --enable-native-access}. */
    public static final MemorySegment ALL = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);

    private static final ValueLayout.OfShort S =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(java.nio.ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt I =
            ValueLayout.JAVA_INT_UNALIGNED.withOrder(java.nio.ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong L =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(java.nio.ByteOrder.LITTLE_ENDIAN);

    private HostBytes() {}

    public static byte get8(@Hva long hva) {
        return ALL.get(ValueLayout.JAVA_BYTE, hva);
    }

    public static short get16(@Hva long hva) {
        return ALL.get(S, hva);
    }

    public static int get32(@Hva long hva) {
        return ALL.get(I, hva);
    }

    public static long get64(@Hva long hva) {
        return ALL.get(L, hva);
    }

    public static void put8(@Hva long hva, byte value) {
        ALL.set(ValueLayout.JAVA_BYTE, hva, value);
    }

    public static void put16(@Hva long hva, short value) {
        ALL.set(S, hva, value);
    }

    public static void put32(@Hva long hva, int value) {
        ALL.set(I, hva, value);
    }

    public static void put64(@Hva long hva, long value) {
        ALL.set(L, hva, value);
    }

    public static void copy(@Hva long fromHva, @Hva long toHva, long bytes) {
        MemorySegment.copy(ALL, fromHva, ALL, toHva, bytes);
    }

    public static void copyOut(@Hva long hva, byte[] to, int at, int bytes) {
        MemorySegment.copy(ALL, ValueLayout.JAVA_BYTE, hva, to, at, bytes);
    }

    public static void copyIn(byte[] from, int at, @Hva long hva, int bytes) {
        MemorySegment.copy(from, at, ALL, ValueLayout.JAVA_BYTE, hva, bytes);
    }

    public static void fill(@Hva long hva, long bytes, byte value) {
        ALL.asSlice(hva, bytes).fill(value);
    }
}
