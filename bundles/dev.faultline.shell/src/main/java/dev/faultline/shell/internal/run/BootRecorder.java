// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.run;

import dev.faultline.api.snapshot.SaveOptions;
import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.api.snapshot.SnapshotInfo;
import dev.faultline.api.vm.Machine;
import dev.faultline.shell.internal.bootcache.BootDraft;
import dev.faultline.shell.internal.bootcache.BootFiles;
import dev.faultline.shell.internal.bootcache.BootKey;
import dev.faultline.shell.internal.bootcache.BootStore;
import dev.faultline.shell.internal.cli.OneLine;
import dev.faultline.shell.internal.cli.Progress;
import dev.faultline.shell.internal.cli.Services;
import dev.faultline.shell.internal.cli.Sizes;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Stores a booting guest in the boot cache, once: when it first waits for input, or has sent a
 * text. Whatever comes in the way costs the entry, never the run. Until then the guest gets no
 * input, for one that has had some is not the next run's.
 *
 * <p>Threading: what the guest sends comes on a vCPU's thread, all else on the command's.
 */
public final class BootRecorder {
    /**
     * What is wanted.
     *
     * @param files as they were when the key was made
     * @param when the text that the guest has to send; null: until it waits for input
     * @param patienceSeconds of guest time for which input is held
     */
    public record Wanted(
            BootStore store,
            BootKey key,
            BootFiles files,
            @Nullable String when,
            long patienceSeconds) {}

    private final Services services;
    private final Machine machine;
    private final Wanted wanted;
    private final InputPause pause;
    private final Consumer<byte[]> listener = this::sent;

    private final ByteArrayOutputStream console = new ByteArrayOutputStream(); // guarded by itself
    private volatile boolean textSent;
    private volatile boolean tooMuch;

    private boolean done;
    private long heldSince = -1;
    private @Nullable SnapshotInfo stored;
    private @Nullable String reason;

    public BootRecorder(Services services, Machine machine, Wanted wanted) {
        this.services = services;
        this.machine = machine;
        this.wanted = wanted;
        this.pause = new InputPause(machine);
    }

    // ---- what the guest sends

    void attach(SerialLine serial) {
        machine.serial().addListener(listener);
        if (wanted.when() != null) {
            serial.watch(RunOptions.unescape(wanted.when()), () -> textSent = true);
        }
        serial.hold();
    }

    void detach() {
        machine.serial().removeListener(listener);
    }

    private void sent(byte[] bytes) {
        synchronized (console) {
            if (console.size() + bytes.length > BootStore.MOST_CONSOLE) {
                tooMuch = true;
            } else {
                console.writeBytes(bytes);
            }
        }
    }

    // ---- when

    /**
     * Stores the guest if it has come so far.
     *
     * @param runs it has not ended
     */
    void look(SerialLine serial, boolean runs) {
        if (done || !runs) {
            return;
        }
        if (tooMuch) {
            giveUp(
                    "the guest sent more than "
                            + Sizes.bytes(BootStore.MOST_CONSOLE)
                            + " until then");
        } else if (wanted.when() == null ? pause.look() : textSent) {
            store();
        } else if (serial.holdsInput()) {
            hold();
        }
        if (done) {
            serial.release();
        }
    }

    private void hold() {
        long now = machine.clock().nanos();
        if (heldSince < 0) {
            heldSince = now;
        } else if (now - heldSince > TimeUnit.SECONDS.toNanos(wanted.patienceSeconds())) {
            giveUp(
                    "input was held for %d s until the guest %s; now the guest has it"
                            .formatted(wanted.patienceSeconds(), until()));
        }
    }

    private String until() {
        return wanted.when() == null
                ? "would wait for input"
                : "would send the text of --boot-cache-when";
    }

    /** The run has ended. */
    void ended(String why) {
        if (!done) {
            giveUp(
                    wanted.when() == null
                            ? "the guest never waited for input (%s); --boot-cache-when TEXT stores it when it has sent TEXT"
                                    .formatted(why)
                            : "the guest never sent the text of --boot-cache-when (%s)"
                                    .formatted(why));
        }
    }

    private void giveUp(String why) {
        done = true;
        reason = why;
        services.err().println("faultline: boot cache: nothing was stored: " + OneLine.of(why));
    }

    // ---- storing

    private void store() {
        long begin = System.nanoTime();
        try (BootDraft draft = wanted.store().begin(wanted.key())) {
            SnapshotInfo i;
            try (Progress p = new Progress(services.err())) {
                i =
                        services.snapshots()
                                .save(
                                        machine,
                                        draft.snapshot(),
                                        SaveOptions.DEFAULT,
                                        services.telling(p, "storing"));
            }
            if (!BootFiles.read(wanted.files().boot()).equals(wanted.files())) {
                giveUp("a file of the boot was changed since this run began");
                return;
            }
            byte[] sent;
            synchronized (console) {
                sent = console.toByteArray();
            }
            switch (draft.publish(i.id(), sent)) {
                case STORED -> stored(i, Sizes.millis(System.nanoTime() - begin));
                case THERE_ALREADY -> giveUp("another run has stored the same meanwhile");
                case TOO_LARGE ->
                        giveUp(
                                "%s is more than all entries may be together, %s (limit of the configuration)"
                                        .formatted(
                                                Sizes.bytes(i.bytes()),
                                                Sizes.bytes(wanted.store().limit())));
            }
        } catch (IOException | SnapshotException e) {
            if (!done) {
                giveUp(String.valueOf(e.getMessage()));
            }
        }
    }

    private void stored(SnapshotInfo i, double millis) {
        done = true;
        stored = i;
        services.err()
                .printf(
                        "faultline: boot cache: stored, %s, in %s: the next start of the same resumes here (key %s)%n",
                        Sizes.bytes(i.bytes()),
                        Sizes.millis(millis),
                        BootKey.shortened(wanted.key().hex()));
    }

    /** For scripts. */
    Map<String, @Nullable Object> facts() {
        Map<String, @Nullable Object> m = new LinkedHashMap<>();
        m.put("hit", false);
        m.put("key", wanted.key().hex());
        m.put("stored", stored != null);
        if (stored != null) {
            m.put("bytes", stored.bytes());
            m.put("storeMillis", Sizes.millis(stored.saveNanos()));
        }
        m.put("reason", reason);
        return m;
    }
}
