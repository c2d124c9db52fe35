// SPDX-License-Identifier: Apache-2.0
package dev.faultline.bench.engines;

import dev.faultline.bench.BenchException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.util.List;
import java.util.Locale;

/**
 * Draws speeds as bars that begin at TCG's, in SVG: to the right what is faster, to the left what
 * is slower, in steps of two. Without a background; light and dark viewers have colours of their
 * own.
 */
final class Bars {
    private static final int NAMES = 120;
    private static final int PLOT = 560;
    private static final int VALUES = 60;
    private static final int BAR = 8;
    private static final int GAP = 7;
    private static final int TITLE = 26;
    private static final int MOST_STEPS = 6; // 64 times

    private static final String STYLE =
            """
            <style>
              text { font: 12px sans-serif; fill: #24292f }
              .b { font-weight: bold } .s { fill: #57606a; font-size: 11px }
              .e { text-anchor: end } .m { text-anchor: middle }
              line { stroke: #d0d7de } .one { stroke: #57606a; stroke-width: 2 }
              .translator { fill: #0969da } .interpreter { fill: #bf8700 }
              @media (prefers-color-scheme: dark) {
                text { fill: #e6edf3 } .s { fill: #9198a1 }
                line { stroke: #3d444d } .one { stroke: #9198a1 }
                .translator { fill: #4493f8 } .interpreter { fill: #d29922 }
              }
            </style>
            """;

    private final Report report;
    private final StringBuilder s = new StringBuilder();
    private final int left; // steps of two
    private final int right;

    private Bars(Report report) {
        this.report = report;
        double slowest = 0;
        double fastest = 0;
        for (Work w : report.works) {
            for (Engine e : report.ours()) {
                double speed = -log2(w.ratio(e));
                if (!Double.isNaN(speed)) {
                    slowest = Math.min(slowest, speed);
                    fastest = Math.max(fastest, speed);
                }
            }
        }
        left = Math.clamp((long) Math.ceil(-slowest), 1, MOST_STEPS);
        right = Math.clamp((long) Math.ceil(fastest), 1, MOST_STEPS);
    }

    static void write(Path file, Report report, String host, LocalDate date)
            throws BenchException, IOException {
        if (report.ours().isEmpty()) {
            throw new BenchException(
                    "--svg "
                            + file
                            + ": nothing to draw; it compares with tcg, add it to --engines");
        }
        Files.writeString(file, new Bars(report).draw(host, date), StandardCharsets.UTF_8);
    }

    private static double log2(double x) {
        return Math.log(x) / Math.log(2);
    }

    private double x(double speed) {
        double steps = Math.clamp(log2(speed), -left, right);
        return NAMES + PLOT * (left + steps) / (left + right);
    }

    private String draw(String host, LocalDate date) {
        int row = report.ours().size() * BAR + GAP;
        int y = 58;
        int bottom = y;
        for (String g : report.groups()) {
            bottom += TITLE + row * (report.of(g).size() + (report.isMeant(g) ? 1 : 0));
        }
        int width = NAMES + PLOT + VALUES;
        int height = bottom + 46;
        add(
                "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\">%n",
                width, height, width, height);
        add("<!-- SPDX-License-Identifier: Apache-2.0 -->%n");
        s.append(STYLE);
        text(0, 14, "b", "Speed against QEMU TCG, by CPU time of the whole process");
        int legend = 0;
        for (Engine e : report.ours()) {
            add(
                    "<rect class=\"%s\" x=\"%d\" y=\"25\" width=\"10\" height=\"10\"/>%n",
                    e.label(), legend);
            text(legend + 15, 34, "", e.label());
            legend += 100;
        }
        for (int i = -left; i <= right; i++) {
            double at = x(Math.pow(2, i));
            add(
                    "<line%s x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\"/>%n",
                    i == 0 ? " class=\"one\"" : "", at, y, at, bottom + 6);
            text(at, bottom + 20, "m", i == 0 ? "TCG" : i > 0 ? (1 << i) + "×" : "1/" + (1 << -i));
        }
        for (String g : report.groups()) {
            y += TITLE;
            text(0, y - 6, "b", g);
            for (Work w : report.of(g)) {
                bars(y, w.name, "", report.ours().stream().map(w::ratio).toList());
                y += row;
            }
            if (report.isMeant(g)) {
                bars(
                        y,
                        "geometric mean",
                        "b",
                        report.ours().stream().map(e -> report.mean(g, e)).toList());
                y += row;
            }
        }
        text(
                0,
                height - 6,
                "s",
                "Right of the line: faster. " + host + ", " + date + "; bench/engines");
        return s.append("</svg>\n").toString();
    }

    private void bars(int top, String name, String style, List<Double> ratios) {
        text(NAMES - 8, top + ratios.size() * BAR / 2.0 + 4, ("e " + style).strip(), name);
        for (int i = 0; i < ratios.size(); i++) {
            Engine e = report.ours().get(i);
            int y = top + i * BAR;
            double r = ratios.get(i);
            if (Double.isNaN(r)) {
                text(x(1) + 5, y + BAR, "s", "does not run");
                continue;
            }
            double from = Math.min(x(1), x(1 / r));
            double to = Math.max(x(1), x(1 / r));
            add(
                    "<rect class=\"%s\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\"><title>%s, %s: %s times TCG's speed</title></rect>%n",
                    e.label(), from, y, Math.max(to - from, 1), BAR - 1, name, e.label(), speed(r));
            if (e == Engine.TRANSLATOR) {
                // Beside the bar's end, or across the line where the bar goes to the left.
                text(Math.max(x(1), to) + 5, y + BAR, "s", speed(r) + "×");
            }
        }
    }

    private static String speed(double ratio) {
        return Report.times(1 / ratio);
    }

    private void text(double x, double y, String style, String t) {
        String safe = t.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;");
        add(
                "<text%s x=\"%.1f\" y=\"%.1f\">%s</text>%n",
                style.isEmpty() ? "" : " class=\"" + style + "\"", x, y, safe);
    }

    private void add(String format, Object... v) {
        s.append(String.format(Locale.ROOT, format, v));
    }
}
