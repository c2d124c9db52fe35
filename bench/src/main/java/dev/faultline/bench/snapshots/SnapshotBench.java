// SPDX-License-Identifier: Apache-2.0
package dev.faultline.bench.snapshots;

import dev.faultline.bench.BenchException;
import dev.faultline.shell.internal.cli.Json;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Measures every goal that snapshots have and prints them as one table. Ratios are of figures of
 * this run, taken in turns. {@code bench/snapshots} starts it; README.md beside that describes the
 * options.
 */
public final class SnapshotBench {
    private static final int RUNS = 7;
    private static final int QUICK_RUNS = 3;
    private static final List<Measurement> ALL =
            List.of(
                    new Opening(),
                    new WorkingSet("ready", () -> Subject.embedded("embedded", 1_000_000), true),
                    new WorkingSet("ready-linux", Subject::linux, true),
                    new WorkingSet(
                            "ready-pages",
                            () -> Subject.embedded("embedded, no arithmetic", 0),
                            false),
                    new Saving(),
                    new Clones(),
                    new Campaigns(top()));

    private final Map<String, String> values = new LinkedHashMap<>();
    private boolean quick;
    private final List<String> only = new ArrayList<>();

    private SnapshotBench() {}

    /** The checkout, from where the script says that this file is. */
    private static Path top() {
        Path source = Path.of(System.getProperty("faultline.bench.source")).toAbsolutePath();
        for (Path p = source; p != null; p = p.getParent()) {
            if (p.endsWith("bench")
                    && Files.exists(p.resolve("pom.xml"))
                    && Files.exists(p.resolveSibling("bundles"))) {
                return p.getParent();
            }
        }
        throw new IllegalStateException(source + " is not in a checkout; use bench/snapshots");
    }

    /** Ends with 0 if all that was measured meets its goal, 1 after an error, 4 if not. */
    public static void main(String[] args) throws Exception {
        int code;
        try {
            SnapshotBench b = new SnapshotBench();
            b.options(args);
            code = b.run();
        } catch (BenchException e) {
            System.err.println("bench: " + e.getMessage());
            code = 1;
        }
        System.exit(code);
    }

    private void options(String[] args) throws BenchException {
        for (int i = 0; i < args.length; i++) {
            switch (args[i]) {
                case "--quick" -> quick = true;
                case "--json", "--runs", "--scratch", "--only" -> {
                    if (i + 1 == args.length) {
                        throw new BenchException(args[i] + " needs a value");
                    }
                    if (args[i].equals("--only")) {
                        only.add(args[++i]);
                    } else {
                        values.put(args[i], args[++i]);
                    }
                }
                default ->
                        throw new BenchException(
                                args[i]
                                        + ": expected --quick, --json FILE, --runs N, --scratch DIR"
                                        + " or --only NAME");
            }
        }
        List<String> names = ALL.stream().map(Measurement::name).toList();
        for (String s : only) {
            if (!names.contains(s)) {
                throw new BenchException("--only " + s + ": expected one of " + names);
            }
        }
    }

    private int runs() throws BenchException {
        String s = values.get("--runs");
        if (s == null) {
            return quick ? QUICK_RUNS : RUNS;
        }
        if (!s.matches("[1-9]\\d{0,2}")) {
            throw new BenchException("--runs " + s + ": expected a number from 1 to 999");
        }
        return Integer.parseInt(s);
    }

    private int run() throws Exception {
        List<Row> rows = new ArrayList<>();
        String scratch = values.get("--scratch");
        Path parent = scratch == null ? null : Path.of(scratch);
        long begin = System.nanoTime();
        try (Lab lab = new Lab(parent, quick, runs(), System.err)) {
            for (Measurement m : ALL) {
                if (only.isEmpty() || only.contains(m.name())) {
                    System.err.println(m.name() + " ...");
                    List<Row> measured = m.measure(lab);
                    measured.forEach(r -> lab.say(String.join("  ", r.cells())));
                    rows.addAll(measured);
                }
            }
        }
        double seconds = (System.nanoTime() - begin) / 1e9;
        print(rows, System.out);
        long goals = rows.stream().filter(Row::isGoal).count();
        long met = rows.stream().filter(r -> r.isGoal() && r.met()).count();
        System.out.printf(Locale.ROOT, "%d of %d met; %.0f s%n", met, goals, seconds);
        if (values.containsKey("--json")) {
            Json.write(Path.of(values.get("--json")), facts(rows, seconds));
        }
        return met == goals ? 0 : 4;
    }

    private Map<String, Object> facts(List<Row> rows, double seconds) throws BenchException {
        Map<String, Object> m = new LinkedHashMap<>();
        m.put("jdk", System.getProperty("java.vm.version"));
        m.put("processors", Runtime.getRuntime().availableProcessors());
        m.put("runs", runs());
        m.put("quick", quick);
        m.put("seconds", seconds);
        m.put("rows", rows.stream().map(Row::facts).toList());
        return m;
    }

    private static void print(List<Row> rows, PrintStream out) {
        List<String[]> cells = new ArrayList<>();
        cells.add(new String[] {"what", "goal", "measured", "", "of which"});
        rows.forEach(r -> cells.add(r.cells()));
        int[] width = new int[cells.getFirst().length];
        for (String[] row : cells) {
            for (int i = 0; i < width.length; i++) {
                width[i] = Math.max(width[i], row[i].length());
            }
        }
        for (String[] row : cells) {
            StringBuilder line = new StringBuilder();
            for (int i = 0; i < width.length; i++) {
                String pad = " ".repeat(width[i] - row[i].length());
                boolean right = i == 1 || i == 2;
                line.append(right ? pad + row[i] : row[i] + pad).append("  ");
            }
            out.println(line.toString().stripTrailing());
        }
    }
}
