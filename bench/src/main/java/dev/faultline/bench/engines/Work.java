// SPDX-License-Identifier: Apache-2.0
package dev.faultline.bench.engines;

import dev.faultline.bench.Samples;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.Map;

/** One thing that every engine does, and what it took. */
final class Work {
    final String group;
    final String name;

    /** Seconds of processor time that are compared. */
    final Map<Engine, Samples> seconds = new EnumMap<>(Engine.class);

    /** What else was measured, for scripts: name to figures. */
    private final Map<Engine, Map<String, Samples>> more = new EnumMap<>(Engine.class);

    /** Why there is no figure. */
    final Map<Engine, String> failures = new EnumMap<>(Engine.class);

    private final Map<Engine, String> results = new EnumMap<>(Engine.class);

    Work(String group, String name) {
        this.group = group;
        this.name = name;
    }

    void add(Engine e, double s) {
        seconds.computeIfAbsent(e, x -> new Samples()).add(s);
    }

    void also(Engine e, String what, double s) {
        more.computeIfAbsent(e, x -> new LinkedHashMap<>())
                .computeIfAbsent(what, x -> new Samples())
                .add(s);
    }

    void failed(Engine e, String why) {
        failures.put(e, why);
        seconds.remove(e);
    }

    /** What it computed; all engines and rounds must agree. The first is believed. */
    void result(Engine e, String result) {
        results.put(e, result);
        Engine first =
                results.containsKey(Engine.TCG) ? Engine.TCG : results.keySet().iterator().next();
        String right = results.get(first);
        results.forEach((x, r) -> {
            if (!r.equals(right)) {
                failed(x, "another result than " + first.label() + ": " + r + ", " + right);
            }
        });
    }

    boolean wants(Engine e) {
        return !failures.containsKey(e);
    }

    /** Of an engine's time to TCG's; NaN if one of them is missing. */
    double ratio(Engine e) {
        Samples a = seconds.get(e);
        Samples b = seconds.get(Engine.TCG);
        return a == null || b == null ? Double.NaN : a.ratio(b);
    }

    Map<String, Object> facts() {
        Map<String, Object> m = new LinkedHashMap<>();
        m.put("group", group);
        m.put("name", name);
        for (Engine e : Engine.values()) {
            Map<String, Object> x = new LinkedHashMap<>();
            if (seconds.containsKey(e)) {
                x.put("cpuSeconds", seconds.get(e).median());
                x.put("samples", seconds.get(e).all());
                double r = ratio(e);
                x.put("timesTcg", Double.isNaN(r) ? null : r);
                more.getOrDefault(e, Map.of())
                        .forEach((what, s) -> {
                            x.put(what, s.median());
                            x.put(what + "Samples", s.all());
                        });
            }
            if (failures.containsKey(e)) {
                x.put("failure", failures.get(e));
            }
            if (!x.isEmpty()) {
                m.put(e.label(), x);
            }
        }
        return m;
    }
}
