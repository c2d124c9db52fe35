// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.run;

import dev.faultline.api.vm.Machine;
import java.util.concurrent.TimeUnit;

/**
 * Whether a guest waits for input, as far as can be seen from outside. It does if it has looked at
 * the empty receiver over and over since it last sent something; or if, at every look during a
 * quarter of a second of guest time, all its vCPUs slept, its receive interrupt was enabled and it
 * had sent nothing more. That quarter is there for guests that sleep shortly for other reasons, as
 * kernels do while they boot; it decides when a guest is stored, never what.
 *
 * <p>Threading: one thread, the command's.
 */
final class InputPause {
    static final long QUIET_NANOS = TimeUnit.MILLISECONDS.toNanos(250);

    private final Machine machine;
    private long since;
    private long sent;
    private boolean quiet;

    InputPause(Machine machine) {
        this.machine = machine;
    }

    /** Looks once. */
    boolean look() {
        return switch (machine.serial().inputWait()) {
            case NONE -> {
                quiet = false;
                yield false;
            }
            case POLLED -> true;
            case INTERRUPT -> sleeps();
        };
    }

    private boolean sleeps() {
        long now = machine.clock().nanos();
        long bytes = machine.serial().bytesSent();
        boolean was = quiet && bytes == sent;
        quiet = machine.idle();
        sent = bytes;
        if (!was) {
            since = now;
        }
        return quiet && now - since >= QUIET_NANOS;
    }
}
