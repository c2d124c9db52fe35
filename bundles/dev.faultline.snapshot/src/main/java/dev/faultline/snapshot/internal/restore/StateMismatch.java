// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.restore;

import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.api.snapshot.SnapshotException.Kind;
import dev.faultline.api.vm.MachineException;
import dev.faultline.api.vm.StateException;

/** A machine that does not take a snapshot's state. */
public final class StateMismatch {
    private StateMismatch() {}

    /** What a machine says to a snapshot's state. */
    public static SnapshotException of(Object dir, MachineException e) {
        Kind kind = Kind.MISMATCH;
        if (e instanceof StateException s) {
            kind =
                    switch (s.kind()) {
                        case NEWER -> Kind.NEWER;
                        case OLDER -> Kind.OLDER;
                        case DAMAGED -> Kind.CORRUPT;
                        case MISSING, UNKNOWN, MIGRATION -> Kind.MISMATCH;
                    };
        }
        return new SnapshotException(
                kind, "snapshot %s does not fit the machine: %s".formatted(dir, e.getMessage()), e);
    }
}
