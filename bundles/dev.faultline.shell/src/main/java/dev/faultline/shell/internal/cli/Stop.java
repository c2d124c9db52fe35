// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.cli;

import java.io.Serial;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Whether a signal has asked the command to end, which then ends in order: machines stand, what is
 * half written is removed, the terminal is as it was, the facts are written.
 *
 * <p>Threading: {@link #ask} comes from any thread; {@link #begin} and {@link #over} bracket the
 * command on its own, which is interrupted in between.
 */
public final class Stop {
    /** How long a machine whose vCPU is in somebody's slow handler may delay the end. */
    private static final long CLOSE_MILLIS = 500;

    private final List<Runnable> urgent = new ArrayList<>();
    private @Nullable Thread thread;
    private volatile int signal;
    private volatile @Nullable String detail;

    /** The command was asked to end; unwinds what only a callback can leave. */
    static final class Stopped extends RuntimeException {
        @Serial private static final long serialVersionUID = 1L;

        private Stopped(String message) {
            super(message);
        }
    }

    /** The command begins on this thread. */
    public synchronized void begin() {
        thread = Thread.currentThread();
        if (signal != 0) {
            thread.interrupt();
        }
    }

    /** It has ended: from now on nothing is interrupted, and what came late is forgotten. */
    public synchronized void over() {
        thread = null;
        Thread.interrupted();
    }

    /**
     * @param number of the signal, from 1; of several the first counts. When it comes again, what
     *     must not stay behind is done at once, on this thread
     */
    public void ask(int number) {
        List<Runnable> now = List.of();
        synchronized (this) {
            if (signal != 0) {
                now = List.copyOf(urgent);
            } else {
                signal = number;
                if (thread != null) {
                    thread.interrupt();
                }
            }
        }
        now.forEach(Runnable::run);
    }

    /** Adds what must be done even if the process is about to be killed. Idempotent actions. */
    synchronized void urgently(Runnable action) {
        urgent.add(action);
    }

    public boolean asked() {
        return signal != 0;
    }

    /** What the process exits with. */
    public int code() {
        return 128 + signal;
    }

    /**
     * For loops and callbacks, which an interrupt alone does not leave.
     *
     * @throws Stopped if the command was asked to end
     */
    public void check() {
        if (signal != 0) {
            throw new Stopped(reason());
        }
    }

    /** What the one line says besides: what became of the work. */
    public void detail(String what) {
        detail = what;
    }

    public String reason() {
        String name =
                switch (signal) {
                    case 1 -> "SIGHUP";
                    case 2 -> "SIGINT";
                    case 15 -> "SIGTERM";
                    default -> "signal " + signal;
                };
        String more = detail;
        return "ended by " + name + (more == null ? "" : "; " + more);
    }

    /**
     * Runs {@code action}; after a signal for a limited time only, since the process ends anyway.
     */
    public void bounded(Runnable action) {
        if (signal == 0) {
            action.run();
            return;
        }
        CountDownLatch done = new CountDownLatch(1);
        Thread.ofPlatform()
                .daemon()
                .name("stop")
                .start(() -> {
                    try {
                        action.run();
                    } finally {
                        done.countDown();
                    }
                });
        boolean interrupted = Thread.interrupted();
        try {
            if (!done.await(CLOSE_MILLIS, TimeUnit.MILLISECONDS)) {
                System.getLogger(Stop.class.getName())
                        .log(System.Logger.Level.DEBUG, "left while a vCPU was in a slow handler");
            }
        } catch (InterruptedException e) {
            interrupted = true;
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
