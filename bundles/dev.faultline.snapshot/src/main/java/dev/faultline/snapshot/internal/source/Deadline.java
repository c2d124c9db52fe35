// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.source;

import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Until when what the calling thread reads must be there, because a guest stands for it: one
 * deadline for all that a page needs, whatever places its snapshot and its parents are in.
 */
final class Deadline {
    /** As nanoTime; null if nobody waits. */
    private static final ThreadLocal<@Nullable Long> UNTIL = new ThreadLocal<>();

    private Deadline() {}

    static void begin(long millis) {
        UNTIL.set(System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millis));
    }

    static void end() {
        UNTIL.remove();
    }

    /** Whether a guest waits for what the calling thread does. */
    static boolean isSet() {
        return UNTIL.get() != null;
    }

    /**
     * What is left to the calling thread, in nanoseconds; may be negative.
     *
     * @param otherwise if no guest waits
     */
    static long left(long otherwise) {
        Long until = UNTIL.get();
        return until == null ? otherwise : until - System.nanoTime();
    }

    /** As {@link #left}, in milliseconds; Long.MAX_VALUE if no guest waits. */
    static long leftMillis() {
        Long until = UNTIL.get();
        return until == null
                ? Long.MAX_VALUE
                : TimeUnit.NANOSECONDS.toMillis(until - System.nanoTime());
    }
}
