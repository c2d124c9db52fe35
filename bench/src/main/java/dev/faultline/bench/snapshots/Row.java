// SPDX-License-Identifier: Apache-2.0
package dev.faultline.bench.snapshots;

import dev.faultline.bench.Samples;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/**
 * A goal and what was measured.
 *
 * @param id stable, for scripts
 * @param goal for people
 * @param limit the goal's figure; NaN: told for comparison only, there is no goal
 * @param atLeast the figure must not be below {@code limit}; else not above it
 * @param measured NaN if it could not be measured
 * @param above what was divided, with its unit
 * @param below by what
 * @param note what limits it, or why it was not measured; empty if nothing is to be said
 */
record Row(
        String id,
        String goal,
        double limit,
        boolean atLeast,
        double measured,
        Figure above,
        Figure below,
        String note) {

    /** One of the two figures of a ratio: the median of what was measured, and all of it. */
    record Figure(String what, String unit, Samples samples) {
        static Figure of(String what, String unit, double value) {
            return new Figure(what, unit, Samples.of(value));
        }

        double value() {
            return samples.median();
        }

        private String text() {
            double v = value();
            return switch (unit) {
                case "ms" -> String.format(Locale.ROOT, v < 10 ? "%.2f ms" : "%,.0f ms", v);
                case "bytes" ->
                        v < 10 << 10
                                ? String.format(Locale.ROOT, "%,.0f B", v)
                                : v < 10 << 20
                                        ? String.format(Locale.ROOT, "%,.0f KiB", v / 1024)
                                        : String.format(Locale.ROOT, "%,.0f MiB", v / (1 << 20));
                default -> String.format(Locale.ROOT, "%,.0f %s", v, unit);
            };
        }

        private Map<String, Object> facts() {
            Map<String, Object> m = new LinkedHashMap<>();
            m.put("what", what);
            m.put("unit", unit);
            m.put("median", value());
            m.put("samples", samples.all());
            return m;
        }
    }

    /** A ratio that must not be above a limit. */
    static Row atMost(String id, String goal, double limit, Figure above, Figure below) {
        return new Row(
                id, goal, limit, false, above.samples().ratio(below.samples()), above, below, "");
    }

    /** A share that must not be below a limit. */
    static Row atLeast(String id, String goal, double limit, Figure above, Figure below) {
        return new Row(
                id, goal, limit, true, above.samples().ratio(below.samples()), above, below, "");
    }

    /** Told for comparison. */
    static Row told(String id, String goal, Figure above, Figure below) {
        return atMost(id, goal, Double.NaN, above, below);
    }

    static Row missing(String id, String goal, double limit, String why) {
        return new Row(id, goal, limit, false, Double.NaN, null, null, why);
    }

    Row note(String text) {
        return new Row(id, goal, limit, atLeast, measured, above, below, text);
    }

    boolean isGoal() {
        return !Double.isNaN(limit);
    }

    boolean met() {
        return atLeast ? measured >= limit : measured <= limit; // not with NaN
    }

    private String verdict() {
        return !isGoal() ? "-" : Double.isNaN(measured) ? "?" : met() ? "met" : "NOT MET";
    }

    /** As people say it: 1/46 rather than 0.0217. */
    static String ratio(double r) {
        if (Double.isNaN(r)) {
            return "-";
        }
        if (r > 0 && r < 0.35) {
            return String.format(Locale.ROOT, 1 / r < 9.95 ? "1/%.1f" : "1/%,.0f", 1 / r);
        }
        return String.format(Locale.ROOT, r < 100 ? "%.3f" : "%,.0f", r);
    }

    String[] cells() {
        return new String[] {
            goal,
            isGoal() ? (atLeast ? ">= " : "<= ") + limitText() : "",
            limit >= 100 ? String.format(Locale.ROOT, "%,.0f", measured) : ratio(measured),
            verdict(),
            above == null ? note : figures()
        };
    }

    private String limitText() {
        return limit >= 100 || limit == 0
                ? String.format(Locale.ROOT, "%,.0f", limit)
                : ratio(limit).replaceAll("(\\.\\d*?)0+$", "$1").replaceAll("\\.$", "");
    }

    private String figures() {
        String s = above.what() + " " + above.text();
        if (below != null) {
            s += " : " + below.what() + " " + below.text();
        }
        return note.isEmpty() ? s : s + "; " + note;
    }

    Map<String, Object> facts() {
        Map<String, Object> m = new LinkedHashMap<>();
        m.put("id", id);
        m.put("goal", goal);
        m.put("limit", isGoal() ? limit : null);
        m.put("atLeast", atLeast);
        m.put("measured", Double.isNaN(measured) ? null : measured);
        m.put("met", isGoal() && !Double.isNaN(measured) ? met() : null);
        m.put("above", above == null ? null : above.facts());
        m.put("below", below == null ? null : below.facts());
        m.put("note", note);
        return m;
    }
}
