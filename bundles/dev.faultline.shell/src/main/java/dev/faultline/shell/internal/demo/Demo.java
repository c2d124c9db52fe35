// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.demo;

import dev.faultline.api.snapshot.RestoreMode;
import dev.faultline.api.snapshot.RestoreOptions;
import dev.faultline.api.snapshot.Restored;
import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.api.snapshot.SnapshotInfo;
import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.api.vm.MachineException;
import dev.faultline.shell.internal.cli.Progress;
import dev.faultline.shell.internal.cli.Services;
import dev.faultline.shell.internal.cli.Sizes;
import dev.faultline.shell.internal.disk.FileTree;
import dev.faultline.shell.internal.guest.DemoGuest;
import dev.faultline.shell.internal.run.MachineFacts;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The demo: boot, snapshot, restore in each mode, swap services in mid-run, compare answers and
 * memory, show it.
 */
final class Demo {
    private final Services services;
    private final DemoGuest guest;
    private final Path picture;
    private final MachineConfig config;
    private final Swaps swaps;
    private final Progress progress;

    Demo(Services services, DemoGuest guest, long ramBytes, String engine, Path picture) {
        this.services = services;
        this.guest = guest;
        this.picture = picture;
        this.config = new MachineConfig("demo", ramBytes, 1, engine, "coded", List.of());
        this.swaps = new Swaps(services.styles(), engine);
        this.progress = new Progress(services.err());
    }

    int run() throws IOException, MachineException, InterruptedException {
        Path work = Files.createTempDirectory("faultline-demo");
        try {
            return run(work.resolve("snapshot"));
        } finally {
            FileTree.remove(work);
        }
    }

    private int run(Path dir) throws IOException, MachineException, InterruptedException {
        services.report().put("guest", guest.name());
        services.report().put("ramBytes", config.ramBytes());
        try (DemoSession first = session()) {
            first.open();
            progress.say(
                    "1/5  booting the "
                            + guest.name()
                            + " guest with "
                            + Sizes.bytes(config.ramBytes())
                            + " ...");
            Set<Long> skip = guest.volatilePages(boot(first));
            progress.say("2/5  saving a snapshot ...");
            snapshotFacts(
                    services.snapshots()
                            .save(first.machine(), dir, services.telling(progress, "     saving")));
            progress.say(
                    "3/5  asking the original, swapping fault style and engine in mid-run ...");
            List<String> expected = first.answers(swaps);
            first.settle();
            swaps.count(first.machine());
            if (skip == null) {
                first.machine().close(); // its memory is not compared: room for the others
            }
            progress.say("4/5  restoring: eager, lazy, recorded ...");
            List<Outcome> all = new ArrayList<>();
            for (RestoreMode mode : RestoreMode.values()) {
                all.add(restore(dir, mode, first.machine(), skip));
            }
            String unlike = null;
            if (skip == null) {
                progress.say("     comparing what each restore gives a guest before it starts ...");
                unlike = MemoryComparison.beforeStart(services, dir, config);
            }
            progress.say("5/5  done");
            return new DemoReport(services, expected, all, swaps)
                    .show(
                            dir,
                            "Demo: the " + guest.name() + " guest",
                            picture,
                            skip != null,
                            unlike);
        }
    }

    private DemoSession session() throws MachineException {
        return new DemoSession(services.machines().create(config), guest);
    }

    private String boot(DemoSession s) throws MachineException, InterruptedException {
        String said = s.boot();
        double ms = s.times().wallMillis();
        Map<String, @Nullable Object> boot = new LinkedHashMap<>();
        boot.putAll(MachineFacts.of(s.machine()));
        boot.put("wallMillis", ms);
        boot.put("firstInstructionMillis", s.times().firstInstructionMillis());
        services.report().put("boot", boot);
        long n = s.machine().statistics().instructions();
        progress.say(
                String.format(
                        Locale.ROOT,
                        "     ready after %s, %,d instructions, %.0f MIPS",
                        Sizes.millis(ms),
                        n,
                        n / ms / 1000));
        return said;
    }

    private void snapshotFacts(SnapshotInfo s) {
        Map<String, Object> m = new LinkedHashMap<>();
        m.put("path", Objects.requireNonNull(s.dir(), "it was saved in a directory").toString());
        m.put("bytes", s.bytes());
        m.put("saveMillis", Sizes.millis(s.saveNanos()));
        m.put("pauseMillis", Sizes.millis(s.pauseNanos()));
        services.report().put("snapshot", m);
        progress.say(
                "     %s in %s"
                        .formatted(
                                Sizes.bytes(s.bytes()), Sizes.millis(Sizes.millis(s.saveNanos()))));
    }

    private Outcome restore(Path dir, RestoreMode mode, Machine original, @Nullable Set<Long> skip)
            throws IOException, MachineException, InterruptedException {
        RestoreOptions options = RestoreOptions.of(mode);
        if (mode == RestoreMode.LAZY) {
            options = options.recording(RestoreOptions.Window.DEFAULT);
        }
        try (DemoSession s = session()) {
            Machine m = s.machine();
            s.open();
            s.begin();
            try (Restored r = services.snapshots().restore(dir, m, options)) {
                s.start();
                List<String> answers = s.answers(mode == RestoreMode.LAZY ? swaps : null);
                double ready = s.times().wallMillis();
                SnapshotException failure = r.failure();
                if (failure != null) {
                    throw failure;
                }
                s.settle();
                swaps.count(m);
                long pages = r.pagesLoaded();
                long bytes = r.statistics().sourceBytes();
                long faults = r.faults();
                if (mode == RestoreMode.LAZY) {
                    r.saveRecording();
                }
                r.complete();
                String difference =
                        skip == null ? null : MemoryComparison.difference(original, m, skip);
                progress.say("     " + Outcome.name(mode) + ": " + Sizes.millis(ready));
                return new Outcome(
                        mode,
                        Objects.requireNonNull(
                                s.times().firstInstructionMillis(), "it has answered, so it ran"),
                        ready,
                        pages,
                        bytes,
                        faults,
                        answers,
                        difference);
            }
        }
    }
}
