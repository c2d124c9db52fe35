// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.cli;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Brings standard input to the guest's serial port. A terminal is put into raw mode meanwhile, so
 * that the guest gets every key, Ctrl-C included: Ctrl-A x ends the run, Ctrl-A Ctrl-A sends one
 * Ctrl-A.
 */
public final class TerminalInput implements AutoCloseable {
    private static final int ESCAPE = 1;
    private static final long STTY_SECONDS = 5;

    private final InputStream in;
    private final Consumer<byte[]> guest;
    private final Runnable end;
    private final Consumer<IOException> failed;
    private final boolean terminal;
    private @Nullable String saved;
    private @Nullable Thread restorer;
    private boolean escaped;

    /**
     * @param guest gets what is typed
     * @param end called when the person asks for the end
     * @param failed told why reading stopped
     */
    public TerminalInput(
            InputStream in, Consumer<byte[]> guest, Runnable end, Consumer<IOException> failed) {
        this.in = in;
        this.guest = guest;
        this.end = end;
        this.failed = failed;
        this.terminal =
                in == System.in && System.console() != null && System.console().isTerminal();
    }

    /**
     * @param stop restores the terminal also if the process is about to be killed
     */
    public void start(Stop stop) {
        if (terminal) {
            stop.urgently(this::restore);
            System.err.println("faultline: the terminal is the guest's now; Ctrl-A x ends the run");
            saved = stty("-g");
            if (saved != null && stty("raw", "-echo") != null) {
                restorer = new Thread(this::restore, "terminal-restore");
                Runtime.getRuntime().addShutdownHook(restorer);
            }
        }
        Thread.ofPlatform().daemon().name("serial-input").start(this::forward);
    }

    private void forward() {
        byte[] b = new byte[512];
        try {
            for (int n = in.read(b); n > 0; n = in.read(b)) {
                byte[] part = terminal ? unescape(b, n) : Arrays.copyOf(b, n);
                if (part.length > 0) {
                    guest.accept(part);
                }
            }
        } catch (IOException e) {
            failed.accept(e);
        }
    }

    private byte[] unescape(byte[] b, int n) {
        byte[] out = new byte[n + 1];
        int k = 0;
        for (int i = 0; i < n; i++) {
            if (escaped) {
                escaped = false;
                if (b[i] == 'x' || b[i] == 'X') {
                    end.run();
                } else if (b[i] == ESCAPE) {
                    out[k++] = ESCAPE;
                }
            } else if (b[i] == ESCAPE) {
                escaped = true;
            } else {
                out[k++] = b[i];
            }
        }
        return Arrays.copyOf(out, k);
    }

    /** Null if this host's stty does not work on the terminal: then it stays as it is. */
    private static @Nullable String stty(String... arguments) {
        String[] command = new String[arguments.length + 1];
        command[0] = "stty";
        System.arraycopy(arguments, 0, command, 1, arguments.length);
        try {
            Process p =
                    new ProcessBuilder(command)
                            .redirectInput(ProcessBuilder.Redirect.INHERIT)
                            .start();
            String said =
                    new String(p.getInputStream().readAllBytes(), StandardCharsets.US_ASCII)
                            .strip();
            return p.waitFor(STTY_SECONDS, TimeUnit.SECONDS) && p.exitValue() == 0 ? said : null;
        } catch (IOException e) {
            return null;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return null;
        }
    }

    private synchronized void restore() {
        if (saved != null) {
            stty(saved);
            saved = null;
        }
    }

    @Override
    public void close() {
        restore();
        if (restorer != null) {
            try {
                Runtime.getRuntime().removeShutdownHook(restorer);
            } catch (IllegalStateException e) {
                // Shutting down: the hook runs, and finds nothing left to do.
                restorer = null;
            }
        }
    }
}
