// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86;

import dev.faultline.api.cpu.VcpuContext;
import dev.faultline.api.memory.HostBytes;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * Atomic read-modify-write at an hva, for LOCK and XCHG: guests with several vCPUs. Only naturally
 * aligned operands with a host address of their own are atomic; see {@link #possible}. Sequentially
 * consistent.
 */
public final class Atomic {
    private static final VarHandle INT =
            ValueLayout.JAVA_INT
                    .withOrder(ByteOrder.LITTLE_ENDIAN)
                    .varHandle()
                    .withInvokeExactBehavior();
    private static final VarHandle LONG =
            ValueLayout.JAVA_LONG
                    .withOrder(ByteOrder.LITTLE_ENDIAN)
                    .varHandle()
                    .withInvokeExactBehavior();

    private Atomic() {}

    /**
     * False for an operand that is staged (device, code page, page crossing) or misaligned: a split
     * lock, done without atomicity.
     */
    public static boolean possible(VcpuContext v, long hva, int size) {
        return (hva & size - 1) == 0 && hva != v.scratchWrite;
    }

    /**
     * Replaces {@code expected} by {@code update}, of 1, 2, 4 or 8 bytes; upper bytes of both are
     * ignored.
     */
    public static boolean cas(long hva, int size, long expected, long update) {
        return switch (size) {
            case 8 -> LONG.compareAndSet(HostBytes.ALL, hva, expected, update);
            case 4 -> INT.compareAndSet(HostBytes.ALL, hva, (int) expected, (int) update);
            default -> casPart(hva, size, (int) expected, (int) update);
        };
    }

    /** Stores {@code update} and returns what was there, zero-extended. */
    public static long exchange(long hva, int size, long update) {
        switch (size) {
            case 8:
                return (long) LONG.getAndSet(HostBytes.ALL, hva, update);
            case 4:
                return (int) INT.getAndSet(HostBytes.ALL, hva, (int) update) & 0xFFFF_FFFFL;
            default:
                long old;
                do {
                    old = Mem.load(hva, size);
                } while (!casPart(hva, size, (int) old, (int) update));
                return old;
        }
    }

    /** A byte or word, inside the aligned doubleword that holds it. */
    private static boolean casPart(long hva, int size, int expected, int update) {
        long at = hva & ~3L;
        int shift = (int) (hva & 3) * 8;
        int mask = (size == 1 ? 0xFF : 0xFFFF) << shift;
        for (; ; ) {
            int whole = (int) INT.getVolatile(HostBytes.ALL, at);
            if ((whole & mask) != (expected << shift & mask)) {
                return false;
            }
            if (INT.compareAndSet(
                    HostBytes.ALL, at, whole, whole & ~mask | update << shift & mask)) {
                return true;
            }
        }
    }
}
