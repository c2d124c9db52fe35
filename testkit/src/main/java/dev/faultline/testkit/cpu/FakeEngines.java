// SPDX-License-Identifier: Apache-2.0
package dev.faultline.testkit.cpu;

import dev.faultline.api.engine.CpuidPolicy;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.engine.VcpuEngine;
import dev.faultline.api.engine.VcpuEngineFactory;
import java.util.function.Function;

/** Engines that the test makes. */
public final class FakeEngines implements VcpuEngineFactory {
    private final String name;
    private final CpuidPolicy cpuid;
    private final Function<VcpuContext, VcpuEngine> make;

    /**
     * @param make asked for each vCPU
     */
    public FakeEngines(String name, CpuidPolicy cpuid, Function<VcpuContext, VcpuEngine> make) {
        this.name = name;
        this.cpuid = cpuid;
        this.make = make;
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public VcpuEngine create(VcpuContext v) {
        return make.apply(v);
    }

    @Override
    public CpuidPolicy cpuid() {
        return cpuid;
    }
}
