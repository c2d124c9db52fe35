// SPDX-License-Identifier: Apache-2.0
package dev.faultline.launcher;

import java.time.Duration;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.osgi.framework.Bundle;
import org.osgi.framework.FrameworkEvent;
import org.osgi.framework.launch.Framework;

/**
 * Sees to it that the process ends with its interactive shell. A shell that is left stops the
 * framework itself. One whose terminal goes, while SIGHUP is ignored or sent to somebody else, does
 * not: if the terminal was not the controlling one, reading fails and ends only the shell's thread;
 * if it was, reading gives nothing for ever, which the line editor takes for a person who thinks,
 * without a pause.
 *
 * <p>Threading: {@link #watch} starts a thread of its own; {@link #broken} is for any thread.
 */
final class ShellThread {
    /** Of Apache Felix Gogo. */
    private static final String NAME = "Gogo shell";

    private static final long LOOK_MILLIS = 100;

    /**
     * How often a thread that is not there is looked for. It is made while the platform starts:
     * what is not found has ended before it was seen, or takes its time on a busy host.
     */
    private static final int MOST_LOOKS = 600;

    /** How long a shell may read from a terminal that is gone. */
    private static final Duration TERMINAL = Duration.ofSeconds(1);

    /** How long a framework that the shell has asked to stop may take to begin with it. */
    private static final long BEGIN_MILLIS = 2_000;

    private final Framework framework;
    private final BooleanSupplier terminalIsGone;
    private volatile boolean broken;

    private ShellThread(Framework framework, BooleanSupplier terminalIsGone) {
        this.framework = framework;
        this.terminalIsGone = terminalIsGone;
    }

    /**
     * @param terminalIsGone also if it went before this call
     */
    static ShellThread watch(Framework framework, BooleanSupplier terminalIsGone) {
        ShellThread shell = new ShellThread(framework, terminalIsGone);
        Thread.ofPlatform().daemon().name("faultline-shell").start(shell::run);
        return shell;
    }

    /** Whether the shell ended otherwise than by being left. */
    boolean broken() {
        return broken;
    }

    private void run() {
        try {
            Thread thread = find();
            for (int looks = 1; thread == null; looks++) {
                if (terminalIsGone.getAsBoolean() || looks == MOST_LOOKS) {
                    end();
                    return;
                }
                Thread.sleep(LOOK_MILLIS);
                thread = find();
            }
            // Who exchanges the shell's bundle gets another thread.
            for (; thread != null; thread = find()) {
                while (!thread.join(TERMINAL)) {
                    if (terminalIsGone.getAsBoolean()) {
                        end();
                        return;
                    }
                }
                if (framework.waitForStop(BEGIN_MILLIS).getType() != FrameworkEvent.WAIT_TIMEDOUT
                        || framework.getState() == Bundle.STOPPING) {
                    return;
                }
            }
            end();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void end() {
        broken = true;
        Platform.stop(framework);
    }

    private static @Nullable Thread find() {
        ThreadGroup all = Thread.currentThread().getThreadGroup();
        while (all.getParent() != null) {
            all = all.getParent();
        }
        // A list that is too small is cut off silently.
        Thread[] threads = new Thread[all.activeCount() * 2 + 16];
        int n = all.enumerate(threads);
        for (int i = 0; i < n; i++) {
            if (threads[i].getName().equals(NAME)) {
                return threads[i];
            }
        }
        return null;
    }
}
