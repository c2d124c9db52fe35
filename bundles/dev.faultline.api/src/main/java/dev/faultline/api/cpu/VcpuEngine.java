// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.cpu;

import org.osgi.annotation.versioning.ProviderType;

/**
 * Executes one vCPU. Everything architectural lives in the {@link VcpuContext}; what an engine keeps besides is derived and dropped by {@link
 * #close()}, so engines can be exchanged at any instruction boundary.
 */
@ProviderType
public interface VcpuEngine extends AutoCloseable {
    /**
     * Runs until an exit: delivers guest exceptions and interrupts itself, and returns {@link VcpuLoop#EXIT_FAULT} only for PROTECTED, UNBACKED and STOP
     * records. The vCPU is in guest mode only inside ({@link VcpuContext#enterGuest}). On the vCPU's thread.
     *
     * @return one of VcpuLoop's EXIT constants
     */
    int run();

    /**
     * Executes exactly one instruction (a REP string instruction: one iteration), or delivers one event, then returns EXIT_REQUEST, or the exit that it caused.
     */
    int step();

    @Override
    void close();
}
