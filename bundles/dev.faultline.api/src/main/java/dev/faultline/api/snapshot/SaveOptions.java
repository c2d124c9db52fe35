// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.snapshot;

import java.util.Objects;

/**
 * How a machine is saved.
 *
 * @param compression of stored pages; what does not shrink is stored as it is
 * @param incremental refer to an earlier snapshot for every page that is the same, instead of
 *     storing it again: to the last one that was saved with {@code track}, else to the one that the
 *     machine was restored from. It must be kept then, until this one is compacted
 * @param live let the guest run while pages are stored: it stands only until device state is read
 *     and RAM is write-protected. A page that it writes before it was stored is copied first, on
 *     the writer's thread
 * @param track keep RAM write-protected afterwards to learn which pages are written (one fault for
 *     each), so that the next incremental save reads only those
 */
public record SaveOptions(
        Compression compression, boolean incremental, boolean live, boolean track) {
    /** LZ4, standing alone. */
    public static final SaveOptions DEFAULT = new SaveOptions(Compression.LZ4, false);

    /** As {@link #DEFAULT} while the guest runs; later saves may be incremental to it. */
    public static final SaveOptions LIVE = new SaveOptions(Compression.LZ4, false, true, true);

    /** Speed against size. */
    public enum Compression {
        NONE,
        LZ4,
        ZSTD
    }

    public SaveOptions {
        Objects.requireNonNull(compression, "compression");
    }

    /** Of a machine that stands meanwhile and is not tracked afterwards. */
    public SaveOptions(Compression compression, boolean incremental) {
        this(compression, incremental, false, false);
    }
}
