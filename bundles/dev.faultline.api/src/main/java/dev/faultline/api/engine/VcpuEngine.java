// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.engine;

import org.osgi.annotation.versioning.ProviderType;

/**
 * Executes one vCPU. Everything architectural lives in the {@link VcpuContext}; what an engine
 * keeps besides is derived and dropped by {@link #close()}, so engines can be exchanged at any
 * instruction boundary.
 */
@ProviderType
public interface VcpuEngine extends AutoCloseable {
    /**
     * Runs until an exit: delivers guest exceptions and interrupts itself, and returns {@link
     * VcpuLoop#EXIT_FAULT} only for PROTECTED, UNBACKED, STOP and INTERCEPTED records. The vCPU is
     * in guest mode only inside ({@link VcpuContext#enterGuest}). On the vCPU's thread.
     *
     * @return one of VcpuLoop's EXIT constants
     */
    int run();

    /**
     * Executes exactly one instruction (a REP string instruction: one iteration), or delivers one
     * event, then returns EXIT_REQUEST, or the exit that it caused.
     *
     * <p>While {@code v.diversion} is active the machine calls only this: no interrupt comes before
     * the instruction, of a REP exactly one iteration is done, and nothing that was fetched or
     * translated on the way may be kept.
     */
    int step();

    @Override
    void close();
}
