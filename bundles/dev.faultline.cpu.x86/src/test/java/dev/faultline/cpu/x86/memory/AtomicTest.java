// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class AtomicTest {
    private static final int ROUNDS = 20_000;

    /**
     * Neighbours in one word, each incremented by a thread of its own and by a shared one: nothing
     * is lost, nothing spills over.
     */
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 4, 8})
    void concurrentIncrementsAreNotLost(int size) throws InterruptedException {
        try (Arena arena = Arena.ofShared()) {
            MemorySegment m = arena.allocate(16, 16);
            long hva = m.address();
            Thread[] threads = new Thread[4];
            for (int i = 0; i < threads.length; i++) {
                long at = hva + (i & 1) * size;
                threads[i] = Thread.ofPlatform().start(() -> increment(at, size));
            }
            for (Thread t : threads) {
                t.join();
            }
            long mask = -1L >>> 64 - size * 8;
            assertEquals(2 * ROUNDS & mask, Mem.load(hva, size));
            assertEquals(2 * ROUNDS & mask, Mem.load(hva + size, size));
        }
    }

    private static void increment(long at, int size) {
        for (int i = 0; i < ROUNDS; i++) {
            long old;
            do {
                old = Mem.load(at, size);
            } while (!Atomic.cas(at, size, old, old + 1));
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 4, 8})
    void exchangesAndComparesOnlyItsBytes(int size) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment m = arena.allocate(24, 8);
            m.fill((byte) 0x11);
            long at = m.address() + 8;
            long mask = -1L >>> 64 - size * 8;
            assertEquals(0x1111_1111_1111_1111L & mask, Atomic.exchange(at, size, -2L));
            assertEquals(-2L & mask, Mem.load(at, size));
            assertFalse(Atomic.cas(at, size, 5, 6));
            assertTrue(Atomic.cas(at, size, -2L, 6));
            assertEquals(6, Mem.load(at, size));
            assertEquals(0x11, Mem.load(at - 1, 1));
            assertEquals(0x11, Mem.load(at + size, 1));
        }
    }
}
