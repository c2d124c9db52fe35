// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.fault;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.engine.VcpuLoop;
import org.osgi.annotation.versioning.ProviderType;

/**
 * How one bit (a fault was recorded) travels from the cold path that found it to the run loop. Two
 * styles exist: thrown and coded; the service property {@link #STYLE} tells which. Stateless with
 * respect to vCPUs; any thread.
 */
@ProviderType
public interface FaultPropagation {
    /** Service property: {@code "thrown"} or {@code "coded"}. */
    String STYLE = "fault.style";

    /** The result of a translation that did not succeed: hvas are never negative. */
    long FAULTED = -1L;

    /** {@link STYLE}'s value. */
    String style();

    /**
     * Turns the fault recorded in {@code v.fault} into this style's transfer: thrown never returns,
     * coded returns {@link #FAULTED}. Call it as the last act of a miss path, never at the bottom
     * of a deep call chain.
     */
    long raise(VcpuContext v);

    /**
     * Runs the engine's loop until it leaves; the only place that may catch. Returns the loop's
     * exit, or {@link VcpuLoop#EXIT_FAULT}.
     */
    int run(VcpuLoop loop, VcpuContext v);
}
