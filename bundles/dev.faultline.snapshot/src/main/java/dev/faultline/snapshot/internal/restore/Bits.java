// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.restore;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.BitSet;

/** One bit per page. Any thread; nothing locks or allocates. */
final class Bits {
    private static final VarHandle WORD = MethodHandles.arrayElementVarHandle(long[].class);

    private final long[] words;

    Bits(int size) {
        words = new long[(size + 63) / 64];
    }

    boolean get(int i) {
        return ((long) WORD.getVolatile(words, i >> 6) >>> (i & 63) & 1) != 0;
    }

    /** True if this call set it. */
    boolean set(int i) {
        long bit = 1L << (i & 63);
        return ((long) WORD.getAndBitwiseOr(words, i >> 6, bit) & bit) == 0;
    }

    void clear(int i) {
        WORD.getAndBitwiseAnd(words, i >> 6, ~(1L << (i & 63)));
    }

    /** How many bits are set here and in {@code other}, which is of the same size. */
    int common(Bits other) {
        int n = 0;
        for (int i = 0; i < words.length; i++) {
            n +=
                    Long.bitCount(
                            (long) WORD.getVolatile(words, i)
                                    & (long) WORD.getVolatile(other.words, i));
        }
        return n;
    }

    BitSet copy() {
        long[] now = new long[words.length];
        for (int i = 0; i < now.length; i++) {
            now[i] = (long) WORD.getVolatile(words, i);
        }
        return BitSet.valueOf(now);
    }
}
