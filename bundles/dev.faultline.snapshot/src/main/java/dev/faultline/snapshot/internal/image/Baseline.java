// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.image;

import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.api.snapshot.SnapshotException.Kind;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.Set;

/**
 * What a restore can leave out, so that a benchmark can tell what it is worth. Of no use otherwise:
 * hence no option and no configuration, which might stay, but a system property of the process,
 * looked at when a restore begins. What is left out is logged as a warning.
 */
public enum Baseline {
    /** A fault fills and opens the page that was touched and no other; nothing read is kept. */
    RANGE_FILL,
    /** Pages are not checked against the snapshot's hashes. */
    VERIFICATION;

    /** Its value: names of what is left out, with commas between. */
    public static final String PROPERTY = "faultline.bench.without";

    /**
     * What the property says now.
     *
     * @throws SnapshotException it says something else
     */
    public static Set<Baseline> asked() throws SnapshotException {
        Set<Baseline> asked = EnumSet.noneOf(Baseline.class);
        String names = System.getProperty(PROPERTY, "");
        if (!names.isEmpty()) {
            for (String name : names.split(",", -1)) {
                asked.add(named(name));
            }
        }
        return asked;
    }

    private static Baseline named(String name) throws SnapshotException {
        for (Baseline b : values()) {
            if (b.name().equals(name)) {
                return b;
            }
        }
        throw new SnapshotException(
                Kind.MISMATCH,
                "system property %s: '%s' is none of %s"
                        .formatted(PROPERTY, name, Arrays.toString(values())));
    }
}
