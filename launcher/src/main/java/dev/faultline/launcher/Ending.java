// SPDX-License-Identifier: Apache-2.0
package dev.faultline.launcher;

import java.util.Map;
import java.util.function.IntConsumer;
import java.util.function.LongSupplier;
import sun.misc.Signal;

/**
 * Ends the process in order when a signal asks for it (SIGHUP, SIGINT, SIGTERM): whoever works is
 * told, and has the time to stop guests, to remove what is half written, to restore the terminal
 * and to say so. The exit code is 128 + the signal's number. The JVM's own way would be to run the
 * shutdown hooks beside the command, which then fails for lack of the framework.
 *
 * <p>A signal that comes again after a second, when the end takes long, ends the process at once;
 * so does a limit. Sooner it counts as the same: terminals, supervisors and wrapping shells often
 * send two. Signals that are ignored when the process starts (nohup) stay ignored.
 *
 * <p>Threading: any thread; nobody is called with the lock held.
 */
final class Ending {
    static final Map<String, Integer> SIGNALS = Map.of("HUP", 1, "INT", 2, "TERM", 15);
    static final long SAME_NANOS = 1_000_000_000L;
    private static final long LONGEST_MILLIS = 10_000;

    private final LongSupplier clock;
    private final IntConsumer halt;
    private int signal;
    private long since;
    private IntConsumer worker = n -> {};

    /**
     * @param clock nanoseconds
     * @param halt ends the process at once, with this exit code
     */
    Ending(LongSupplier clock, IntConsumer halt) {
        this.clock = clock;
        this.halt = halt;
    }

    /** Takes the signals of this process. */
    static Ending install(IntConsumer halt) {
        Ending ending = new Ending(System::nanoTime, halt);
        SIGNALS.forEach((name, number) -> {
            try {
                Signal.handle(new Signal(name), s -> ending.signalled(number));
            } catch (IllegalArgumentException e) {
                // Windows has no SIGHUP; and with -Xrs the JVM leaves them all to the system.
            }
        });
        return ending;
    }

    /** A signal came. */
    void signalled(int number) {
        IntConsumer told;
        boolean first;
        synchronized (this) {
            first = signal == 0;
            if (first) {
                signal = number;
                since = clock.getAsLong();
            } else if (clock.getAsLong() - since < SAME_NANOS) {
                return;
            }
            told = worker;
        }
        if (first) {
            limit();
            told.accept(number);
        } else {
            told.accept(number); // restores the terminal at once
            atOnce("told again");
        }
    }

    private void limit() {
        Thread.ofPlatform()
                .daemon()
                .name("faultline-end")
                .start(() -> {
                    try {
                        Thread.sleep(LONGEST_MILLIS);
                    } catch (InterruptedException e) {
                        return;
                    }
                    atOnce("its work did not end within " + LONGEST_MILLIS / 1000 + " s");
                });
    }

    private void atOnce(String why) {
        System.err.println("faultline: " + words() + " at once: " + why);
        halt.accept(code());
    }

    /** From now on {@code who} works: told at once if a signal has come already. */
    void working(IntConsumer who) {
        int came;
        synchronized (this) {
            worker = who;
            came = signal;
        }
        if (came != 0) {
            who.accept(came);
        }
    }

    synchronized boolean asked() {
        return signal != 0;
    }

    synchronized int code() {
        return 128 + signal;
    }

    /**
     * Says the one line, where no command did.
     *
     * @return the exit code
     */
    int said() {
        System.err.println("faultline: " + words());
        return code();
    }

    /** What ended it, for people. */
    synchronized String words() {
        String name = "signal " + signal;
        for (Map.Entry<String, Integer> e : SIGNALS.entrySet()) {
            if (e.getValue() == signal) {
                name = "SIG" + e.getKey();
            }
        }
        return "ended by " + name;
    }
}
