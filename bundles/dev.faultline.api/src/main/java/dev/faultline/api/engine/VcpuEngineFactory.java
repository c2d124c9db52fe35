// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.engine;

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

    /** What CPUID answers where this engine executes: what it implements, and no more. */
    CpuidPolicy cpuid();
}
