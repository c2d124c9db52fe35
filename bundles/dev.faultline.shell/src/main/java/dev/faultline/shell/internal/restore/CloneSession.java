// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.restore;

import dev.faultline.api.snapshot.CloneBase;
import dev.faultline.api.snapshot.RestoreMode;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.api.vm.MachineException;
import dev.faultline.shell.internal.cli.LinePrinter;
import dev.faultline.shell.internal.cli.Report;
import dev.faultline.shell.internal.cli.Services;
import dev.faultline.shell.internal.cli.Sizes;
import dev.faultline.shell.internal.cli.UsageException;
import dev.faultline.shell.internal.run.End;
import dev.faultline.shell.internal.run.RunOptions;
import java.io.IOException;
import java.net.URI;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.LongSummaryStatistics;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** {@code restore DIR --clones N}: several machines of one snapshot at once. */
final class CloneSession {
    static final int MAX_CLONES = 10_000;

    private final Services services;
    private final RunOptions options;
    private final ResetImage resetImage;
    private final List<CloneRun> runs = new ArrayList<>();

    CloneSession(Services services, RunOptions options, ResetImage resetImage) {
        this.services = services;
        this.options = options;
        this.resetImage = resetImage;
    }

    /**
     * @param clones how many
     * @param complete load what no clone asks for as well
     * @return the process's exit code: the first that is not 0
     */
    int run(URI place, RestoreMode mode, boolean complete, int clones, @Nullable String id)
            throws IOException, MachineException, InterruptedException {
        check(clones);
        long begin = System.nanoTime();
        try (CloneBase base = services.snapshots().clones(place, mode, id)) {
            LinePrinter printer = new LinePrinter(services.out());
            try {
                open(base, clones, printer);
                long made = System.nanoTime();
                runs.forEach(CloneRun::start);
                if (complete) {
                    base.completeInBackground();
                }
                finish(options.timeLimit(System.nanoTime()));
                printer.finish();
                return report(base, mode, made - begin, System.nanoTime() - begin);
            } finally {
                close();
            }
        }
    }

    /** Waits for all, of which any may reset its machine meanwhile. */
    private void finish(long limit) throws IOException, MachineException, InterruptedException {
        List<CloneRun> left = new ArrayList<>(runs);
        while (!left.isEmpty()) {
            for (Iterator<CloneRun> i = left.iterator(); i.hasNext(); ) {
                if (i.next().ended(limit)) {
                    i.remove();
                }
            }
            if (!left.isEmpty()) {
                left.getFirst().look();
            }
        }
    }

    private void check(int clones) {
        if (clones < 1 || clones > MAX_CLONES) {
            throw new UsageException("--clones %d: expected 1 to %d".formatted(clones, MAX_CLONES));
        }
        if (options.snapshotTo != null || !options.protect.equals("none")) {
            throw new UsageException(
                    "--clones goes with neither --snapshot-when nor --protect; restore without it for these");
        }
        if (options.serial.startsWith("file:") && !options.serial.contains("%d")) {
            throw new UsageException(
                    "--serial '%s': expected %%d in the name, for the clone's number"
                            .formatted(options.serial));
        }
    }

    private void open(CloneBase base, int clones, LinePrinter printer)
            throws MachineException, IOException {
        MachineConfig saved = base.info().config();
        for (int i = 1; i <= clones; i++) {
            services.stop().check();
            CloneBase.Clone clone =
                    base.create(services.machines(), options.like(saved, saved.name() + "-" + i));
            CloneRun run = new CloneRun(clone, i, options, printer, services);
            runs.add(run);
            resetImage.tell(clone.machine());
            run.open();
        }
    }

    /** All of them, whatever becomes of one; the first failure is thrown. */
    private void close() throws IOException {
        Exception failed = null;
        for (CloneRun r : runs) {
            try {
                r.close();
            } catch (IOException | RuntimeException e) {
                if (failed == null) {
                    failed = e;
                } else {
                    failed.addSuppressed(e);
                }
            }
        }
        switch (failed) {
            case IOException e -> throw e;
            case RuntimeException e -> throw e;
            case null, default -> {}
        }
    }

    private LongSummaryStatistics ownBytes() {
        LongSummaryStatistics all = new LongSummaryStatistics();
        for (CloneRun r : runs) {
            Long bytes = r.privateBytes();
            if (bytes != null) {
                all.accept(bytes);
            }
        }
        return all;
    }

    private int report(CloneBase base, RestoreMode mode, long makingNanos, long nanos)
            throws IOException {
        Map<String, Integer> reasons = new LinkedHashMap<>();
        runs.forEach(r -> reasons.merge(r.end().reason(), 1, Integer::sum));
        reasons.forEach((why, n) ->
                services.err().printf("faultline: %d of %d: %s%n", n, runs.size(), why));
        LongSummaryStatistics own = ownBytes();
        long shared = base.sharedBytes();
        services.err()
                .printf(
                        Locale.ROOT,
                        "faultline: shared RAM %s; a clone's own%s%n",
                        Sizes.bytes(shared),
                        own.getCount() == 0
                                ? " cannot be told on this system"
                                : ": %s on average, %s at most"
                                        .formatted(
                                                Sizes.bytes((long) own.getAverage()),
                                                Sizes.bytes(own.getMax())));
        Report report = services.report();
        report.put("mode", mode.name().toLowerCase(Locale.ROOT));
        report.put("ramBytes", base.info().config().ramBytes());
        report.put("createMillis", Sizes.millis(makingNanos));
        report.put("wallMillis", Sizes.millis(nanos));
        report.put("pagesLoaded", base.pagesLoaded());
        report.put("sharedBytes", shared);
        report.put("clones", runs.stream().map(CloneRun::facts).toList());
        End end =
                runs.stream()
                        .map(CloneRun::end)
                        .filter(e -> e.code() != 0)
                        .findFirst()
                        .orElse(runs.getFirst().end());
        return report.end(end.code(), end.reason());
    }
}
