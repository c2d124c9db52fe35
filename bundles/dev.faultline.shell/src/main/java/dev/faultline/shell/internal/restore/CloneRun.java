// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.restore;

import dev.faultline.api.platform.HostMemoryException;
import dev.faultline.api.snapshot.CloneBase;
import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.VcpuExit;
import dev.faultline.shell.internal.cli.ExitCode;
import dev.faultline.shell.internal.cli.LinePrinter;
import dev.faultline.shell.internal.cli.Services;
import dev.faultline.shell.internal.cli.Sizes;
import dev.faultline.shell.internal.cli.Stop;
import dev.faultline.shell.internal.run.Echo;
import dev.faultline.shell.internal.run.Reboots;
import dev.faultline.shell.internal.run.Registers;
import dev.faultline.shell.internal.run.RunOptions;
import dev.faultline.shell.internal.run.RunSession;
import dev.faultline.shell.internal.run.TextTrigger;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/** One clone of several that run at once, from its first instruction to its end. */
final class CloneRun implements AutoCloseable {
    private static final Duration POLL = Duration.ofMillis(10);
    private static final String STOPPED = "the guest sent the text of --stop-when";

    private final CloneBase.Clone clone;
    private final Stop stop;
    private final PrintStream err;
    private final Machine machine;
    private final Consumer<byte[]> listener = this::received;
    private final Consumer<byte[]> sink;
    private final OutputStream file;
    private final List<TextTrigger> triggers = new ArrayList<>();
    private final List<byte[]> answers = new ArrayList<>();
    private final TextTrigger end;
    private final byte[] input;
    private final Echo echo = new Echo();
    private final Reboots reboots;
    private long begin;
    private volatile long firstInstruction;
    private volatile long readyAt;
    private volatile IOException serialFailure;
    private int code;
    private String reason = "not run";

    /**
     * @param number from 1; in the output's prefix or file name
     */
    CloneRun(
            CloneBase.Clone clone,
            int number,
            RunOptions options,
            LinePrinter printer,
            Services services)
            throws IOException {
        this.clone = clone;
        this.stop = services.stop();
        this.err = services.err();
        this.machine = clone.machine();
        this.reboots = new Reboots(machine, options, services.err());
        for (Map.Entry<String, String> e : options.inputs()) {
            triggers.add(new TextTrigger(e.getKey()));
            answers.add(e.getValue().getBytes(StandardCharsets.UTF_8));
        }
        input =
                options.input == null
                        ? null
                        : RunOptions.unescape(options.input).getBytes(StandardCharsets.UTF_8);
        end =
                options.stopWhen == null
                        ? null
                        : new TextTrigger(RunOptions.unescape(options.stopWhen));
        if (options.serial.startsWith("file:")) {
            String name = options.serial.substring(5).replace("%d", String.valueOf(number));
            file = options.serialFile(name);
            sink = this::toFile;
        } else {
            file = null;
            sink = options.serial.equals("stdio") ? printer.of(number) : bytes -> {};
        }
        machine.serial().addListener(listener);
        machine.onFirstInstruction(() -> firstInstruction = System.nanoTime());
    }

    private void toFile(byte[] bytes) {
        try {
            file.write(bytes);
        } catch (IOException e) {
            serialFailure = e;
            machine.pause("serial port: " + e.getMessage());
        }
    }

    /** On the sending vCPU's thread. */
    private void received(byte[] bytes) {
        sink.accept(bytes);
        for (byte b : bytes) {
            echo.heard(b);
            // In order: an --input-when waits until the ones before it have been answered.
            if (!triggers.isEmpty() && triggers.getFirst().accept(b, echo)) {
                triggers.removeFirst();
                send(answers.removeFirst());
            }
            if (end != null && readyAt == 0 && end.accept(b, echo)) {
                readyAt = System.nanoTime();
                machine.pause(STOPPED);
            }
        }
    }

    private void send(byte[] bytes) {
        echo.sent(bytes);
        machine.serial().send(bytes);
    }

    void start() {
        begin = System.nanoTime();
        if (input != null) {
            send(input);
        }
        machine.start();
    }

    /** Waits a moment for its end. */
    void look() throws InterruptedException {
        machine.await(POLL);
    }

    /**
     * Whether it is over; then it stands.
     *
     * @param over its time is
     */
    boolean ended(boolean over) throws IOException, InterruptedException {
        VcpuExit x = machine.await(Duration.ZERO);
        boolean goesOn = x == null || readyAt == 0 && reboots.again(x);
        if (goesOn && !over) {
            return false;
        }
        if (x instanceof VcpuExit.Crashed) {
            err.print(Registers.of(machine));
        }
        if (readyAt != 0) {
            code = ExitCode.DONE;
            reason = STOPPED;
        } else if (goesOn) {
            code = ExitCode.TIMEOUT;
            reason = "the time of --timeout passed";
        } else {
            code = reboots.code(x);
            reason = reboots.reason(RunSession.reason(x, clone.failure()));
        }
        machine.pause(reason);
        if (serialFailure != null) {
            throw new IOException("serial port: " + serialFailure.getMessage(), serialFailure);
        }
        return true;
    }

    int code() {
        return code;
    }

    String reason() {
        return reason;
    }

    Map<String, Object> facts() {
        Map<String, Object> m = new LinkedHashMap<>();
        m.put("name", machine.config().name());
        Map<String, Object> exit = new LinkedHashMap<>();
        exit.put("code", code);
        exit.put("reason", reason);
        m.put("exit", exit);
        m.put("reboots", reboots.count());
        m.putAll(RunSession.machineFacts(machine));
        m.put(
                "firstInstructionMillis",
                firstInstruction == 0 ? null : Sizes.millis(firstInstruction - begin));
        m.put("readyMillis", readyAt == 0 ? null : Sizes.millis(readyAt - begin));
        m.put("cloneFaults", clone.faults());
        m.put("privateBytes", privateBytes());
        return m;
    }

    /** Null where the host cannot tell. */
    Long privateBytes() {
        try {
            return clone.privateBytes();
        } catch (HostMemoryException e) {
            return null;
        }
    }

    @Override
    public void close() throws IOException {
        machine.serial().removeListener(listener);
        stop.bounded(clone::close);
        if (file != null) {
            file.close();
        }
    }
}
