// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.protection;

import dev.faultline.api.fault.PageFault;
import dev.faultline.api.fault.Resolution;
import org.osgi.annotation.versioning.ConsumerType;

/** Told of the accesses that touch watched bytes; see {@link RamProtection#watch}. */
@ConsumerType
@FunctionalInterface
public interface WatchHandler {
    /**
     * Called before the access happens, on the thread and under the rules of a {@link
     * dev.faultline.api.fault.FaultHandler}.
     *
     * @param machine name of the machine
     * @param fault the access; valid during this call only
     * @param watch whose bytes it touches
     * @return {@link Resolution#STEP} to let it go on; any other answer of a fault handler
     */
    Resolution onHit(String machine, PageFault fault, Watch watch);
}
