// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.run;

import dev.faultline.api.fault.FaultOrigin;
import dev.faultline.api.snapshot.Restored;
import dev.faultline.api.snapshot.SaveOptions;
import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.api.snapshot.SnapshotInfo;
import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineException;
import dev.faultline.api.vm.MachineStatistics;
import dev.faultline.api.vm.VcpuExit;
import dev.faultline.shell.internal.cli.ExitCode;
import dev.faultline.shell.internal.cli.Progress;
import dev.faultline.shell.internal.cli.Services;
import dev.faultline.shell.internal.cli.Sizes;
import dev.faultline.shell.internal.cli.TerminalInput;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;

/**
 * One machine from its first instruction to its end, with what {@code run} and {@code restore} can
 * ask for on the way.
 */
public final class RunSession implements AutoCloseable {
    private static final Duration POLL = Duration.ofMillis(10);

    private final Services services;
    private final Machine machine;
    private final RunOptions options;
    private final Consumer<byte[]> listener = this::received;
    private final List<TextTrigger> inputTriggers = new ArrayList<>();
    private final List<byte[]> inputs = new ArrayList<>();
    private final Echo echo = new Echo();
    private TextTrigger stop;
    private TextTrigger snapshot;
    private OutputStream sink;
    private TerminalInput input;
    private OpenOnFault opener;
    private final Reboots reboots;
    private final List<SnapshotInfo> saved = new CopyOnWriteArrayList<>();
    private final AtomicInteger skipped = new AtomicInteger();
    private boolean endsWhenSaved;
    private Path savingTo;
    private long begin = System.nanoTime();
    private volatile long firstInstruction;
    private volatile long readyAt;
    private volatile boolean stopSeen;
    private volatile boolean snapshotSeen;
    private volatile boolean endAsked;
    private volatile IOException serialFailure;

    public RunSession(Services services, Machine machine, RunOptions options) {
        this.services = services;
        this.machine = machine;
        this.options = options;
        this.reboots = new Reboots(machine, options, services.err());
    }

    /** The snapshot of --snapshot-when is all that is wanted; without it the run has failed. */
    public void endWhenSaved() {
        endsWhenSaved = true;
    }

    /** Sets up serial port and triggers. Before boot or restore. */
    public void prepare() throws IOException {
        for (Map.Entry<String, String> e : options.inputs()) {
            inputTriggers.add(new TextTrigger(e.getKey()));
            inputs.add(e.getValue().getBytes(StandardCharsets.UTF_8));
        }
        if (options.stopWhen != null) {
            stop = new TextTrigger(RunOptions.unescape(options.stopWhen));
        }
        if (options.snapshotWhen != null) {
            snapshot = new TextTrigger(RunOptions.unescape(options.snapshotWhen));
        }
        if (options.serial.equals("stdio")) {
            sink = services.out();
            input =
                    new TerminalInput(
                            services.in(),
                            this::send,
                            () -> endAsked = true,
                            e -> serialFailure = e);
        } else if (options.serial.startsWith("file:")) {
            sink = options.serialFile(options.serial.substring(5));
        }
        machine.serial().addListener(listener);
        machine.onFirstInstruction(() -> firstInstruction = System.nanoTime());
    }

    /** The clock of firstInstructionMillis starts now. */
    public void begin() {
        begin = System.nanoTime();
    }

    /** Applies {@code --protect}, after RAM is mapped. */
    public void protect() {
        if (options.protect.equals("none")) {
            return;
        }
        opener = new OpenOnFault(machine);
        if (options.protect.startsWith("random:")) {
            opener.closeAtRandom(Long.parseLong(options.protect.substring("random:".length())));
        }
    }

    /** On the sending vCPU's thread. */
    private void received(byte[] bytes) {
        try {
            if (sink != null) {
                sink.write(bytes);
                sink.flush();
            }
        } catch (IOException e) {
            serialFailure = e;
        }
        for (byte b : bytes) {
            echo.heard(b);
            // In order: an --input-when waits until the ones before it have been answered.
            if (!inputTriggers.isEmpty() && inputTriggers.getFirst().accept(b, echo)) {
                inputTriggers.removeFirst();
                send(inputs.removeFirst());
            }
            if (snapshot != null && snapshot.accept(b, echo)) {
                if (snapshotSeen && saved.size() + 1 < options.snapshotCount) {
                    skipped.incrementAndGet(); // the one before has not been saved yet
                }
                snapshotSeen = true;
            }
            if (stop != null && stop.accept(b, echo)) {
                readyAt = System.nanoTime();
                stopSeen = true;
            }
        }
    }

    private void send(byte[] bytes) {
        echo.sent(bytes);
        machine.serial().send(bytes);
    }

    /** Why the run ended, and what the process exits with. */
    private record End(int code, String reason) {}

    /**
     * Runs to the end. What went wrong on the way is thrown; the facts until then are reported.
     *
     * @param restored of a restore, or null
     * @return the process's exit code
     */
    public int run(Restored restored) throws IOException, MachineException, InterruptedException {
        End end;
        try {
            if (input != null) {
                // Not before: a restore replaces what the serial port has received.
                input.start(services.stop());
            }
            if (options.input != null) {
                send(RunOptions.unescape(options.input).getBytes(StandardCharsets.UTF_8));
            }
            machine.start();
            end = untilTheEnd(restored);
        } catch (IOException | MachineException | InterruptedException | RuntimeException e) {
            Thread.interrupted(); // what follows must not be cut off
            if (services.stop().asked()) {
                if (restored != null) {
                    restored.close(); // a vCPU that waits for a page comes out
                }
                services.stop().detail(whatBecame());
                services.stop().bounded(() -> leave(services.stop().reason(), restored));
            } else {
                leave("the run failed: " + e.getMessage(), restored);
            }
            throw e;
        }
        leave(end.reason(), restored);
        services.err().println("faultline: " + end.reason());
        return services.report().end(end.code(), end.reason());
    }

    /** Of the guest, and of a snapshot that was being saved. */
    private String whatBecame() {
        Path cut = savingTo;
        if (cut == null) {
            return "the guest was stopped";
        }
        return Files.exists(cut.resolve("manifest"))
                ? "the guest was stopped; " + cut + " was saved"
                : "the guest was stopped while " + cut + " was saved, nothing of which is left";
    }

    /** The guest stands, the terminal is as it was, and the facts are reported. */
    private void leave(String reason, Restored restored) {
        machine.pause(reason);
        tellSkipped();
        if (opener != null) {
            opener.close();
        }
        if (input != null) {
            services.out().flush();
            input.close();
        }
        services.report().putAll(facts(restored));
    }

    /** Fewer snapshots than the guest has asked for, or than were wanted. */
    private void tellSkipped() {
        if (options.snapshotCount == 1
                || skipped.get() == 0 && saved.size() == options.snapshotCount) {
            return;
        }
        services.err()
                .println(
                        "faultline: %d of %d snapshots were saved%s"
                                .formatted(
                                        saved.size(),
                                        options.snapshotCount,
                                        skipped.get() == 0
                                                ? ""
                                                : "; %d times the text of --snapshot-when came while an earlier one was still to be saved, and was skipped"
                                                        .formatted(skipped.get())));
    }

    private End untilTheEnd(Restored restored)
            throws IOException, MachineException, InterruptedException {
        long limit = options.timeout == 0 ? Long.MAX_VALUE : begin + (long) (options.timeout * 1e9);
        for (; ; ) {
            services.stop().check();
            VcpuExit x = machine.await(POLL);
            if (serialFailure != null) {
                throw new IOException("serial port: " + serialFailure.getMessage(), serialFailure);
            }
            if (snapshotSeen && saved.size() < options.snapshotCount) {
                snapshotSeen = false;
                save(restored != null);
                if (endsWhenSaved) {
                    return new End(
                            ExitCode.DONE, "the guest sent the text of --when, and was saved");
                }
            }
            if (stopSeen) {
                return new End(ExitCode.DONE, "the guest sent the text of --stop-when");
            }
            if (endAsked) {
                return new End(ExitCode.DONE, "ended from the terminal");
            }
            if (x != null && reboots.again(x)) {
                x = null;
            }
            if (x != null) {
                return endOf(x, restored == null ? null : restored.failure());
            }
            if (System.nanoTime() > limit) {
                return new End(ExitCode.TIMEOUT, "the time of --timeout passed");
            }
        }
    }

    private End endOf(VcpuExit x, SnapshotException failure) {
        if (x instanceof VcpuExit.Crashed) {
            String registers = Registers.of(machine);
            services.err().print(registers);
            services.report().put("registers", registers.lines().toList());
        }
        String reason = reboots.reason(reason(x, failure));
        return endsWhenSaved
                ? new End(
                        ExitCode.ERROR,
                        "nothing was saved: the guest never sent the text of --when; " + reason)
                : new End(reboots.code(x), reason);
    }

    private void save(boolean wasRestored) throws SnapshotException {
        boolean one = options.snapshotCount == 1;
        Path to =
                one
                        ? options.snapshotTo
                        : options.snapshotTo.resolve("%04d".formatted(saved.size() + 1));
        // The first of several has nothing to refer to, unless the machine was restored.
        boolean refers = options.snapshotIncremental && (one || wasRestored || !saved.isEmpty());
        SaveOptions how =
                new SaveOptions(
                        options.snapshotCompression,
                        refers,
                        options.snapshotLive,
                        options.snapshotIncremental && !one);
        SnapshotInfo i;
        savingTo = to;
        try (Progress p = new Progress(services.err())) {
            i = services.snapshots().save(machine, to, how, f -> saving(p, to, f));
        }
        savingTo = null;
        saved.add(i);
        services.err()
                .printf(
                        "faultline: saved %s, id %s, %s, in %s; the guest stood %s%n",
                        to,
                        i.id(),
                        Sizes.bytes(i.bytes()),
                        Sizes.millis(Sizes.millis(i.saveNanos())),
                        Sizes.millis(Sizes.millis(i.pauseNanos())));
    }

    private void saving(Progress p, Path to, double fraction) {
        services.stop().check();
        p.done("saving", fraction);
    }

    private static Map<String, Object> snapshotFacts(SnapshotInfo i) {
        Map<String, Object> s = new LinkedHashMap<>();
        s.put("path", i.dir().toString());
        s.put("id", i.id());
        s.put("bytes", i.bytes());
        s.put("saveMillis", Sizes.millis(i.saveNanos()));
        s.put("pauseMillis", Sizes.millis(i.pauseNanos()));
        return s;
    }

    static int code(VcpuExit x) {
        return switch (x) {
            case VcpuExit.Exited e -> e.code() & 0xFF; // all that a process can tell
            case VcpuExit.PoweredOff _ -> ExitCode.DONE;
            case VcpuExit.Reset _ -> ExitCode.DONE;
            case VcpuExit.Crashed _ -> ExitCode.CRASHED;
            case VcpuExit.Fault _ -> ExitCode.ERROR;
            case VcpuExit.Paused _ -> ExitCode.ERROR;
        };
    }

    /**
     * @param failure of the restore, or null
     */
    public static String reason(VcpuExit x, SnapshotException failure) {
        return switch (x) {
            case VcpuExit.Exited e -> "the guest ended itself with exit code " + e.code();
            case VcpuExit.PoweredOff p -> "the guest powered off: " + p.how();
            case VcpuExit.Reset r -> "the guest reset the machine: " + r.how();
            case VcpuExit.Crashed c -> "the guest crashed: " + c.why();
            case VcpuExit.Fault f ->
                    failure != null ? failure.getMessage() : f.reason() + ": " + f.fault();
            case VcpuExit.Paused p -> "the machine paused: " + p.reason();
        };
    }

    double firstInstructionMillis() {
        return firstInstruction == 0 ? 0 : Sizes.millis(firstInstruction - begin);
    }

    private Map<String, Object> facts(Restored restored) {
        Map<String, Object> m = new LinkedHashMap<>(machineFacts(machine));
        m.put("reboots", reboots.count());
        m.put("wallMillis", Sizes.millis(System.nanoTime() - begin));
        m.put("firstInstructionMillis", firstInstructionMillis());
        m.put("pagesOpened", opener == null ? 0L : opener.opened());
        if (!saved.isEmpty()) {
            m.put("snapshot", snapshotFacts(saved.getLast()));
        }
        if (options.snapshotCount > 1) {
            m.put("snapshotsSkipped", skipped.get());
            m.put("snapshots", saved.stream().map(RunSession::snapshotFacts).toList());
        }
        if (restored != null) {
            Map<String, Object> r = new LinkedHashMap<>();
            r.put("mode", restored.mode().name().toLowerCase(java.util.Locale.ROOT));
            r.put("pagesLoaded", restored.pagesLoaded());
            r.put("bytesRead", restored.statistics().sourceBytes());
            r.put("readyMillis", readyAt == 0 ? null : Sizes.millis(readyAt - begin));
            r.putAll(RestoreFacts.of(restored.statistics()));
            r.put("source", RestoreFacts.of(restored.source()));
            m.put("restore", r);
        }
        return m;
    }

    /**
     * Resolution times of faults: bounds of their log2 buckets, and how many there are by upper
     * bound.
     */
    private static Map<String, Object> latency(MachineStatistics s) {
        Map<String, Object> l = new LinkedHashMap<>();
        l.put("p50", s.faultLatencyNanos(0.5));
        l.put("p99", s.faultLatencyNanos(0.99));
        l.put("max", s.faultLatencyNanos(1));
        Map<String, Object> buckets = new LinkedHashMap<>();
        for (int i = 0; i < s.faultLatency().size(); i++) {
            if (s.faultLatency().get(i) != 0) {
                buckets.put(String.valueOf(2L << i), s.faultLatency().get(i));
            }
        }
        l.put("buckets", buckets);
        return l;
    }

    /** The keys that every run has. */
    public static Map<String, Object> machineFacts(Machine machine) {
        MachineStatistics s = machine.statistics();
        Map<String, Object> m = new LinkedHashMap<>();
        m.put("engine", machine.engine());
        m.put("faultStyle", machine.faultStyle());
        m.put("instructions", s.instructions());
        Map<String, Object> f = new LinkedHashMap<>();
        f.put("total", s.faults());
        Map<String, Object> origins = new LinkedHashMap<>();
        for (FaultOrigin o : FaultOrigin.values()) {
            origins.put(o.name(), s.faultsByOrigin().getOrDefault(o, 0L));
        }
        f.put("byOrigin", origins);
        f.put("byAccess", s.faultsByAccess());
        f.put("latencyNanos", latency(s));
        m.put("faults", f);
        m.put("serialBytes", machine.serial().bytesSent());
        m.put("ramBytes", machine.config().ramBytes());
        return m;
    }

    @Override
    public void close() throws IOException {
        machine.serial().removeListener(listener);
        if (input != null) {
            input.close();
        }
        if (opener != null) {
            opener.close();
        }
        if (sink != null && sink != services.out()) {
            sink.close();
        }
    }
}
