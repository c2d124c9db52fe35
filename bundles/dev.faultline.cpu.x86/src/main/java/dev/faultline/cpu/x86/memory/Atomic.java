// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.memory;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.memory.HostBytes;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * Atomic read-modify-write at what {@link Mem#locked} gave, for LOCK and XCHG: guests with several
 * vCPUs. Sequentially consistent. An operand inside aligned 8 bytes is changed by compare-and-set
 * of these; a staged one plainly, under the bus lock.
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

    /** Whether one instruction of the host can change the operand. Also right for its hva. */
    static boolean inWord(long lin, int size) {
        return (lin & 7) + size <= 8;
    }

    /** False for an operand that is staged: then it is changed by plain loads and stores. */
    public static boolean possible(VcpuContext v, long hva) {
        return hva != v.scratchWrite;
    }

    /** The operand as one access, zero-extended. */
    public static long get(long hva, int size) {
        return (hva & size - 1) == 0
                ? Mem.load(hva, size)
                : part((long) LONG.getVolatile(HostBytes.ALL, hva & ~7L), hva, size);
    }

    private static long part(long word, long hva, int size) {
        return word >>> 8 * (hva & 7) & -1L >>> 64 - 8 * size;
    }

    /**
     * Replaces {@code expected} by {@code update}, of 1, 2, 4 or 8 bytes; upper bytes of both are
     * ignored.
     */
    public static boolean cas(long hva, int size, long expected, long update) {
        return switch (size) {
            case 8 -> LONG.compareAndSet(HostBytes.ALL, hva, expected, update);
            case 4 ->
                    (hva & 3) == 0
                            ? INT.compareAndSet(HostBytes.ALL, hva, (int) expected, (int) update)
                            : casPart(hva, size, expected, update);
            default -> casPart(hva, size, expected, update);
        };
    }

    /** Stores {@code update} and returns what was there, zero-extended. */
    public static long exchange(long hva, int size, long update) {
        if (size == 8) {
            return (long) LONG.getAndSet(HostBytes.ALL, hva, update);
        }
        if (size == 4 && (hva & 3) == 0) {
            return (int) INT.getAndSet(HostBytes.ALL, hva, (int) update) & 0xFFFF_FFFFL;
        }
        long old;
        do {
            old = get(hva, size);
        } while (!casPart(hva, size, old, update));
        return old;
    }

    /**
     * Sets bits of a byte and clears others.
     *
     * @return what was there
     */
    public static int change(long hva, int set, int clear) {
        int old;
        do {
            old = HostBytes.get8(hva) & 0xFF;
        } while (!casPart(hva, 1, old, old & ~clear | set));
        return old;
    }

    /** Part of the aligned quadword that holds it. */
    private static boolean casPart(long hva, int size, long expected, long update) {
        long at = hva & ~7L;
        int shift = (int) (hva & 7) * 8;
        long mask = -1L >>> 64 - 8 * size << shift;
        for (; ; ) {
            long whole = (long) LONG.getVolatile(HostBytes.ALL, at);
            if ((whole & mask) != (expected << shift & mask)) {
                return false;
            }
            long now = whole & ~mask | update << shift & mask;
            if (LONG.compareAndSet(HostBytes.ALL, at, whole, now)) {
                return true;
            }
        }
    }

    // ---- plain accesses in pieces

    /**
     * Copies guest memory to a place of our own: what is naturally aligned in the guest is read as
     * one (SDM 3A, "Guaranteed Atomic Operations").
     */
    static void copyFrom(long guest, long to, int bytes) {
        for (int at = 0; at < bytes; ) {
            int n = piece(guest + at, bytes - at);
            Mem.store(to + at, n, Mem.load(guest + at, n));
            at += n;
        }
    }

    /** The other direction. */
    static void copyTo(long from, long guest, int bytes) {
        for (int at = 0; at < bytes; ) {
            int n = piece(guest + at, bytes - at);
            Mem.store(guest + at, n, Mem.load(from + at, n));
            at += n;
        }
    }

    /** The longest naturally aligned access at an address: 1, 2, 4 or 8 bytes. */
    static int piece(long address, int left) {
        int n = 8;
        while (n > left || (address & n - 1) != 0) {
            n >>= 1;
        }
        return n;
    }
}
