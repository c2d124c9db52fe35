// SPDX-License-Identifier: Apache-2.0
package dev.faultline.bench.snapshots;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.snapshot.RestoreMode;
import dev.faultline.api.snapshot.Restored;
import dev.faultline.api.snapshot.SaveOptions;
import dev.faultline.api.snapshot.SaveOptions.Compression;
import dev.faultline.api.snapshot.SnapshotInfo;
import dev.faultline.api.vm.Machine;
import dev.faultline.bench.BenchException;
import dev.faultline.bench.Samples;
import dev.faultline.bench.snapshots.Row.Figure;
import dev.faultline.shell.internal.demo.GuestDialog;
import dev.faultline.shell.internal.guest.DemoGuest;
import dev.faultline.shell.internal.guest.KeyedGuest;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** What a second snapshot of the same base takes, and how long a guest stands for a live one. */
final class Saving implements Measurement {
    private static final long ONE = 1L << 30;
    private static final Duration LIMIT = Duration.ofMinutes(2);
    private static final SaveOptions STOP = SaveOptions.DEFAULT;
    private static final SaveOptions LIVE = new SaveOptions(Compression.LZ4, false, true, false);
    private static final SaveOptions INCREMENTAL = new SaveOptions(Compression.LZ4, true);

    @Override
    public String name() {
        return "saving";
    }

    @Override
    public List<Row> measure(Lab lab) throws Exception {
        List<Row> rows = new ArrayList<>();
        try (Subject s = Subject.embedded("embedded", 0)) {
            List<DemoGuest.Request> puts = new ArrayList<>();
            for (int i = 0; i < 1000; i++) {
                puts.add(put(i * 7L));
            }
            rows.add(second(lab, s, puts));
        }
        try (Subject s = Subject.linux()) {
            if (s != null) {
                rows.add(second(lab, s, s.work()));
            }
        }
        rows.addAll(live(lab));
        return rows;
    }

    private static DemoGuest.Request put(long key) {
        return new DemoGuest.Request("put " + key + " 0x1234\n", "\n", LIMIT, "version=");
    }

    // ---- the second snapshot of a base

    private static Row second(Lab lab, Subject s, List<DemoGuest.Request> work) throws Exception {
        Path base = lab.save(s.guest(), s.commandLine(), s.ramBytes());
        Path child = lab.directory("child");
        long bytes;
        int[] dirty;
        long compressed;
        String parts;
        try (Machine m = lab.machine(s.ramBytes());
                GuestDialog d = new GuestDialog(m, null);
                Restored r = lab.snapshots().restore(base, m, RestoreMode.EAGER);
                Machine before = lab.machine(s.ramBytes());
                Restored q = lab.snapshots().restore(base, before, RestoreMode.EAGER)) {
            m.start();
            Lab.ask(d, work);
            settle(m);
            SnapshotInfo i = lab.snapshots().save(m, child, INCREMENTAL, f -> {});
            bytes = i.bytes();
            Pages now = new Pages(m);
            dirty = now.different(new Pages(before));
            compressed = now.compressed(dirty);
        }
        try (Stream<Path> files = Files.list(child)) {
            parts =
                    files.sorted()
                            .map(f -> f.getFileName() + " " + f.toFile().length())
                            .collect(Collectors.joining(", "));
        }
        lab.snapshots().delete(child);
        lab.snapshots().delete(base);
        return Row.atMost(
                        "second-" + s.name(),
                        "second snapshot : its compressed dirty pages, " + s.name(),
                        1.15,
                        Figure.of("on disk", "bytes", bytes),
                        Figure.of("dirty pages", "bytes", compressed))
                .note("%,d dirty pages; %s".formatted(dirty.length, parts));
    }

    /** Pauses it where it waits for input, if it does within a while. */
    private static void settle(Machine m) throws InterruptedException {
        long end = System.nanoTime() + 5_000_000_000L;
        for (; ; ) {
            m.pause("its memory is looked at");
            boolean idle = m.vcpus().stream().allMatch(v -> v.activity == VcpuContext.HALTED);
            if (idle || System.nanoTime() > end) {
                return;
            }
            m.start();
            m.await(Duration.ofMillis(1));
        }
    }

    // ---- live

    private List<Row> live(Lab lab) throws Exception {
        Samples stop = new Samples();
        Samples live = new Samples();
        Samples liveEight = new Samples();
        try (KeyedGuest g = KeyedGuest.prepare(ONE);
                Lab.Booted one = lab.boot(g, "keys=50000 fill=32", ONE);
                Lab.Booted eight = lab.boot(g, "keys=50000 fill=4", 8 * ONE)) {
            for (int i = -1; i < lab.runs; i++) {
                double s = pause(lab, one, STOP);
                double l = pause(lab, one, LIVE);
                double e = pause(lab, eight, LIVE);
                if (i >= 0) { // the first round warms up
                    stop.add(s);
                    live.add(l);
                    liveEight.add(e);
                }
            }
        }
        return List.of(
                Row.atMost(
                        "live-stop",
                        "pause, live : stop and copy, 1 GiB",
                        1 / 50.0,
                        new Figure("live", "ms", live),
                        new Figure("stop and copy", "ms", stop)),
                Row.atMost(
                        "live-8g-1g",
                        "pause, live, 8 GiB : 1 GiB, same dirty set",
                        2,
                        new Figure("8 GiB", "ms", liveEight),
                        new Figure("1 GiB", "ms", live)));
    }

    /**
     * Saves while the guest answers, which must all be right.
     *
     * @return how long it stood, in ms
     */
    private static double pause(Lab lab, Lab.Booted b, SaveOptions o) throws Exception {
        System.gc();
        Path dir = lab.directory("live");
        b.dialog().send("scan 2000 1\n".repeat(3));
        for (int i = 0; i < 200; i++) {
            b.dialog().send("put " + i * 11 + " 5\n");
        }
        SnapshotInfo i = lab.snapshots().save(b.machine(), dir, o, f -> {});
        for (int k = 0; k < 3; k++) {
            String a = b.dialog().await("\n", LIMIT);
            if (!a.contains("bad=0")) {
                throw new BenchException("the guest answered '" + a.strip() + "' beside a save");
            }
        }
        for (int k = 0; k < 200; k++) {
            b.dialog().await("version=", LIMIT);
            b.dialog().await("\n", LIMIT);
        }
        lab.snapshots().delete(dir);
        return i.pauseNanos() / 1e6;
    }
}
