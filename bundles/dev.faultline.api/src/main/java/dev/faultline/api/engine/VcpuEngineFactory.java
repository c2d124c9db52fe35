// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.engine;

import org.jspecify.annotations.Nullable;
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
     * Why its engines cannot run on this host as they are meant to: then they do in another, slower
     * way. Null: they can. Any thread.
     */
    default @Nullable String refusal() {
        return null;
    }

    /** What CPUID answers where this engine executes: what it implements, and no more. */
    CpuidPolicy cpuid();
}
