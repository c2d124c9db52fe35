// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.run;

import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineException;
import dev.faultline.api.vm.VcpuExit;
import dev.faultline.shell.internal.cli.ExitCode;
import dev.faultline.shell.internal.cli.OneLine;
import java.io.PrintStream;
import org.jspecify.annotations.Nullable;

/** What {@code --on-reset} asks for when a guest resets its machine, or crashes. */
final class Reboots {
    /** A guest that crashes at once does so ten times a second, not ten thousand times. */
    private static final long SHORTEST_NANOS = 100_000_000;

    private static final long LOOK_MILLIS = 10;

    private final Machine machine;
    private final boolean wanted;
    private final PrintStream err;
    private int count;
    private long last;
    private @Nullable String failure;

    /**
     * @param err told of each reboot: a guest that resets for ever does not do so in silence
     */
    Reboots(Machine machine, RunOptions options, PrintStream err) {
        this.machine = machine;
        this.wanted = options.onReset == RunOptions.OnReset.REBOOT;
        this.err = err;
    }

    /**
     * Resets and starts the machine if that is what follows {@code x}.
     *
     * @return true: it runs, or will when it is asked for again
     */
    boolean again(VcpuExit x) throws InterruptedException {
        if (!wanted || !(x instanceof VcpuExit.Reset || x instanceof VcpuExit.Crashed)) {
            return false;
        }
        if (count > 0 && System.nanoTime() - last < SHORTEST_NANOS) {
            Thread.sleep(LOOK_MILLIS);
            return true;
        }
        if (x instanceof VcpuExit.Crashed) {
            err.print(Registers.of(machine)); // they go with the reset
        }
        try {
            machine.reset();
        } catch (MachineException e) {
            failure = OneLine.of(e.getMessage());
            return false;
        }
        count++;
        last = System.nanoTime();
        err.printf(
                "faultline: %s: %s; reboot %d%n",
                machine.config().name(), End.reason(x, null), count);
        machine.start();
        return true;
    }

    int count() {
        return count;
    }

    /** The process's exit code for {@code x}, the machine's last exit. */
    int code(VcpuExit x) {
        boolean reset = x instanceof VcpuExit.Reset;
        return reset && failure != null ? ExitCode.ERROR : End.code(x);
    }

    /** {@code reason}, with why the guest could not boot again. */
    String reason(String reason) {
        return failure == null
                ? reason
                : reason
                        + "; it cannot boot again: "
                        + failure
                        + " (restore takes --reset-image IMAGE; --on-reset stop ends here)";
    }
}
