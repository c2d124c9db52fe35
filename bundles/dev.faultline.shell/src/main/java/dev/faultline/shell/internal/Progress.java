// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal;

import java.io.PrintStream;

/** Progress on standard error: a bar on a terminal, now and then a line otherwise. One thread. */
final class Progress implements AutoCloseable {
    private static final int WIDTH = 40;
    private static final long QUIET_NANOS = 2_000_000_000L;

    private final PrintStream err;
    private final boolean terminal;
    private int shown = -1;
    private boolean open;
    private long last = System.nanoTime();

    Progress(PrintStream err) {
        this(err, System.console() != null && System.console().isTerminal());
    }

    Progress(PrintStream err, boolean terminal) {
        this.err = err;
        this.terminal = terminal;
    }

    /** A step begins. */
    void say(String what) {
        close();
        err.println(what);
    }

    /**
     * @param fraction 0..1
     */
    void done(String what, double fraction) {
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
        } else if (System.nanoTime() - last >= QUIET_NANOS) {
            err.printf("%s: %d %%%n", what, percent);
            last = System.nanoTime();
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
