// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.snapshot;

import dev.faultline.api.vm.MachineException;
import java.io.Serial;

/** A snapshot that cannot be written, read or trusted. */
public final class SnapshotException extends MachineException {
    @Serial private static final long serialVersionUID = 1L;

    /** What is wrong. */
    public enum Kind {
        MISSING,
        NOT_A_SNAPSHOT,
        TRUNCATED,
        CORRUPT,
        FOREIGN,
        NEWER,
        MISMATCH,
        IO,
        /** Written by an earlier program, in a format that is no longer read. */
        OLDER,
        /**
         * The place that the snapshot is read from does not answer in time, or with an error; to
         * try again, or to attach another source, may help.
         */
        SOURCE,
        /**
         * Others save, compact, delete or read it just now, in this process or another one; nothing
         * was changed.
         */
        IN_USE
    }

    private final Kind kind;

    public SnapshotException(Kind kind, String message) {
        super(message);
        this.kind = kind;
    }

    public SnapshotException(Kind kind, String message, Throwable cause) {
        super(message, cause);
        this.kind = kind;
    }

    public Kind kind() {
        return kind;
    }
}
