// SPDX-License-Identifier: Apache-2.0
package dev.faultline.bench.snapshots;

import dev.faultline.api.snapshot.PageSourceFactory;
import dev.faultline.api.snapshot.RestoreMode;
import dev.faultline.api.snapshot.RestoreOptions;
import dev.faultline.api.snapshot.RestoreOptions.Window;
import dev.faultline.api.snapshot.Restored;
import dev.faultline.api.vm.Machine;
import dev.faultline.bench.BenchException;
import dev.faultline.bench.Samples;
import dev.faultline.bench.snapshots.Lab.Timed;
import dev.faultline.bench.snapshots.Row.Figure;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import java.util.zip.CRC32C;
import org.osgi.framework.ServiceRegistration;

/**
 * How long until a restored guest has done its work, from a source with a latency of 1 ms: with the
 * recorded working set, with one page per fault, and with all RAM there already. What is read for
 * it, how well the recording foretells, and what a wrong one costs.
 */
final class WorkingSet implements Measurement {
    private static final RestoreOptions RECORDED = RestoreOptions.of(RestoreMode.RECORDED);
    private static final RestoreOptions LAZY = RestoreOptions.of(RestoreMode.LAZY);
    private static final RestoreOptions EAGER = RestoreOptions.of(RestoreMode.EAGER);
    private static final int HOSTILE_PAGES = (int) (Subject.RAM / 4096);
    private static final int RECORDINGS = 3;
    private static final String READY = "ready, recorded : ";

    private final String name;
    private final Callable<Subject> guest;
    private final boolean goals;

    /**
     * @param guest gives null if there is none here
     * @param goals judge the figures; else they are told for comparison
     */
    WorkingSet(String name, Callable<Subject> guest, boolean goals) {
        this.name = name;
        this.guest = guest;
        this.goals = goals;
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public List<Row> measure(Lab lab) throws Exception {
        SlowSource source = new SlowSource();
        ServiceRegistration<?> slow =
                lab.installation().context().registerService(PageSourceFactory.class, source, null);
        try (Subject s = guest.call()) {
            if (s == null) {
                String why = "no Linux guest: run ./faultline demo --linux --fetch-only";
                return List.of(
                        Row.missing(name, READY + "one page per fault, linux", 1 / 3.0, why));
            }
            return new Run(lab, s, goals, source).rows();
        } finally {
            slow.unregister();
        }
    }

    /** One guest. */
    private static final class Run {
        private final Lab lab;
        private final Subject s;
        private final SlowSource source;
        private final boolean goals;
        private final Samples resident = new Samples();
        private final Samples onePage = new Samples();
        private final Samples lazy = new Samples();
        private final Samples recorded = new Samples();
        private final Samples cpuVerified = new Samples();
        private final Samples cpuUnverified = new Samples();
        private final Samples cpuLazy = new Samples();
        private final Samples cpuStale = new Samples();
        private final Samples cpuHostile = new Samples();
        private final Samples verified = new Samples();
        private final Samples unverified = new Samples();
        private final Samples bytes = new Samples();
        private final Samples localLazy = new Samples();
        private final Samples stale = new Samples();
        private final Samples hostile = new Samples();
        private long requests;
        private String kinds = "";

        /**
         * @param goals judge the figures; else they are told for comparison
         */
        Run(Lab lab, Subject s, boolean goals, SlowSource source) {
            this.source = source;
            this.lab = lab;
            this.s = s;
            this.goals = goals;
        }

        List<Row> rows() throws Exception {
            Path plain = lab.save(s.guest(), s.commandLine(), s.ramBytes());
            Path staleOne = linked(plain);
            Path hostileOne = linked(plain);
            Path packed = linked(plain);
            for (int i = 0; i < RECORDINGS; i++) {
                restore(lab.directory(packed), LAZY.recording(Window.DEFAULT), s.work(), true);
            }
            lab.snapshots().compact(packed, f -> {});
            restore(lab.directory(staleOne), LAZY.recording(Window.DEFAULT), s.other(), true);
            writeHostileTrace(hostileOne);
            if (lab.snapshots().workingSet(hostileOne).length != HOSTILE_PAGES) {
                throw new BenchException("the hostile trace is not taken for a trace");
            }
            long set = compressedWorkingSet(packed);
            for (int i = -1; i < lab.runs; i++) {
                round(plain, packed, staleOne, hostileOne, i >= 0);
            }
            List<Row> rows = new ArrayList<>(timeRows(set));
            Path fresh = linked(plain);
            rows.addAll(foresight(lab.snapshots().workingSet(packed), fresh));
            for (Path p : List.of(plain, packed, fresh, staleOne, hostileOne)) {
                lab.snapshots().delete(p);
            }
            return rows;
        }

        private Timed restore(
                Lab.Opener from,
                RestoreOptions o,
                List<dev.faultline.shell.internal.guest.DemoGuest.Request> work,
                boolean save)
                throws Exception {
            return lab.restore(from, s.ramBytes(), o, work, save);
        }

        private void round(Path plain, Path packed, Path staleOne, Path hostileOne, boolean count)
                throws Exception {
            Timed r = restore(lab.directory(plain), EAGER, s.work(), false);
            Timed one = restore(Lab.without(Lab.RANGE_FILL, slow(plain)), LAZY, s.work(), false);
            Timed l = restore(slow(plain), LAZY, s.work(), false);
            source.reset();
            Timed rec = restore(slow(packed), RECORDED, s.work(), false);
            kinds = source.read();
            Timed checked = restore(lab.directory(packed), RECORDED, s.work(), false);
            Timed un =
                    restore(
                            Lab.without(Lab.VERIFICATION, lab.directory(packed)),
                            RECORDED,
                            s.work(),
                            false);
            Timed here = restore(lab.directory(plain), LAZY, s.work(), false);
            Timed old = restore(lab.directory(staleOne), RECORDED, s.work(), false);
            Timed bad = restore(lab.directory(hostileOne), RECORDED, s.work(), false);
            if (!count) {
                return;
            }
            resident.add(r.workMillis());
            onePage.add(one.readyMillis());
            lazy.add(l.readyMillis());
            recorded.add(rec.readyMillis());
            cpuVerified.add(checked.cpuMillis());
            cpuUnverified.add(un.cpuMillis());
            cpuLazy.add(here.cpuMillis());
            cpuStale.add(old.cpuMillis());
            cpuHostile.add(bad.cpuMillis());
            verified.add(checked.readyMillis());
            unverified.add(un.readyMillis());
            bytes.add(rec.after().sourceBytes());
            requests = rec.after().sourceReads();
            localLazy.add(here.readyMillis());
            stale.add(old.readyMillis());
            hostile.add(bad.readyMillis());
        }

        private Lab.Opener slow(Path dir) {
            return (m, o) -> lab.snapshots().restore(SlowSource.uri(dir), m, o);
        }

        private List<Row> timeRows(long set) {
            Figure rec = new Figure("recorded", "ms", recorded);
            Figure own = new Figure("lazy", "ms", localLazy);
            return List.of(
                    row(
                            "ready-recorded-page",
                            READY + "one page per fault, 1 ms",
                            1 / 3.0,
                            rec,
                            new Figure("one page", "ms", onePage)),
                    told(
                            "ready-lazy-page",
                            "ready, lazy : one page per fault, 1 ms",
                            new Figure("lazy", "ms", lazy),
                            new Figure("one page", "ms", onePage)),
                    row(
                            "ready-recorded-resident",
                            READY + "fully resident, 1 ms",
                            1.15,
                            rec,
                            new Figure("resident", "ms", resident)),
                    row(
                                    "bytes-to-ready",
                                    "bytes read to ready : compressed working set",
                                    1.3,
                                    new Figure("read", "bytes", bytes),
                                    Figure.of("working set", "bytes", set))
                            .note("%d requests; %s".formatted(requests, kinds)),
                    row(
                            "verified",
                            "ready, recorded here, verified : unverified",
                            1.05,
                            new Figure("verified", "ms", verified),
                            new Figure("unverified", "ms", unverified)),
                    row(
                            "stale-trace",
                            "ready, stale trace : lazy",
                            1.05,
                            new Figure("stale", "ms", stale),
                            own),
                    row(
                            "hostile-trace",
                            "ready, hostile trace : lazy",
                            1.05,
                            new Figure("hostile", "ms", hostile),
                            own),
                    cpu("verified", "verified : unverified", cpuVerified, cpuUnverified),
                    cpu("stale-trace", "stale trace : lazy", cpuStale, cpuLazy),
                    cpu("hostile-trace", "hostile trace : lazy", cpuHostile, cpuLazy));
        }

        /** What the loading thread does beside counts too; other programs on the host do not. */
        private Row cpu(String id, String what, Samples a, Samples b) {
            String[] names = what.split(" : ");
            return told(
                    "cpu-" + id,
                    "processor time to ready, " + what,
                    new Figure(names[0], "ms", a),
                    new Figure(names[1], "ms", b));
        }

        private Row row(String id, String goal, double limit, Figure a, Figure b) {
            return goals
                    ? Row.atMost(id + "-" + key(), goal + ", " + s.name(), limit, a, b)
                    : told(id, goal, a, b);
        }

        private Row told(String id, String goal, Figure a, Figure b) {
            return Row.told(id + "-" + key(), goal + ", " + s.name(), a, b);
        }

        private String key() {
            return s.name().replaceAll("[^a-z]+", "-");
        }

        /** What a further run touches, against what the recordings of the runs before foretell. */
        private List<Row> foresight(int[] foretold, Path fresh) throws Exception {
            restore(lab.directory(fresh), LAZY.recording(Window.DEFAULT), s.work(), true);
            BitSet touched = set(lab.snapshots().workingSet(fresh));
            BitSet both = set(foretold);
            Figure f = Figure.of("foretold", "pages", both.cardinality());
            both.and(touched);
            Figure hits = Figure.of("foretold and touched", "pages", both.cardinality());
            Figure t = Figure.of("touched", "pages", touched.cardinality());
            return List.of(
                    share("recall", "prefetch recall", 0.97, hits, t),
                    share("precision", "prefetch precision", 0.85, hits, f));
        }

        private static BitSet set(int[] pages) {
            BitSet s = new BitSet();
            for (int p : pages) {
                s.set(p);
            }
            return s;
        }

        private Row share(String id, String goal, double limit, Figure a, Figure b) {
            return Row.atLeast(
                    id + "-" + key(), goal + ", " + s.name(), goals ? limit : Double.NaN, a, b);
        }

        private long compressedWorkingSet(Path recordedOne) throws Exception {
            int[] order = lab.snapshots().workingSet(recordedOne);
            try (Machine m = lab.machine(s.ramBytes());
                    Restored r = lab.snapshots().restore(recordedOne, m, RestoreMode.EAGER)) {
                return new Pages(m).compressed(order);
            }
        }

        /** The same snapshot in a directory of its own; files are never written to again. */
        private Path linked(Path of) throws IOException {
            Path to = Files.createDirectory(lab.directory("linked"));
            try (Stream<Path> files = Files.list(of)) {
                for (Path f : files.toList()) {
                    Files.createLink(to.resolve(f.getFileName()), f);
                }
            }
            return to;
        }
    }

    /** Says of all pages, in disorder, that they come first. As docs/snapshot-format.md has it. */
    private static void writeHostileTrace(Path dir) throws IOException {
        int pages = HOSTILE_PAGES;
        List<Integer> order =
                IntStream.range(0, pages).boxed().collect(Collectors.toCollection(ArrayList::new));
        Collections.shuffle(order, new Random(1));
        ByteBuffer b = ByteBuffer.allocate(24 + 12 * pages + 4).order(ByteOrder.LITTLE_ENDIAN);
        b.put("FLTRACE\n".getBytes(StandardCharsets.US_ASCII)).putInt(2).putInt(pages).putInt(1);
        b.putInt(0);
        for (int i = 0; i < pages; i++) {
            b.putInt(order.get(i)).putInt(i * 16).putShort((short) 1).put((byte) 1).put((byte) 0);
        }
        CRC32C crc = new CRC32C();
        crc.update(b.array(), 0, b.position());
        b.putInt((int) crc.getValue());
        Files.write(dir.resolve("trace"), b.array());
    }
}
