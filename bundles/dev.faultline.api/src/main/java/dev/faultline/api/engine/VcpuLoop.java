// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.engine;

import org.osgi.annotation.versioning.ConsumerType;

/**
 * The inner loop of an engine, as {@link dev.faultline.api.fault.FaultPropagation#run} drives it.
 */
@ConsumerType
public interface VcpuLoop {
    /**
     * A fault is recorded in {@code v.fault}; the faulting instruction changed nothing and {@code
     * v.rip} is its start.
     */
    int EXIT_FAULT = -1;

    /** {@link VcpuContext#request} is not 0; at an instruction boundary. */
    int EXIT_REQUEST = 1;

    /** HLT retired; {@code v.activity} says so. */
    int EXIT_HALT = 2;

    /** Triple fault; {@code v.shutdownReason} says where and why. */
    int EXIT_SHUTDOWN = 3;

    /** Executes guest instructions until an exit. On the vCPU's thread. */
    int loop(VcpuContext v);

    /**
     * Called after {@link #EXIT_FAULT} in either style, before anything looks at the vCPU: puts
     * {@code v.rip} and counters to the start of the instruction that faulted.
     */
    void unwound(VcpuContext v);
}
