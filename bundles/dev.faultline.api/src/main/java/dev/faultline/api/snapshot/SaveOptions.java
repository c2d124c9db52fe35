// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.snapshot;

import java.util.Objects;

/**
 * How a machine is saved.
 *
 * @param compression of stored pages; what does not shrink is stored as it is
 * @param incremental refer to the snapshot that the machine was restored from for every page that
 *     is the same, instead of storing it again. That snapshot must be kept then, until this one is
 *     compacted
 */
public record SaveOptions(Compression compression, boolean incremental) {
    /** LZ4, standing alone. */
    public static final SaveOptions DEFAULT = new SaveOptions(Compression.LZ4, false);

    /** Speed against size. */
    public enum Compression {
        NONE,
        LZ4,
        ZSTD
    }

    public SaveOptions {
        Objects.requireNonNull(compression, "compression");
    }
}
