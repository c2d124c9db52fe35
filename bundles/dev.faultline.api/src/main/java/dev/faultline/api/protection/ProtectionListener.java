// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.protection;

import dev.faultline.api.address.Gpa;
import org.osgi.annotation.versioning.ConsumerType;

/**
 * Told when effective rights shrink; must have removed every cached translation of the range when
 * it returns.
 */
@ConsumerType
public interface ProtectionListener {
    /**
     * @param gpa page-aligned
     * @param size bytes, multiple of 4096
     */
    void rightsRestricted(@Gpa long gpa, long size);
}
