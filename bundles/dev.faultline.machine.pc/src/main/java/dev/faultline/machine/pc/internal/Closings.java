// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal;

import dev.faultline.api.service.Others;
import java.util.ArrayDeque;
import java.util.Deque;

/**
 * What has to be given back, the last first. Each step is taken whatever the one before did: a
 * machine that could be built only half way gives back that half. Not safe for several threads.
 */
final class Closings {
    private static final System.Logger LOG = System.getLogger(Closings.class.getName());

    private record Closing(String what, Others.Step step) {}

    private final String machine;
    private final Deque<Closing> closings = new ArrayDeque<>();

    Closings(String machine) {
        this.machine = machine;
    }

    /**
     * @param what for the log, e.g. "its memory"
     */
    void add(String what, Others.Step step) {
        closings.push(new Closing(what, step));
    }

    /** Once; a second call does nothing. */
    void run() {
        for (Closing c = closings.poll(); c != null; c = closings.poll()) {
            Others.contained(LOG, "machine " + machine + ": closing " + c.what, c.step);
        }
    }
}
