// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.cli;

import java.io.PrintStream;
import java.util.function.LongSupplier;

/** Progress on standard error: a bar on a terminal, now and then a line otherwise. One thread. */
public final class Progress implements AutoCloseable {
    private static final int WIDTH = 40;
    private static final long QUIET_NANOS = 2_000_000_000L;

    private final PrintStream err;
    private final boolean terminal;
    private int shown = -1;
    private boolean open;
    private final LongSupplier nanos;
    private long last;

    public Progress(PrintStream err) {
        this(err, System.console() != null && System.console().isTerminal(), System::nanoTime);
    }

    /**
     * @param nanos the time, as {@link System#nanoTime}
     */
    public Progress(PrintStream err, boolean terminal, LongSupplier nanos) {
        this.err = err;
        this.terminal = terminal;
        this.nanos = nanos;
        this.last = nanos.getAsLong();
    }

    /** A step begins. */
    public void say(String what) {
        close();
        err.println(what);
    }

    /**
     * @param fraction 0..1
     */
    public void done(String what, double fraction) {
        int percent = (int) (100 * Math.clamp(fraction, 0, 1));
        if (percent == shown) {
            return;
        }
        if (terminal) {
            int now = WIDTH * percent / 100;
            String bar = "#".repeat(now) + ".".repeat(WIDTH - now);
            err.printf("\r%s [%s] %3d %%", what, bar, percent);
            err.flush();
            open = true;
        } else if (nanos.getAsLong() - last >= QUIET_NANOS) {
            err.printf("%s: %d %%%n", what, percent);
            last = nanos.getAsLong();
        }
        shown = percent;
        if (percent == 100) {
            close();
        }
    }

    /** Ends the line of a bar that did not come to its end. */
    @Override
    public void close() {
        if (open) {
            err.println();
        }
        open = false;
        shown = -1;
    }
}
