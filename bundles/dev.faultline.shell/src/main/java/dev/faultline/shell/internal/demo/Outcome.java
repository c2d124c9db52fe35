// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.demo;

import dev.faultline.api.snapshot.RestoreMode;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What a restore took and gave.
 *
 * @param difference from the original's memory, or null
 */
record Outcome(
        RestoreMode mode,
        double firstInstruction,
        double ready,
        long pagesLoaded,
        long bytesRead,
        long faults,
        List<String> answers,
        @Nullable String difference) {

    /** A mode as people write it. */
    static String name(RestoreMode mode) {
        return mode.name().toLowerCase(Locale.ROOT);
    }

    String name() {
        return name(mode);
    }

    /** For scripts. */
    Map<String, Object> facts() {
        Map<String, Object> m = new LinkedHashMap<>();
        m.put("firstInstructionMillis", firstInstruction);
        m.put("readyMillis", ready);
        m.put("pagesLoaded", pagesLoaded);
        m.put("bytesRead", bytesRead);
        m.put("faults", faults);
        return m;
    }
}
