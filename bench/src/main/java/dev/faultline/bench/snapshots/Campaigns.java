// SPDX-License-Identifier: Apache-2.0
package dev.faultline.bench.snapshots;

import dev.faultline.bench.BenchException;
import dev.faultline.bench.snapshots.Row.Figure;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The tests' campaigns at full length: seeded changes of a snapshot's files, none of which may give
 * a wrong byte or make the reader allocate much, and every operation of saves and compactions cut
 * off, after which the old or the new snapshot must be there. Runs Maven, as the tests do.
 */
final class Campaigns implements Measurement {
    private static final int MUTATIONS = 10_000;
    private static final int CUTS = 500;
    private static final String BUNDLE = "bundles/dev.faultline.snapshot";
    private static final String TESTS = "MutationTest,CrashTest";

    private final Path top;

    /**
     * @param top the checkout
     */
    Campaigns(Path top) {
        this.top = top;
    }

    @Override
    public String name() {
        return "campaigns";
    }

    @Override
    public List<Row> measure(Lab lab) throws Exception {
        int mutations = lab.quick ? MUTATIONS / 10 : MUTATIONS;
        Path log = lab.directory("campaign.log");
        Process p =
                new ProcessBuilder(
                                "mvn",
                                "-B",
                                "-pl",
                                BUNDLE,
                                "-am",
                                "-Dtest=" + TESTS,
                                "-Dsurefire.failIfNoSpecifiedTests=false",
                                "-Dfaultline.mutations=" + mutations,
                                "test")
                        .directory(top.toFile())
                        .redirectErrorStream(true)
                        .redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
                        .redirectOutput(log.toFile())
                        .start();
        boolean passed = p.waitFor() == 0;
        String reports = reports(passed, log);
        Row bytes =
                count(
                        "mutations",
                        "seeded corruptions: no wrong byte, no large allocation",
                        lab.quick ? Double.NaN : MUTATIONS,
                        "mutations",
                        reports,
                        passed);
        Row cuts =
                count(
                        "crash-points",
                        "operations cut off: the old or the new snapshot",
                        CUTS,
                        "cuts",
                        reports,
                        passed);
        long most = sum(reports, "allocated");
        return List.of(
                bytes.note("at most %,d KiB allocated to read one".formatted(most >> 10)), cuts);
    }

    /** What the tests printed, from Surefire's reports. */
    private String reports(boolean passed, Path log) throws IOException, BenchException {
        StringBuilder s = new StringBuilder();
        for (String test : TESTS.split(",")) {
            Path report =
                    top.resolve(BUNDLE)
                            .resolve("target/surefire-reports")
                            .resolve("TEST-dev.faultline.snapshot.internal." + test + ".xml");
            if (!passed || !Files.exists(report)) {
                Path kept = top.resolve("bench/target/campaign.log");
                Files.createDirectories(kept.getParent());
                Files.write(kept, Files.readAllBytes(log));
                throw new BenchException("a campaign failed; its output is in " + kept);
            }
            s.append(Files.readString(report));
        }
        return s.toString();
    }

    private static long sum(String reports, String what) {
        Matcher m = Pattern.compile("campaign " + what + " (\\d+)").matcher(reports);
        return m.results().mapToLong(r -> Long.parseLong(r.group(1))).sum();
    }

    private static Row count(
            String id, String goal, double limit, String what, String reports, boolean passed) {
        double n = passed ? sum(reports, what) : Double.NaN;
        return new Row(id, goal, limit, true, n, Figure.of(what, "", n), null, "");
    }
}
