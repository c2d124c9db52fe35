// SPDX-License-Identifier: Apache-2.0
package dev.faultline.bench.snapshots;

import dev.faultline.api.snapshot.RestoreMode;
import dev.faultline.api.snapshot.RestoreOptions;
import dev.faultline.bench.Samples;
import dev.faultline.bench.snapshots.Row.Figure;
import dev.faultline.shell.internal.guest.KeyedGuest;
import java.nio.file.Path;
import java.util.List;

/** How long until the first instruction: lazily against eagerly, and by the size of RAM. */
final class Opening implements Measurement {
    private static final long HALF = 512L << 20;
    private static final long ONE = 1L << 30;
    private static final long EIGHT = 8L << 30;

    @Override
    public String name() {
        return "opening";
    }

    @Override
    public List<Row> measure(Lab lab) throws Exception {
        Path one;
        Path half;
        Path eight;
        try (KeyedGuest g = KeyedGuest.prepare(HALF)) {
            // 60 % of it holds data, the guest's own default; the other two hold as much as each
            // other.
            one = lab.save(g, "keys=50000", ONE);
            half = lab.save(g, "keys=50000 fill=48", HALF);
            eight = lab.save(g, "keys=50000 fill=3", EIGHT);
        }
        RestoreOptions eager = RestoreOptions.of(RestoreMode.EAGER);
        RestoreOptions lazy = RestoreOptions.of(RestoreMode.LAZY);
        Lab.Opener trusting = Lab.without(Lab.VERIFICATION, lab.directory(one));
        Samples eagerOne = new Samples();
        Samples lazyOne = new Samples();
        Samples trustingOne = new Samples();
        Samples lazyHalf = new Samples();
        Samples lazyEight = new Samples();
        for (int i = -1; i < lab.runs; i++) {
            double e = first(lab, one, ONE, eager);
            double l = first(lab, one, ONE, lazy);
            double t = first(lab, trusting, ONE, eager);
            double h = first(lab, half, HALF, lazy);
            double g = first(lab, eight, EIGHT, lazy);
            if (i >= 0) { // the first round warms up
                eagerOne.add(e);
                lazyOne.add(l);
                trustingOne.add(t);
                lazyHalf.add(h);
                lazyEight.add(g);
            }
        }
        for (Path p : List.of(one, half, eight)) {
            lab.snapshots().delete(p);
        }
        return List.of(
                Row.atMost(
                        "first-lazy-eager",
                        "first instruction, lazy : eager, 1 GiB",
                        1 / 50.0,
                        new Figure("lazy", "ms", lazyOne),
                        new Figure("eager", "ms", eagerOne)),
                Row.atMost(
                        "first-8g-512m",
                        "first instruction, lazy, 8 GiB : 512 MiB",
                        1.2,
                        new Figure("8 GiB", "ms", lazyEight),
                        new Figure("512 MiB", "ms", lazyHalf)),
                Row.told(
                        "verified-eager",
                        "first instruction, eager, verified : unverified",
                        new Figure("verified", "ms", eagerOne),
                        new Figure("unverified", "ms", trustingOne)));
    }

    private static double first(Lab lab, Path dir, long ram, RestoreOptions o) throws Exception {
        return first(lab, lab.directory(dir), ram, o);
    }

    private static double first(Lab lab, Lab.Opener from, long ram, RestoreOptions o)
            throws Exception {
        return lab.restore(from, ram, o, List.of(), false).firstMillis();
    }
}
