// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.demo;

import dev.faultline.api.address.Page;
import dev.faultline.api.cpu.VcpuState;
import dev.faultline.api.memory.HostBytes;
import dev.faultline.api.memory.RamBlock;
import dev.faultline.api.snapshot.RestoreMode;
import dev.faultline.api.snapshot.RestoreOptions;
import dev.faultline.api.snapshot.Restored;
import dev.faultline.api.snapshot.SnapshotInfo;
import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.api.vm.MachineException;
import dev.faultline.shell.internal.cli.ExitCode;
import dev.faultline.shell.internal.cli.FileTree;
import dev.faultline.shell.internal.cli.OneLine;
import dev.faultline.shell.internal.cli.Progress;
import dev.faultline.shell.internal.cli.Services;
import dev.faultline.shell.internal.cli.Sizes;
import dev.faultline.shell.internal.guest.DemoGuest;
import dev.faultline.shell.internal.picture.SnapshotPicture;
import dev.faultline.shell.internal.run.MachineFacts;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/**
 * The demo: boot, snapshot, restore in each mode, swap services in mid-run, compare answers and
 * memory, show it.
 */
final class Demo {
    private static final int SWAPS = 12;
    private static final Duration SWAP_LIMIT = Duration.ofMinutes(2);
    private static final Duration SETTLE_LIMIT = Duration.ofMinutes(2);

    private final Services services;
    private final DemoGuest guest;
    private final long ramBytes;
    private final String engine;
    private final Path picture;
    private final PrintStream out;
    private final Progress progress;
    private long swaps;
    private long maxSwapPause;

    /** What a restore took and gave. */
    private record Outcome(
            RestoreMode mode,
            double firstInstruction,
            double ready,
            long pagesLoaded,
            long bytesRead,
            long faults,
            List<String> answers,
            String difference) {}

    Demo(Services services, DemoGuest guest, long ramBytes, String engine, Path picture) {
        this.services = services;
        this.guest = guest;
        this.ramBytes = ramBytes;
        this.engine = engine;
        this.picture = picture;
        this.out = services.out();
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
        MachineConfig config = new MachineConfig("demo", ramBytes, 1, engine, "coded", List.of());
        services.report().put("guest", guest.name());
        services.report().put("ramBytes", ramBytes);
        try (Machine first = services.machines().create(config);
                GuestDialog dialog = new GuestDialog(first, null)) {
            progress.say(
                    "1/5  booting the "
                            + guest.name()
                            + " guest with "
                            + Sizes.bytes(ramBytes)
                            + " ...");
            String said = boot(first, dialog);
            Set<Long> skip = guest.volatilePages(said);
            progress.say("2/5  saving a snapshot ...");
            SnapshotInfo saved = services.snapshots().save(first, dir, f -> saving(f));
            snapshotFacts(saved);
            progress.say(
                    "3/5  asking the original, swapping fault style and engine in mid-run ...");
            List<String> expected = answers(first, dialog, true);
            settle(first);
            countSwaps(first);
            if (skip == null) {
                first.close(); // its memory is not compared: room for the others
            }
            progress.say("4/5  restoring: eager, lazy, recorded ...");
            List<Outcome> all = new ArrayList<>();
            for (RestoreMode mode : RestoreMode.values()) {
                all.add(restore(dir, config, mode, first, skip));
            }
            String unlike = null;
            if (skip == null) {
                progress.say("     comparing what each restore gives a guest before it starts ...");
                unlike = differenceBeforeStart(dir, config);
            }
            progress.say("5/5  done");
            return report(dir, expected, all, skip != null, unlike);
        }
    }

    private void saving(double fraction) {
        services.stop().check();
        progress.done("     saving", fraction);
    }

    private String boot(Machine m, GuestDialog dialog)
            throws MachineException, InterruptedException {
        long t = System.nanoTime();
        long[] first = new long[1];
        m.onFirstInstruction(() -> first[0] = System.nanoTime());
        m.boot(guest.boot());
        m.start();
        String said =
                dialog.await(guest.readyText(), guest.bootLimit())
                        + dialog.await(guest.readyEnd(), guest.bootLimit());
        double ms = Sizes.millis(System.nanoTime() - t);
        Map<String, Object> boot = new LinkedHashMap<>(MachineFacts.of(m));
        boot.put("wallMillis", ms);
        boot.put("firstInstructionMillis", Sizes.millis(first[0] - t));
        services.report().put("boot", boot);
        long n = m.statistics().instructions();
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
        m.put("path", s.dir().toString());
        m.put("bytes", s.bytes());
        m.put("saveMillis", Sizes.millis(s.saveNanos()));
        m.put("pauseMillis", Sizes.millis(s.pauseNanos()));
        services.report().put("snapshot", m);
        progress.say(
                "     %s in %s"
                        .formatted(
                                Sizes.bytes(s.bytes()), Sizes.millis(Sizes.millis(s.saveNanos()))));
    }

    private Outcome restore(
            Path dir, MachineConfig config, RestoreMode mode, Machine original, Set<Long> skip)
            throws IOException, MachineException, InterruptedException {
        try (Machine m = services.machines().create(config);
                GuestDialog dialog = new GuestDialog(m, null)) {
            long[] first = new long[1];
            m.onFirstInstruction(() -> first[0] = System.nanoTime());
            long t = System.nanoTime();
            RestoreOptions options = RestoreOptions.of(mode);
            if (mode == RestoreMode.LAZY) {
                options = options.recording(RestoreOptions.Window.DEFAULT);
            }
            try (Restored r = services.snapshots().restore(dir, m, options)) {
                m.start();
                List<String> answers = answers(m, dialog, mode == RestoreMode.LAZY);
                double ready = Sizes.millis(System.nanoTime() - t);
                if (r.failure() != null) {
                    throw r.failure();
                }
                settle(m);
                countSwaps(m);
                long pages = r.pagesLoaded();
                long bytes = r.statistics().sourceBytes();
                long faults = r.faults();
                if (mode == RestoreMode.LAZY) {
                    r.saveRecording();
                }
                r.complete();
                String difference = skip == null ? null : difference(original, m, skip);
                progress.say(
                        "     "
                                + mode.name().toLowerCase(Locale.ROOT)
                                + ": "
                                + Sizes.millis(ready));
                return new Outcome(
                        mode,
                        Sizes.millis(first[0] - t),
                        ready,
                        pages,
                        bytes,
                        faults,
                        answers,
                        difference);
            }
        }
    }

    // ---- asking and swapping

    private List<String> answers(Machine m, GuestDialog dialog, boolean swap)
            throws MachineException, InterruptedException, IOException {
        List<String> answers = new ArrayList<>();
        List<DemoGuest.Request> requests = guest.requests();
        int perRequest = swap ? (SWAPS + requests.size() - 1) / requests.size() : 0;
        for (DemoGuest.Request q : requests) {
            dialog.send(q.line());
            for (int i = 0; i < perRequest; i++) {
                swap(m);
            }
            String answer = guest.normalise(dialog.await(q.until(), q.limit()));
            if (!answer.contains(q.expected())) {
                throw new MachineException(
                        "the guest's answer to '%s' is wrong: '%s', expected '%s' in it"
                                .formatted(OneLine.of(q.line()), OneLine.of(answer), q.expected()));
            }
            answers.add(answer);
        }
        return answers;
    }

    /** The other style, by configuration as an operator would; then the engine. */
    private void swap(Machine m) throws IOException, MachineException, InterruptedException {
        String style = m.faultStyle().equals("coded") ? "thrown" : "coded";
        services.styles().set(style);
        long end = System.nanoTime() + SWAP_LIMIT.toNanos();
        while (!m.faultStyle().equals(style)) {
            if (System.nanoTime() > end) {
                throw new MachineException(
                        "the fault style did not change to "
                                + style
                                + " within "
                                + SWAP_LIMIT.toSeconds()
                                + " s");
            }
            Thread.onSpinWait();
            Thread.yield();
        }
        m.swapEngine(engine);
    }

    /**
     * Pauses a machine once its guest has gone idle: between the last byte of an answer and HLT it
     * still writes to its stack. A guest that does not go idle is paused where it is.
     */
    private static void settle(Machine m) throws InterruptedException {
        long end = System.nanoTime() + SETTLE_LIMIT.toNanos();
        for (; ; ) {
            m.pause("the demo compares its memory");
            boolean idle = m.vcpus().stream().allMatch(v -> v.activity == VcpuState.HALTED);
            if (idle || System.nanoTime() > end) {
                return;
            }
            m.start();
            m.await(Duration.ofMillis(1));
        }
    }

    private void countSwaps(Machine m) {
        swaps += m.statistics().swaps();
        maxSwapPause = Math.max(maxSwapPause, m.statistics().maxSwapPauseNanos());
    }

    // ---- comparing

    /** The first page that differs, for people; null if none does. Both machines stand. */
    private static String difference(Machine a, Machine b, Set<Long> skip) {
        List<RamBlock> x = a.memory().blocks();
        List<RamBlock> y = b.memory().blocks();
        for (int i = 0; i < x.size(); i++) {
            for (long off = 0; off < x.get(i).size(); off += Page.SIZE) {
                long ha = x.get(i).hva() + off;
                long hb = y.get(i).hva() + off;
                if (HostBytes.ALL
                                        .asSlice(ha, Page.SIZE)
                                        .mismatch(HostBytes.ALL.asSlice(hb, Page.SIZE))
                                >= 0
                        && !(i == 0 && skip.contains(off >>> Page.SHIFT))) {
                    return "page 0x%x of RAM block %s"
                            .formatted(off >>> Page.SHIFT, x.get(i).name());
                }
            }
        }
        return null;
    }

    /**
     * Time changes a real guest's memory, so that no two runs leave the same. What they start from
     * must be the same all the same: the first page in which it is not, null if there is none.
     */
    private String differenceBeforeStart(Path dir, MachineConfig config) throws MachineException {
        try (Machine eager = services.machines().create(config);
                Restored e = services.snapshots().restore(dir, eager, RestoreMode.EAGER)) {
            for (RestoreMode mode : List.of(RestoreMode.LAZY, RestoreMode.RECORDED)) {
                try (Machine other = services.machines().create(config);
                        Restored o = services.snapshots().restore(dir, other, mode)) {
                    o.complete();
                    String difference = difference(eager, other, Set.of());
                    if (difference != null) {
                        return mode.name().toLowerCase(Locale.ROOT)
                                + ": not what an eager restore gives, first in "
                                + difference;
                    }
                }
            }
        }
        return null;
    }

    // ---- showing

    private int report(
            Path dir,
            List<String> expected,
            List<Outcome> all,
            boolean memoryCompared,
            String unlike)
            throws IOException, MachineException {
        boolean identical = unlike == null;
        if (unlike != null) {
            out.printf("  %s%n", unlike);
        }
        out.printf(
                "%n%-10s %18s %14s %12s %12s %10s%n",
                "restore", "first instruction", "ready", "pages", "bytes read", "faults");
        Map<String, Object> restores = new LinkedHashMap<>();
        for (Outcome o : all) {
            out.printf(
                    "%-10s %18s %14s %12d %12s %10d%n",
                    o.mode().name().toLowerCase(Locale.ROOT),
                    Sizes.millis(o.firstInstruction()),
                    Sizes.millis(o.ready()),
                    o.pagesLoaded(),
                    Sizes.bytes(o.bytesRead()),
                    o.faults());
            restores.put(o.mode().name().toLowerCase(Locale.ROOT), facts(o));
            identical &= same(expected, o);
        }
        out.println(
                "(lazy records the working set for recorded: every first touch of a page is a fault)");
        SnapshotInfo recorded = services.snapshots().info(dir);
        SnapshotPicture map =
                SnapshotPicture.of(
                        services.snapshots(), recorded, "Demo: the " + guest.name() + " guest");
        out.printf("%n%s", map.lastText(out));
        map.write(picture);
        out.printf("picture: %s%n", picture);
        out.printf(
                "fault style and engine swapped %d times in mid-run, longest stand %s%n",
                swaps, Sizes.millis(Sizes.millis(maxSwapPause)));
        out.printf(
                "%s%n",
                identical
                        ? "identical: every restore gave the same answers"
                                + (memoryCompared
                                        ? " and left the same memory"
                                        : " from the same memory; what time makes of it is not compared")
                        : "NOT identical: see above");
        services.report().put("restores", restores);
        Map<String, Object> s = new LinkedHashMap<>();
        s.put("count", swaps);
        s.put("maxPauseMillis", Sizes.millis(maxSwapPause));
        services.report().put("swaps", s);
        services.report().put("identical", identical);
        services.report().put("answers", expected);
        return identical
                ? services.report().end(ExitCode.DONE, "every restore was identical")
                : services.report().end(ExitCode.ERROR, "the restores were not identical");
    }

    private boolean same(List<String> expected, Outcome o) {
        String mode = o.mode().name().toLowerCase(Locale.ROOT);
        for (int i = 0; i < expected.size(); i++) {
            if (!expected.get(i).equals(o.answers().get(i))) {
                out.printf(
                        "  %s: request %d was answered '%s', expected '%s'%n",
                        mode, i, OneLine.of(o.answers().get(i)), OneLine.of(expected.get(i)));
                return false;
            }
        }
        if (o.difference() != null) {
            out.printf(
                    "  %s: memory differs from the original's, first in %s%n",
                    mode, o.difference());
            return false;
        }
        return true;
    }

    private static Map<String, Object> facts(Outcome o) {
        Map<String, Object> m = new LinkedHashMap<>();
        m.put("firstInstructionMillis", o.firstInstruction());
        m.put("readyMillis", o.ready());
        m.put("pagesLoaded", o.pagesLoaded());
        m.put("bytesRead", o.bytesRead());
        m.put("faults", o.faults());
        return m;
    }
}
