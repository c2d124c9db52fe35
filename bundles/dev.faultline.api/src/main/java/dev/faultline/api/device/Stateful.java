// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.device;

import org.osgi.annotation.versioning.ConsumerType;

/**
 * Something whose state belongs in a snapshot. Called while all vCPUs are quiesced and guest time
 * stands still.
 */
@ConsumerType
public interface Stateful {
    /**
     * Version of the section that {@link #save} writes and {@link #load} reads, from 1. Raise it
     * when keys or their meaning change, and offer a {@link StateMigrator} from the former one.
     */
    int stateVersion();

    /**
     * Whether a guest can go on without this device: a machine that lacks it is restored all the
     * same, and keeps its section for one that has it. A machine whose saved state lacks the
     * section leaves the device as it was made.
     */
    default boolean stateOptional() {
        return false;
    }

    void save(StateSection to);

    /**
     * Takes over a section of {@link #stateVersion}; older ones have come through the {@link
     * StateMigrator}s. It may come from a file that somebody made: lengths, ranges and indices are
     * checked here, once, so that the device's other methods need not.
     *
     * @throws IllegalArgumentException naming the key, for a section that does not make sense
     */
    void load(StateSection from);
}
