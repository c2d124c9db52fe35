// SPDX-License-Identifier: Apache-2.0
package dev.faultline.bench;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.LongUnaryOperator;

/**
 * What the loops of {@code src/main/guest/hotloop.c} must give, computed here, independently of any
 * emulator. The argument is the guest's scale.
 */
final class HotLoops {
    private static final int BUFFER_WORDS = 32768;
    private static final int SIEVE_LIMIT = 1 << 20;

    private HotLoops() {}

    /** Name to expected result, in the guest's order. */
    static Map<String, LongUnaryOperator> all() {
        Map<String, LongUnaryOperator> m = new LinkedHashMap<>();
        m.put("xorshift", HotLoops::xorshift);
        m.put("crc", HotLoops::crc);
        m.put("copy", scale -> sum());
        m.put("repcopy", scale -> sum());
        m.put("sieve", scale -> primes());
        m.put("fib", scale -> scale * 2178309L); // the 32nd Fibonacci number
        m.put("branch", HotLoops::branch);
        return m;
    }

    private static long xorshift(long scale) {
        long x = 0x9e3779b97f4a7c15L;
        for (long n = 10_000_000 * scale; n > 0; n--) {
            x ^= x << 13;
            x ^= x >>> 7;
            x ^= x << 17;
        }
        return x;
    }

    private static long[] buffer() {
        long[] b = new long[BUFFER_WORDS];
        long x = 1;
        for (int i = 0; i < b.length; i++) {
            x = x * 6364136223846793005L + 1442695040888963407L;
            b[i] = x;
        }
        return b;
    }

    private static long crc(long scale) {
        java.nio.ByteBuffer bytes =
                java.nio.ByteBuffer.allocate(BUFFER_WORDS * 8)
                        .order(java.nio.ByteOrder.LITTLE_ENDIAN);
        bytes.asLongBuffer().put(buffer());
        java.util.zip.CRC32 crc = new java.util.zip.CRC32();
        for (long i = 0; i < 60 * scale; i++) {
            crc.update(bytes.array());
        }
        return crc.getValue();
    }

    private static long sum() {
        long total = 0;
        for (long word : buffer()) {
            total = Long.rotateLeft(total, 1) ^ word;
        }
        return total;
    }

    private static long primes() {
        java.util.BitSet composite = new java.util.BitSet(SIEVE_LIMIT);
        for (int p = 2; p * p < SIEVE_LIMIT; p++) {
            if (!composite.get(p)) {
                for (int i = p * p; i < SIEVE_LIMIT; i += p) {
                    composite.set(i);
                }
            }
        }
        return SIEVE_LIMIT - 2 - composite.cardinality();
    }

    private static long branch(long scale) {
        long a = 1;
        long d = 0;
        for (long n = 12_000_000 * scale; n > 0; n--) {
            a = a * 6364136223846793005L + 1442695040888963407L;
            d = a < 0 ? Long.rotateRight(d + a, 3) : ~(d - a) + 7;
        }
        return d;
    }
}
