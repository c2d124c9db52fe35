// SPDX-License-Identifier: Apache-2.0
package dev.faultline.bench.engines;

import java.io.PrintStream;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** What was measured: a table, and facts for scripts. */
final class Report {
    /** What the translator is to reach: its time to TCG's is not to be above the limit. */
    private record Goal(String id, String what, double limit, double measured) {
        boolean met() {
            return measured <= limit; // not with NaN
        }
    }

    private static final double LOOPS_LIMIT = 0.5;
    private static final double BOOT_PROCESS_LIMIT = 1.3;
    private static final double BOOT_VCPU_LIMIT = 1.0;
    private static final double USERLAND_LIMIT = 0.7;

    final List<Engine> engines;
    final List<Work> works;

    Report(List<Engine> engines, List<Work> works) {
        this.engines = engines;
        this.works = works;
    }

    /** Engines that are compared with TCG. */
    List<Engine> ours() {
        return engines.contains(Engine.TCG)
                ? engines.stream().filter(e -> e != Engine.TCG).toList()
                : List.of();
    }

    List<String> groups() {
        return works.stream().map(w -> w.group).distinct().toList();
    }

    List<Work> of(String group) {
        return works.stream().filter(w -> w.group.equals(group)).toList();
    }

    /** The geometric mean of what ran on both; NaN if nothing did. */
    double mean(String group, Engine e) {
        double sum = 0;
        int n = 0;
        for (Work w : of(group)) {
            double r = w.ratio(e);
            if (!Double.isNaN(r)) {
                sum += Math.log(r);
                n++;
            }
        }
        return n == 0 ? Double.NaN : Math.exp(sum / n);
    }

    /**
     * Whether a mean over the group says something: of the boot there are two views, no two works.
     */
    boolean isMeant(String group) {
        return of(group).size() > 1 && !group.equals(Boot.GROUP);
    }

    private double ratio(String name) {
        return works.stream()
                .filter(w -> w.name.equals(name))
                .mapToDouble(w -> w.ratio(Engine.TRANSLATOR))
                .findFirst()
                .orElse(Double.NaN);
    }

    private List<Goal> goals() {
        List<Goal> g = new ArrayList<>();
        if (groups().contains(Loops.GROUP)) {
            g.add(
                    new Goal(
                            "loops",
                            "loops, geometric mean",
                            LOOPS_LIMIT,
                            mean(Loops.GROUP, Engine.TRANSLATOR)));
        }
        if (groups().contains(Boot.GROUP)) {
            g.add(
                    new Goal(
                            "bootProcess",
                            "Linux to its prompt, whole process",
                            BOOT_PROCESS_LIMIT,
                            ratio(Boot.PROCESS)));
            g.add(
                    new Goal(
                            "bootVcpu",
                            "Linux to its prompt, vCPU's thread",
                            BOOT_VCPU_LIMIT,
                            ratio(Boot.VCPU)));
        }
        if (groups().contains(Userland.GROUP)) {
            g.add(
                    new Goal(
                            "userland",
                            "userland, geometric mean",
                            USERLAND_LIMIT,
                            mean(Userland.GROUP, Engine.TRANSLATOR)));
        }
        g.removeIf(x -> !ours().contains(Engine.TRANSLATOR) || Double.isNaN(x.measured()));
        return g;
    }

    void print(PrintStream out) {
        List<List<String>> rows = new ArrayList<>();
        List<String> head = new ArrayList<>(List.of("CPU seconds"));
        engines.forEach(e -> head.add(e.label()));
        ours().forEach(e -> head.add(e.label() + "/tcg"));
        rows.add(head);
        for (String group : groups()) {
            for (Work w : of(group)) {
                List<String> row = new ArrayList<>(List.of(w.name));
                for (Engine e : engines) {
                    row.add(
                            w.seconds.containsKey(e)
                                    ? String.format(Locale.ROOT, "%.2f", w.seconds.get(e).median())
                                    : "-");
                }
                ours().forEach(e -> row.add(times(w.ratio(e))));
                rows.add(row);
            }
            if (!ours().isEmpty() && isMeant(group)) {
                List<String> row = new ArrayList<>(List.of(group + ", geometric mean"));
                engines.forEach(e -> row.add(""));
                ours().forEach(e -> row.add(times(mean(group, e))));
                rows.add(row);
            }
        }
        align(rows, out);
        for (Goal g : goals()) {
            out.printf(
                    Locale.ROOT,
                    "%s: translator takes %s times TCG's CPU, at most %s wanted: %s%n",
                    g.what(),
                    times(g.measured()),
                    g.limit(),
                    g.met() ? "met" : "NOT MET");
        }
        for (Work w : works) {
            w.failures.forEach(
                    (e, why) -> out.printf("%s does not run on %s: %s%n", w.name, e.label(), why));
        }
    }

    static String times(double ratio) {
        return Double.isNaN(ratio)
                ? "-"
                : String.format(Locale.ROOT, ratio < 9.95 ? "%.2f" : "%.1f", ratio);
    }

    private static void align(List<List<String>> rows, PrintStream out) {
        int[] width = new int[rows.getFirst().size()];
        for (List<String> r : rows) {
            for (int i = 0; i < width.length; i++) {
                width[i] = Math.max(width[i], r.get(i).length());
            }
        }
        for (List<String> r : rows) {
            StringBuilder line = new StringBuilder();
            for (int i = 0; i < width.length; i++) {
                String pad = " ".repeat(width[i] - r.get(i).length());
                line.append(i == 0 ? r.get(i) + pad : "  " + pad + r.get(i));
            }
            out.println(line.toString().stripTrailing());
        }
    }

    Map<String, Object> facts() {
        Map<String, Object> m = new LinkedHashMap<>();
        m.put("works", works.stream().map(Work::facts).toList());
        Map<String, Object> means = new LinkedHashMap<>();
        for (String g : groups()) {
            Map<String, Object> x = new LinkedHashMap<>();
            for (Engine e : ours()) {
                double r = mean(g, e);
                x.put(e.label(), Double.isNaN(r) ? null : r);
            }
            if (isMeant(g)) {
                means.put(g, x);
            }
        }
        m.put("geometricMeanTimesTcg", means);
        List<Map<String, Object>> goals = new ArrayList<>();
        for (Goal g : goals()) {
            Map<String, Object> x = new LinkedHashMap<>();
            x.put("id", g.id());
            x.put("limit", g.limit());
            x.put("measured", g.measured());
            x.put("met", g.met());
            goals.add(x);
        }
        m.put("goals", goals);
        return m;
    }
}
