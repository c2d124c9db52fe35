// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.run;

import dev.faultline.api.snapshot.Restored;
import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineException;
import dev.faultline.api.vm.VcpuExit;
import dev.faultline.shell.internal.cli.ExitCode;
import dev.faultline.shell.internal.cli.Services;
import dev.faultline.shell.internal.cli.TerminalInput;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * One machine from its first instruction to its end, with what {@code run} and {@code restore} can
 * ask for on the way.
 */
public final class RunSession extends GuestRun {
    private final Services services;
    private final RunOptions options;
    private final SnapshotSaver saver;
    private @Nullable TerminalInput input;
    private @Nullable OpenOnFault opener;
    private @Nullable Restored restored;
    private @Nullable BootRecorder recorder;
    private @Nullable Resumed resumed;
    private double consoleMillis;
    private boolean endsWhenSaved;
    private volatile boolean endAsked;

    public RunSession(Services services, Machine machine, RunOptions options) {
        super(services, machine, services.closing(machine), options);
        this.services = services;
        this.options = options;
        this.saver = new SnapshotSaver(services, machine, options);
    }

    /** The snapshot of --snapshot-when is all that is wanted; without it the run has failed. */
    public void endWhenSaved() {
        endsWhenSaved = true;
    }

    /**
     * A boot that is resumed where it was stored.
     *
     * @param console what the guest had sent until then; whoever watches it gets it once more
     * @param key of the entry
     */
    public record Resumed(byte[] console, String key) {}

    /** The guest is stored in the boot cache on the way. Before {@link #open}. */
    public void record(BootRecorder with) {
        recorder = with;
    }

    /** It is a boot that was stored. Before {@link #run}. */
    public void resumes(Resumed from) {
        resumed = from;
    }

    /**
     * From power-on to the end, as {@link #run}.
     *
     * @return the process's exit code
     */
    public int boot(BootOptions boot) throws IOException, MachineException, InterruptedException {
        open();
        boot.load(machine());
        protect();
        return run(null);
    }

    // ---- what comes and goes with the machine

    @Override
    protected void attach() throws IOException {
        if (options.snapshotWhen != null) {
            watch(options.snapshotWhen, saver::textSent);
        }
        if (recorder != null) {
            recorder.attach(serial());
        }
        super.attach();
    }

    @Override
    protected Consumer<byte[]> stdio() {
        input =
                new TerminalInput(
                        services.in(), this::send, () -> endAsked = true, this::serialFailed);
        return to(services.out());
    }

    /** Applies {@code --protect}, after RAM is mapped. */
    public void protect() {
        if (options.protect.equals("none")) {
            return;
        }
        opener = new OpenOnFault(machine());
        if (options.protect.startsWith("random:")) {
            opener.closeAtRandom(Long.parseLong(options.protect.substring("random:".length())));
        }
    }

    @Override
    protected void detach() {
        try (OpenOnFault _ = opener;
                TerminalInput _ = input) {
            super.detach();
            if (recorder != null) {
                recorder.detach();
            }
        }
    }

    // ---- running

    /**
     * Runs to the end. What went wrong on the way is thrown; the facts until then are reported.
     *
     * @param from of a restore, or null
     * @return the process's exit code
     */
    public int run(@Nullable Restored from)
            throws IOException, MachineException, InterruptedException {
        restored = from;
        End end;
        try {
            start();
            end = untilTheEnd();
        } catch (IOException | MachineException | InterruptedException | RuntimeException e) {
            Thread.interrupted(); // what follows must not be cut off
            if (services.stop().asked()) {
                if (restored != null) {
                    restored.close(); // a vCPU that waits for a page comes out
                }
                services.stop().detail(saver.whatBecame());
                services.stop().bounded(() -> leave(services.stop().reason()));
            } else {
                leave("the run failed: " + e.getMessage());
            }
            throw e;
        }
        leave(end.reason());
        services.err().println("faultline: " + end.reason());
        return services.report().end(end.code(), end.reason());
    }

    @Override
    public void start() {
        if (resumed != null) {
            serial().replay(resumed.console());
            consoleMillis = times().wallMillis();
        }
        if (input != null) {
            // Not before: a restore replaces what the serial port has received.
            input.start(services.stop());
        }
        super.start();
    }

    private End untilTheEnd() throws IOException, MachineException, InterruptedException {
        long limit = options.timeLimit(times().begun());
        for (; ; ) {
            services.stop().check();
            End end = endAfter(machine().await(POLL), limit);
            if (end != null) {
                return end;
            }
        }
    }

    @Override
    protected @Nullable End wanted(@Nullable VcpuExit x) throws IOException, MachineException {
        checkSerial();
        if (recorder != null) {
            recorder.look(serial(), x == null);
        }
        if (saver.saveIfWanted(restored != null) && endsWhenSaved) {
            return new End(ExitCode.DONE, "the guest sent the text of --when, and was saved");
        }
        if (stopTextSent()) {
            return End.STOP_TEXT;
        }
        return endAsked ? new End(ExitCode.DONE, "ended from the terminal") : null;
    }

    @Override
    protected End exited(VcpuExit x) {
        if (x instanceof VcpuExit.Crashed) {
            String registers = Registers.of(machine());
            services.err().print(registers);
            services.report().put("registers", registers.lines().toList());
        }
        End end = super.exited(x);
        return endsWhenSaved
                ? new End(
                        ExitCode.ERROR,
                        "nothing was saved: the guest never sent the text of --when; "
                                + end.reason())
                : end;
    }

    @Override
    protected @Nullable SnapshotException failure() {
        return restored == null ? null : restored.failure();
    }

    /** The guest stands, the terminal is as it was, and the facts are reported. */
    private void leave(String reason) {
        stand(reason);
        saver.tellSkipped();
        if (recorder != null) {
            recorder.ended(reason);
        }
        if (opener != null) {
            opener.close();
        }
        if (input != null) {
            services.out().flush();
            input.close();
        }
        services.report().putAll(facts());
    }

    private Map<String, Object> facts() {
        Map<String, Object> m = new LinkedHashMap<>(MachineFacts.of(machine()));
        Double firstInstruction = times().firstInstructionMillis();
        m.put("reboots", reboots());
        m.put("wallMillis", times().wallMillis());
        m.put("firstInstructionMillis", firstInstruction == null ? 0.0 : firstInstruction);
        m.put("pagesOpened", opener == null ? 0L : opener.opened());
        m.putAll(saver.facts());
        if (recorder != null) {
            m.put("bootCache", recorder.facts());
        } else if (resumed != null) {
            Map<String, Object> hit = new LinkedHashMap<>();
            hit.put("hit", true);
            hit.put("key", resumed.key());
            hit.put("consoleMillis", consoleMillis);
            m.put("bootCache", hit);
        }
        if (restored != null) {
            m.put("restore", RestoreFacts.of(restored, times().readyMillis()));
        }
        return m;
    }
}
