// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.mmu;

import dev.faultline.api.address.Gpa;
import org.osgi.annotation.versioning.ConsumerType;

/**
 * An engine that caches decoded code. Called on any thread; must be quick and must not lock against
 * a vCPU's thread.
 */
@ConsumerType
public interface CodeListener {
    /**
     * Bytes of tracked pages changed or may have changed (write, re-mapping, restricted rights).
     */
    void codeChanged(@Gpa long gpa, long size);
}
