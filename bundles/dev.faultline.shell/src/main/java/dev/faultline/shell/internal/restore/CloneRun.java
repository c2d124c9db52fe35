// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.restore;

import dev.faultline.api.platform.HostMemoryException;
import dev.faultline.api.snapshot.CloneBase;
import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.api.vm.MachineException;
import dev.faultline.api.vm.VcpuExit;
import dev.faultline.shell.internal.cli.LinePrinter;
import dev.faultline.shell.internal.cli.Services;
import dev.faultline.shell.internal.run.End;
import dev.faultline.shell.internal.run.GuestRun;
import dev.faultline.shell.internal.run.MachineFacts;
import dev.faultline.shell.internal.run.Registers;
import dev.faultline.shell.internal.run.RunOptions;
import java.io.IOException;
import java.io.PrintStream;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** One clone of several that run at once, from its first instruction to its end. */
final class CloneRun extends GuestRun {
    private final CloneBase.Clone clone;
    private final int number;
    private final LinePrinter printer;
    private final PrintStream err;
    private End end = new End(0, "not run");

    /**
     * @param number from 1; in the output's prefix or file name
     */
    CloneRun(
            CloneBase.Clone clone,
            int number,
            RunOptions options,
            LinePrinter printer,
            Services services) {
        super(services, clone.machine(), () -> services.stop().bounded(clone::close), options);
        this.clone = clone;
        this.number = number;
        this.printer = printer;
        this.err = services.err();
    }

    @Override
    protected Consumer<byte[]> stdio() {
        return printer.of(number);
    }

    @Override
    protected String fileName(String name) {
        return name.replace("%d", String.valueOf(number));
    }

    /** The machine stands at once: with many clones it may be long until its turn comes. */
    @Override
    protected void serialFailed(IOException e) {
        super.serialFailed(e);
        machine().pause("serial port: " + e.getMessage());
    }

    @Override
    protected void sentStopText() {
        if (!stopTextSent()) {
            super.sentStopText();
            machine().pause(End.STOP_TEXT.reason());
        }
    }

    @Override
    public void start() {
        begin();
        super.start();
    }

    /** Waits a moment for its end. */
    void look() throws InterruptedException {
        machine().await(POLL);
    }

    /**
     * Whether it is over; then it stands.
     *
     * @param limit when its time is, as {@link System#nanoTime}
     */
    boolean ended(long limit) throws IOException, MachineException, InterruptedException {
        VcpuExit x = machine().await(Duration.ZERO);
        End found = endAfter(x, limit);
        if (found == null) {
            return false;
        }
        if (x instanceof VcpuExit.Crashed) {
            err.print(Registers.of(machine()));
        }
        end = found;
        stand(end.reason());
        checkSerial();
        return true;
    }

    /** It paused its machine with the text, and is over when that stands. */
    @Override
    protected @Nullable End wanted(@Nullable VcpuExit x) {
        return x != null && stopTextSent() ? End.STOP_TEXT : null;
    }

    @Override
    protected End timedOut() {
        return stopTextSent() ? End.STOP_TEXT : super.timedOut();
    }

    @Override
    protected @Nullable SnapshotException failure() {
        return clone.failure();
    }

    End end() {
        return end;
    }

    Map<String, @Nullable Object> facts() {
        Map<String, @Nullable Object> m = new LinkedHashMap<>();
        m.put("name", machine().config().name());
        Map<String, Object> exit = new LinkedHashMap<>();
        exit.put("code", end.code());
        exit.put("reason", end.reason());
        m.put("exit", exit);
        m.put("reboots", reboots());
        m.putAll(MachineFacts.of(machine()));
        m.put("firstInstructionMillis", times().firstInstructionMillis());
        m.put("readyMillis", times().readyMillis());
        m.put("cloneFaults", clone.faults());
        m.put("privateBytes", privateBytes());
        return m;
    }

    /** Null where the host cannot tell. */
    @Nullable Long privateBytes() {
        try {
            return clone.privateBytes();
        } catch (HostMemoryException e) {
            return null;
        }
    }
}
