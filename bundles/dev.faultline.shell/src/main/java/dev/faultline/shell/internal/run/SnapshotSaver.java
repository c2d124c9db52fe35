// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.run;

import dev.faultline.api.snapshot.SaveOptions;
import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.api.snapshot.SnapshotInfo;
import dev.faultline.api.vm.Machine;
import dev.faultline.shell.internal.cli.Progress;
import dev.faultline.shell.internal.cli.Services;
import dev.faultline.shell.internal.cli.Sizes;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * The snapshots of {@code --snapshot-when}, and those for which there was no time.
 *
 * <p>Threading: {@link #textSent} comes on a vCPU's thread, all else on the command's.
 */
final class SnapshotSaver {
    private final Services services;
    private final Machine machine;
    private final RunOptions options;
    private final List<SnapshotInfo> saved = new CopyOnWriteArrayList<>();
    private final AtomicInteger skipped = new AtomicInteger();
    private volatile boolean wanted;
    private @Nullable Path savingTo;

    SnapshotSaver(Services services, Machine machine, RunOptions options) {
        this.services = services;
        this.machine = machine;
        this.options = options;
    }

    /** The guest has sent the text. */
    void textSent() {
        if (wanted && saved.size() + 1 < options.snapshotCount) {
            skipped.incrementAndGet(); // the one before has not been saved yet
        }
        wanted = true;
    }

    /**
     * Saves the machine if the text came.
     *
     * @param wasRestored the machine
     * @return whether it was saved
     */
    boolean saveIfWanted(boolean wasRestored) throws SnapshotException {
        if (!wanted || saved.size() >= options.snapshotCount) {
            return false;
        }
        wanted = false;
        save(wasRestored);
        return true;
    }

    private void save(boolean wasRestored) throws SnapshotException {
        boolean one = options.snapshotCount == 1;
        Path asked = Objects.requireNonNull(options.snapshotTo, "given with --snapshot-when");
        Path to = one ? asked : asked.resolve("%04d".formatted(saved.size() + 1));
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
            i = services.snapshots().save(machine, to, how, services.telling(p, "saving"));
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

    /** Of the guest, and of a snapshot that was being saved, when a signal came. */
    String whatBecame() {
        Path cut = savingTo;
        if (cut == null) {
            return "the guest was stopped";
        }
        return Files.exists(cut.resolve("manifest"))
                ? "the guest was stopped; " + cut + " was saved"
                : "the guest was stopped while " + cut + " was saved, nothing of which is left";
    }

    /** Fewer snapshots than the guest has asked for, or than were wanted. */
    void tellSkipped() {
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

    /** For scripts; empty if nothing was saved nor more than one wanted. */
    Map<String, Object> facts() {
        Map<String, Object> m = new LinkedHashMap<>();
        if (!saved.isEmpty()) {
            m.put("snapshot", facts(saved.getLast()));
        }
        if (options.snapshotCount > 1) {
            m.put("snapshotsSkipped", skipped.get());
            m.put("snapshots", saved.stream().map(SnapshotSaver::facts).toList());
        }
        return m;
    }

    private static Map<String, Object> facts(SnapshotInfo i) {
        Map<String, Object> s = new LinkedHashMap<>();
        Path dir = Objects.requireNonNull(i.dir(), "it was saved in a directory");
        s.put("path", dir.toString());
        s.put("id", i.id());
        s.put("bytes", i.bytes());
        s.put("saveMillis", Sizes.millis(i.saveNanos()));
        s.put("pauseMillis", Sizes.millis(i.pauseNanos()));
        return s;
    }
}
