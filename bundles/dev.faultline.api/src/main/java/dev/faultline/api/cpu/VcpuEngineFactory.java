// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.cpu;

import org.osgi.annotation.versioning.ProviderType;

/** Service: an execution engine. */
@ProviderType
public interface VcpuEngineFactory {
    /** Service property: {@code interpreter}, {@code jit}, {@code kvm}, ... */
    String ENGINE = "engine.name";

    /** {@link #ENGINE}'s value. */
    String name();

    /**
     * @param v fully wired: mmu, bus, interrupts, clock and propagation are set
     */
    VcpuEngine create(VcpuContext v);

    /**
     * Sets {@code v} to the state after RESET (SDM 3A, "Processor State After Reset") with this
     * platform's CPUID and MSR defaults.
     */
    void reset(VcpuContext v);
}
