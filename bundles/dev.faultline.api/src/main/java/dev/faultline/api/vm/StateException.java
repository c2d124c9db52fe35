// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.vm;

import java.io.Serial;

/** Saved state that a machine does not take. */
public final class StateException extends MachineException {
    @Serial private static final long serialVersionUID = 1L;

    /** What is wrong. */
    public enum Kind {
        /** A section that the machine needs is not there. */
        MISSING,
        /** A section that nobody here reads, and that is not optional. */
        UNKNOWN,
        /** A section has a newer version than its owner reads. */
        NEWER,
        /** A section has an older version, and no migrator leads to the one that is read. */
        OLDER,
        /** A section does not make sense. */
        DAMAGED,
        /** A migrator threw, or gave something else than it promised. */
        MIGRATION
    }

    private final Kind kind;

    public StateException(Kind kind, String message) {
        super(message);
        this.kind = kind;
    }

    public StateException(Kind kind, String message, Throwable cause) {
        super(message, cause);
        this.kind = kind;
    }

    public Kind kind() {
        return kind;
    }
}
