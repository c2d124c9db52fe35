// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.vm;

import dev.faultline.api.platform.HostRegion;
import org.jspecify.annotations.Nullable;
import org.osgi.annotation.versioning.ConsumerType;

/** Gives a new machine the memory of its RAM blocks, e.g. views that clones share. */
@ConsumerType
@FunctionalInterface
public interface RamSource {
    /**
     * Asked once per block while the machine is built. The region is the machine's from then on,
     * and closed with it or when it cannot be built.
     *
     * @param block the block's name, e.g. {@code "ram"}
     * @param bytes exact size of the region
     * @return null to let the machine take memory of the host as it does without this
     */
    @Nullable HostRegion region(String block, long bytes);
}
