// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.run;

import dev.faultline.shell.internal.cli.Sizes;
import org.jspecify.annotations.Nullable;

/**
 * The clock of a session: when it began, when its guest's first instruction was, when its guest was
 * ready. Any thread.
 */
public final class RunTimes {
    private volatile long begin = System.nanoTime();
    private volatile long firstInstruction;
    private volatile long ready;

    /** Time is told from now. */
    void begin() {
        begin = System.nanoTime();
    }

    /** As {@link System#nanoTime}. */
    long begun() {
        return begin;
    }

    void firstInstruction() {
        firstInstruction = System.nanoTime();
    }

    void ready() {
        ready = System.nanoTime();
    }

    boolean isReady() {
        return ready != 0;
    }

    public double wallMillis() {
        return Sizes.millis(System.nanoTime() - begin);
    }

    /** Null if there was none. */
    public @Nullable Double firstInstructionMillis() {
        return millis(firstInstruction);
    }

    /** Null if it never was. */
    public @Nullable Double readyMillis() {
        return millis(ready);
    }

    private @Nullable Double millis(long nanos) {
        return nanos == 0 ? null : Sizes.millis(nanos - begin);
    }
}
