// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.run;

import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineException;
import dev.faultline.api.vm.VcpuExit;
import dev.faultline.shell.internal.cli.Services;
import java.io.IOException;
import java.io.OutputStream;
import java.time.Duration;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A session whose guest runs as {@link RunOptions} say, until {@link #endAfter} tells why it is
 * over.
 *
 * <p>Threading: as {@link MachineSession}; {@link #sentStopText} comes on a vCPU's thread, {@link
 * #serialFailed} there or on the one that reads standard input.
 */
public abstract class GuestRun extends MachineSession {
    /** How long one wait for an exit lasts: a text or a signal may end the run meanwhile. */
    protected static final Duration POLL = Duration.ofMillis(10);

    private static final String FILE = "file:";

    private final RunOptions options;
    private final Reboots reboots;
    private final SerialLine serial;
    private @Nullable OutputStream file;
    private volatile @Nullable IOException serialFailure;

    /**
     * @param closing closes the machine
     */
    protected GuestRun(
            Services services, Machine machine, Services.Closing closing, RunOptions options) {
        super(machine, closing);
        this.options = options;
        this.reboots = new Reboots(machine, options, services.err());
        this.serial = new SerialLine(machine);
    }

    // ---- the serial port

    @Override
    protected void attach() throws IOException {
        for (Map.Entry<String, String> e : options.inputs()) {
            serial.answer(e.getKey(), e.getValue());
        }
        if (options.stopWhen != null) {
            watch(options.stopWhen, this::sentStopText);
        }
        if (options.serial.equals("stdio")) {
            serial.output(stdio());
        } else if (options.serial.startsWith(FILE)) {
            file = options.serialFile(fileName(options.serial.substring(FILE.length())));
            serial.output(to(file));
        }
        serial.attach();
    }

    /** Runs {@code then} whenever the guest has sent {@code text}, an option's value. */
    final void watch(String text, Runnable then) {
        serial.watch(RunOptions.unescape(text), then);
    }

    /** What gets the guest's output with {@code --serial stdio}. */
    protected abstract Consumer<byte[]> stdio();

    /** The name of the file for {@code --serial file:NAME}. */
    protected String fileName(String name) {
        return name;
    }

    final Consumer<byte[]> to(OutputStream out) {
        return bytes -> {
            try {
                out.write(bytes);
                out.flush();
            } catch (IOException e) {
                serialFailed(e);
            }
        };
    }

    protected void serialFailed(IOException e) {
        serialFailure = e;
    }

    protected final void checkSerial() throws IOException {
        IOException failure = serialFailure;
        if (failure != null) {
            throw new IOException("serial port: " + failure.getMessage(), failure);
        }
    }

    final SerialLine serial() {
        return serial;
    }

    final void send(byte[] bytes) {
        serial.send(bytes);
    }

    /** The guest has sent the text of {@code --stop-when}. */
    protected void sentStopText() {
        times().ready();
    }

    protected final boolean stopTextSent() {
        return times().isReady();
    }

    // ---- running

    /** The guest gets what it is sent at the start, and runs. */
    @Override
    public void start() {
        if (options.input != null) {
            serial.send(RunOptions.unescape(options.input));
        }
        super.start();
    }

    /**
     * Why the run is over, or null while it goes on: a guest that reset its machine may boot again.
     *
     * @param x the machine's exit, or null
     * @param limit when the time is over, as {@link System#nanoTime}
     */
    protected final @Nullable End endAfter(@Nullable VcpuExit x, long limit)
            throws IOException, MachineException, InterruptedException {
        End wanted = wanted(x);
        if (wanted != null) {
            return wanted;
        }
        if (x != null && !reboots.again(x)) {
            return exited(x);
        }
        return System.nanoTime() > limit ? timedOut() : null;
    }

    /** The end that was asked for, if it has come; it counts more than the exit. */
    protected abstract @Nullable End wanted(@Nullable VcpuExit x)
            throws IOException, MachineException;

    /** The end by an exit that nothing follows. */
    protected End exited(VcpuExit x) {
        return new End(reboots.code(x), reboots.reason(End.reason(x, failure())));
    }

    protected End timedOut() {
        return End.TIMEOUT;
    }

    /** Of the restore that the machine came from, or null. */
    protected abstract @Nullable SnapshotException failure();

    protected final int reboots() {
        return reboots.count();
    }

    // ---- closing

    @Override
    protected void detach() {
        serial.detach();
    }

    @Override
    protected final void closeOutput() throws IOException {
        if (file != null) {
            file.close();
        }
    }
}
