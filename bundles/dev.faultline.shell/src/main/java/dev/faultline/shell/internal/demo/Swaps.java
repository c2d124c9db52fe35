// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.demo;

import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineException;
import dev.faultline.shell.internal.cli.Sizes;
import dev.faultline.shell.internal.cli.StyleSwitch;
import java.io.IOException;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;

/** Swaps fault style and engine of machines in mid-run, and counts what that took. */
final class Swaps {
    private static final Duration LIMIT = Duration.ofMinutes(2);

    private final StyleSwitch styles;
    private final String engine;
    private long count;
    private long maxPauseNanos;

    Swaps(StyleSwitch styles, String engine) {
        this.styles = styles;
        this.engine = engine;
    }

    /** The other style, by configuration as an operator would; then the engine. */
    void swap(Machine m) throws IOException, MachineException {
        String style = m.faultStyle().equals("coded") ? "thrown" : "coded";
        styles.set(style);
        long end = System.nanoTime() + LIMIT.toNanos();
        while (!m.faultStyle().equals(style)) {
            if (System.nanoTime() > end) {
                throw new MachineException(
                        "the fault style did not change to "
                                + style
                                + " within "
                                + LIMIT.toSeconds()
                                + " s");
            }
            Thread.onSpinWait();
            Thread.yield();
        }
        m.swapEngine(engine);
    }

    /** Counts a machine's, once all of them are done. */
    void count(Machine m) {
        count += m.statistics().swaps();
        maxPauseNanos = Math.max(maxPauseNanos, m.statistics().maxSwapPauseNanos());
    }

    long count() {
        return count;
    }

    double maxPauseMillis() {
        return Sizes.millis(maxPauseNanos);
    }

    /** For scripts. */
    Map<String, Object> facts() {
        Map<String, Object> s = new LinkedHashMap<>();
        s.put("count", count);
        s.put("maxPauseMillis", maxPauseMillis());
        return s;
    }
}
