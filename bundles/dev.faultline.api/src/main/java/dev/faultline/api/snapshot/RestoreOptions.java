// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.snapshot;

import java.time.Duration;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * How a snapshot is restored.
 *
 * @param recording record in which order the guest first touches its pages, or null. Every first
 *     touch is a fault then
 * @param complete load what the guest did not ask for as well, in the background, until the machine
 *     has all its pages
 * @param id the id that the snapshot must have ({@link SnapshotInfo#id}), or have had before it was
 *     compacted: 64 hexadecimal digits. It binds machine, state and every page, those of parents
 *     too. Null: whatever is there
 */
public record RestoreOptions(
        RestoreMode mode, @Nullable Window recording, boolean complete, @Nullable String id) {

    /**
     * When a recording ends by itself; {@link Restored#saveRecording} ends it too. What is touched
     * afterwards is not recorded and costs no fault of its own.
     *
     * @param pages first touches, 1 to {@link #MAX_PAGES}
     * @param guestTime since the restore, positive; null: no limit
     */
    public record Window(int pages, @Nullable Duration guestTime) {
        /** Pages of the largest recording: 4 GiB of RAM. */
        public static final int MAX_PAGES = 1 << 20;

        /** 1 GiB of touched RAM, in any time. */
        public static final Window DEFAULT = new Window(1 << 18, null);

        public Window {
            if (pages < 1 || pages > MAX_PAGES) {
                throw new IllegalArgumentException(
                        "recording window of %d pages: expected 1 to %d"
                                .formatted(pages, MAX_PAGES));
            }
            if (guestTime != null && (guestTime.isNegative() || guestTime.isZero())) {
                throw new IllegalArgumentException(
                        "recording window of %s guest time: expected more than 0"
                                .formatted(guestTime));
            }
        }
    }

    public RestoreOptions {
        Objects.requireNonNull(mode, "mode");
        id = SnapshotInfo.checkedId(id);
        if (recording != null && mode == RestoreMode.EAGER) {
            throw new IllegalArgumentException(
                    "an eager restore sees no first touches; record a lazy or a recorded one");
        }
    }

    /** Without recording and background completion. */
    public static RestoreOptions of(RestoreMode mode) {
        return new RestoreOptions(mode, null, false, null);
    }

    /**
     * @throws IllegalArgumentException if the restore is eager
     */
    public RestoreOptions recording(Window window) {
        return new RestoreOptions(mode, Objects.requireNonNull(window, "window"), complete, id);
    }

    public RestoreOptions completing() {
        return new RestoreOptions(mode, recording, true, id);
    }

    /**
     * Of this snapshot and no other.
     *
     * @throws IllegalArgumentException if it is no id
     */
    public RestoreOptions demanding(String wanted) {
        return new RestoreOptions(mode, recording, complete, wanted);
    }
}
