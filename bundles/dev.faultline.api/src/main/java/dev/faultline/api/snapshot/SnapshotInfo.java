// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.snapshot;

import dev.faultline.api.vm.MachineConfig;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * What a snapshot holds.
 *
 * @param dir its directory; null if it is not in one of this host
 * @param id SHA-256 of its manifest, 64 hexadecimal digits; whoever knows it can demand this
 *     snapshot, and gets every bit of it or nothing. A compacted snapshot also answers to the ids
 *     that it had before
 * @param parentId that of the snapshot that it refers to for pages; null if it stands alone
 * @param bytes on disk, or of its objects elsewhere
 * @param pages of guest RAM in all
 * @param zeroPages of them all zero, stored as nothing
 * @param saveNanos how long the save took; 0 if not just saved
 * @param pauseNanos how long the guest stood for it in all; 0 if not just saved
 */
public record SnapshotInfo(
        @Nullable Path dir,
        String id,
        @Nullable String parentId,
        Instant created,
        MachineConfig config,
        long bytes,
        long pages,
        long zeroPages,
        boolean recorded,
        long saveNanos,
        long pauseNanos) {

    private static final int ID_DIGITS = 64;

    /**
     * An id as it is compared: in lower case.
     *
     * @param id may be null, which stays
     * @throws IllegalArgumentException if it is no id
     */
    public static @Nullable String checkedId(@Nullable String id) {
        if (id == null) {
            return null;
        }
        String s = id.strip().toLowerCase(Locale.ROOT);
        if (s.length() != ID_DIGITS || !s.chars().allMatch(c -> Character.digit(c, 16) >= 0)) {
            throw new IllegalArgumentException(
                    "'%s' is not the id of a snapshot: expected 64 hexadecimal digits, as 'snapshot show' prints them"
                            .formatted(id));
        }
        return s;
    }
}
