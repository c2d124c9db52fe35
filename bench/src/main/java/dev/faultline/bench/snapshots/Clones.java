// SPDX-License-Identifier: Apache-2.0
package dev.faultline.bench.snapshots;

import dev.faultline.api.snapshot.CloneBase;
import dev.faultline.api.snapshot.RestoreMode;
import dev.faultline.api.snapshot.Restored;
import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineFactory;
import dev.faultline.bench.BenchException;
import dev.faultline.bench.snapshots.Row.Figure;
import dev.faultline.shell.internal.demo.GuestDialog;
import dev.faultline.shell.internal.guest.DemoGuest;
import dev.faultline.shell.internal.guest.KeyedGuest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What one of many idle clones of a snapshot costs. Memory is what Linux says of this process,
 * pages that several mappings share counted once (PSS); the collector has run before. So it holds
 * guest RAM, Java objects, stacks and tables.
 */
final class Clones implements Measurement {
    private static final int COUNT = 100;
    private static final Duration LIMIT = Duration.ofMinutes(2);
    private static final Path ROLLUP = Path.of("/proc/self/smaps_rollup");
    private static final Pattern PSS = Pattern.compile("(?m)^Pss:\\s+(\\d+) kB");
    private static final DemoGuest.Request GET =
            new DemoGuest.Request(
                    "get 0\n", "\n", LIMIT, "0 96 ok 4db268c1fab25c2d39b8223c7366b1ff");

    @Override
    public String name() {
        return "clones";
    }

    @Override
    public List<Row> measure(Lab lab) throws Exception {
        String goal = "memory, an idle clone of " + COUNT + " : the resident set";
        if (!Files.isReadable(ROLLUP)) {
            return List.of(Row.missing("clone", goal, 0.01, "this host has no " + ROLLUP));
        }
        Path dir;
        try (KeyedGuest g = KeyedGuest.prepare(Subject.RAM)) {
            dir = lab.save(g, "keys=50000 hz=19", Subject.RAM);
        }
        double resident = one(lab, dir);
        List<CloneBase.Clone> clones = new ArrayList<>();
        double each;
        long ram = 0;
        MachineFactory machines = lab.installation().service(MachineFactory.class);
        try (CloneBase base = lab.snapshots().clones(dir, RestoreMode.LAZY)) {
            base.complete();
            clones.add(idle(base, machines, 0)); // what exists once for all is not a clone's cost
            double before = pss();
            for (int i = 1; i <= COUNT; i++) {
                clones.add(idle(base, machines, i));
            }
            each = (pss() - before) / COUNT;
            for (CloneBase.Clone c : clones) {
                ram += c.privateBytes();
                if (c.failure() != null) {
                    throw c.failure();
                }
            }
        } finally {
            clones.forEach(CloneBase.Clone::close);
        }
        lab.snapshots().delete(dir);
        return List.of(
                Row.atMost(
                                "clone",
                                goal,
                                0.01,
                                Figure.of("a clone", "bytes", each),
                                Figure.of("one machine", "bytes", resident))
                        .note(
                                "%,d KiB of it RAM that it wrote"
                                        .formatted(ram / clones.size() >> 10)));
    }

    /** What a machine with all its pages has resident. */
    private static double one(Lab lab, Path dir) throws Exception {
        double before = pss();
        try (Machine m = lab.machine(Subject.RAM);
                GuestDialog d = new GuestDialog(m, null);
                Restored r = lab.snapshots().restore(dir, m, RestoreMode.EAGER)) {
            m.start();
            Lab.ask(d, List.of(GET));
            return pss() - before;
        }
    }

    private static CloneBase.Clone idle(CloneBase base, MachineFactory machines, int n)
            throws Exception {
        CloneBase.Clone c = base.create(machines, "clone-" + n);
        try (GuestDialog d = new GuestDialog(c.machine(), null)) {
            c.machine().start();
            Lab.ask(d, List.of(GET));
        }
        return c;
    }

    private static double pss() throws IOException, BenchException {
        System.gc();
        Matcher m = PSS.matcher(Files.readString(ROLLUP));
        if (!m.find()) {
            throw new BenchException(ROLLUP + " has no line Pss");
        }
        return Long.parseLong(m.group(1)) * 1024.0;
    }
}
