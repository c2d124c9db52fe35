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
     * Version of the section that {@link #save} writes; raise it when the meaning of a key changes.
     */
    int stateVersion();

    void save(StateSection to);

    /**
     * @throws IllegalArgumentException naming the key, for a section that does not make sense
     */
    void load(StateSection from);
}
