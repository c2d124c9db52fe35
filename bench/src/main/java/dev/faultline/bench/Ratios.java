// SPDX-License-Identifier: Apache-2.0
package dev.faultline.bench;

import java.util.Arrays;

/** Ratios of paired measurements. */
final class Ratios {
    /** Of a normal distribution: 95 % lie within so many standard deviations. */
    private static final double NORMAL_95 = 1.96;

    private double[] all = new double[16];
    private int count;

    void add(double ratio) {
        if (count == all.length) {
            all = Arrays.copyOf(all, 2 * count);
        }
        all[count++] = ratio;
    }

    private double[] sorted() {
        double[] s = Arrays.copyOf(all, count);
        Arrays.sort(s);
        return s;
    }

    int count() {
        return count;
    }

    double median() {
        double[] s = sorted();
        return (s[(count - 1) / 2] + s[count / 2]) / 2;
    }

    /**
     * Ends of an interval that holds the true median with 95 % confidence whatever the
     * distribution: order statistics, by the binomial distribution's normal approximation.
     */
    double[] interval() {
        double[] s = sorted();
        double half = NORMAL_95 * Math.sqrt(count) / 2;
        int low = (int) Math.floor((count - 1) / 2.0 - half);
        int high = (int) Math.ceil((count - 1) / 2.0 + half);
        return new double[] {s[Math.max(0, low)], s[Math.min(count - 1, high)]};
    }
}
