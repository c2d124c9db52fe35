// SPDX-License-Identifier: Apache-2.0
package dev.faultline.bench.engines;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * What every measurement needs.
 *
 * @param top the checkout
 * @param scratch removed at the end
 * @param cache of the user
 * @param engines to be measured, in this order
 * @param limitSeconds that a guest may take until it says what is waited for
 */
record Lab(
        Path top,
        Path scratch,
        Path cache,
        Path faultline,
        Path qemu,
        List<Engine> engines,
        int rounds,
        int limitSeconds,
        PrintStream log) {

    /** The engines in the order of a round: each is first, and behind each other one, at times. */
    List<Engine> order(int round) {
        List<Engine> e = new ArrayList<>(engines);
        Collections.rotate(e, round);
        return e;
    }

    Running start(Engine e, Guest g) throws IOException {
        return new Running(
                e, e.command(g, faultline, qemu), scratch.resolve("errors"), limitSeconds);
    }

    void say(String format, Object... values) {
        log.printf(java.util.Locale.ROOT, "  " + format + "%n", values);
    }
}
