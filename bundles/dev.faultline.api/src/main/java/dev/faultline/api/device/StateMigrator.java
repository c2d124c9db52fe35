// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.device;

import org.osgi.annotation.versioning.ConsumerType;

/**
 * A step by which a saved section of an older version becomes one of a newer version; a service.
 *
 * <p>Used when a machine is restored and its owner reads a newer version than was saved. Steps are
 * joined, the fewest that lead there; a machine that was restored saves the new version. Of steps
 * with the same section and versions the one of the highest service ranking is taken. Called on the
 * thread that restores, with nothing of the machine running; must be thread-safe.
 */
@ConsumerType
public interface StateMigrator {
    /**
     * Which sections: those with this id, or with this id and a decimal number behind it ({@code
     * vcpu}: {@code vcpu0}, {@code vcpu1} and so on). The same at each call.
     */
    String section();

    /** The version read. The same at each call. */
    int from();

    /** The version made, larger than {@link #from}. The same at each call. */
    int to();

    /**
     * @param section of version {@link #from}; the callee's own
     * @return the same id and {@link #to}; see {@link StateSection#withVersion}
     * @throws IllegalArgumentException naming the key, for a section that does not make sense
     */
    StateSection migrate(StateSection section);
}
