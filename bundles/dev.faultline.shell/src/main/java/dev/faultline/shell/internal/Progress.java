// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal;

import java.io.PrintStream;

/** Progress on standard error: a bar on a terminal, plain lines otherwise. One thread. */
final class Progress {
    private static final int WIDTH = 40;
    private final PrintStream err;
    private final boolean terminal;
    private int shown = -1;

    Progress(PrintStream err) {
        this.err = err;
        this.terminal = System.console() != null && System.console().isTerminal();
    }

    /** A step begins. */
    void say(String what) {
        err.println(what);
        shown = -1;
    }

    /**
     * @param fraction 0..1
     */
    void done(String what, double fraction) {
        int now = (int) (fraction * WIDTH);
        if (now == shown || !terminal) {
            return;
        }
        shown = now;
        err.print(
                "\r"
                        + what
                        + " ["
                        + "#".repeat(now)
                        + ".".repeat(WIDTH - now)
                        + "] "
                        + (int) (fraction * 100)
                        + " %");
        if (now == WIDTH) {
            err.println();
        }
    }
}
