// SPDX-License-Identifier: Apache-2.0
package dev.faultline.bench;

import java.util.ArrayList;
import java.util.List;

/** Repeated measurements of one thing. */
public final class Samples {
    private final List<Double> all = new ArrayList<>();

    public static Samples of(double value) {
        Samples s = new Samples();
        s.add(value);
        return s;
    }

    public void add(double value) {
        all.add(value);
    }

    public List<Double> all() {
        return List.copyOf(all);
    }

    public double median() {
        List<Double> s = all.stream().sorted().toList();
        return (s.get((s.size() - 1) / 2) + s.get(s.size() / 2)) / 2;
    }

    /**
     * The median of the ratios to what was measured in the same rounds: what makes a host slower
     * for a while does so for both.
     */
    public double ratio(Samples below) {
        if (all.size() != below.all.size()) {
            return median() / below.median();
        }
        Samples ratios = new Samples();
        for (int i = 0; i < all.size(); i++) {
            ratios.add(all.get(i) / below.all.get(i));
        }
        return ratios.median();
    }
}
