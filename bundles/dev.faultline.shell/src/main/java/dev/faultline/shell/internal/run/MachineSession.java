// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.run;

import dev.faultline.api.vm.Machine;
import dev.faultline.shell.internal.cli.Services;
import java.io.Closeable;
import java.io.IOException;

/**
 * One machine of a command, from before it is loaded until it is closed. All sessions go the same
 * way: {@link #open}, {@link #begin}, {@link #start}, {@link #stand}, {@link #close}; what a kind
 * of session has beside its machine comes and goes in {@link #attach}, {@link #detach} and {@link
 * #closeOutput}.
 *
 * <p>Threading: one thread, the command's.
 */
public abstract class MachineSession implements AutoCloseable {
    private final Machine machine;
    private final Services.Closing closing;
    private final RunTimes times = new RunTimes();

    /**
     * Nothing here or in a subclass's constructor may fail: the machine is closed by closing its
     * session.
     *
     * @param closing closes the machine
     */
    protected MachineSession(Machine machine, Services.Closing closing) {
        this.machine = machine;
        this.closing = closing;
    }

    public final Machine machine() {
        return machine;
    }

    public final RunTimes times() {
        return times;
    }

    /** Before boot or restore: nothing that the guest does may be missed. */
    public final void open() throws IOException {
        attach();
        machine.onFirstInstruction(times::firstInstruction);
    }

    /** Adds what listens to the machine. If it fails, {@link #detach} is called all the same. */
    protected abstract void attach() throws IOException;

    /** The clock starts now. */
    public final void begin() {
        times.begin();
    }

    /** The guest runs. */
    public void start() {
        machine.start();
    }

    /** The guest stands, so that all that is told of it is of one moment. */
    protected final void stand(String reason) {
        machine.pause(reason);
    }

    /**
     * Nothing uses the machine any more; then it is closed, and after it what its vCPUs wrote to.
     * Each step is done whatever became of those before; the first failure is thrown.
     */
    @Override
    public final void close() throws IOException {
        try (Closeable _ = this::closeOutput;
                Services.Closing _ = closing) {
            detach();
        }
    }

    /** Ends what {@link #attach} began, and all else that uses the machine. */
    protected abstract void detach();

    /** The machine is closed, and writes no more. */
    protected void closeOutput() throws IOException {
        // Not every session has any.
    }
}
