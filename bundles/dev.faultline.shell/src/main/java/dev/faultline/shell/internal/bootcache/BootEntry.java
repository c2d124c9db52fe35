// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.bootcache;

import java.nio.file.Path;
import java.time.Instant;
import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;

/**
 * A stored boot, as it says itself. Immutable.
 *
 * @param dir where it is
 * @param used when a run resumed it last, or it was stored
 * @param facts as {@link BootKey#facts}; what others may have written, for people to read only
 * @param snapshotId what the snapshot must be ({@code SnapshotInfo.id})
 * @param bytes on disk
 */
public record BootEntry(
        Path dir,
        String key,
        Instant created,
        Instant used,
        Map<String, String> facts,
        String snapshotId,
        long bytes) {
    static final String SNAPSHOT = "snapshot";
    static final String CONSOLE = "console";

    public BootEntry {
        facts = Collections.unmodifiableMap(new TreeMap<>(facts));
    }

    public Path snapshot() {
        return dir.resolve(SNAPSHOT);
    }

    Path console() {
        return dir.resolve(CONSOLE);
    }
}
