// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.snapshot;

import dev.faultline.api.vm.MachineConfig;
import java.nio.file.Path;
import java.time.Instant;

/**
 * What a snapshot holds.
 *
 * @param dir its directory; null if it is not in one of this host
 * @param bytes on disk, or of its objects elsewhere
 * @param pages of guest RAM in all
 * @param zeroPages of them all zero, stored as nothing
 * @param saveNanos how long the save took; 0 if not just saved
 * @param pauseNanos how long the guest stood for it in all; 0 if not just saved
 */
public record SnapshotInfo(
        Path dir,
        Instant created,
        MachineConfig config,
        long bytes,
        long pages,
        long zeroPages,
        boolean recorded,
        long saveNanos,
        long pauseNanos) {}
