// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.interpreter.internal;

import dev.faultline.api.engine.CpuidPolicy;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.engine.VcpuEngine;
import dev.faultline.api.engine.VcpuEngineFactory;
import dev.faultline.cpu.x86.block.BlockEngine;
import dev.faultline.cpu.x86.block.Limits;
import dev.faultline.cpu.x86.state.StandardCpuid;
import org.osgi.service.component.annotations.Component;

/** The service that offers the interpreter. */
@Component(
        service = VcpuEngineFactory.class,
        property = VcpuEngineFactory.ENGINE + "=" + InterpreterFactory.NAME)
public final class InterpreterFactory implements VcpuEngineFactory {
    static final String NAME = "interpreter";

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public VcpuEngine create(VcpuContext v) {
        return new BlockEngine(v, Limits.DEFAULT);
    }

    @Override
    public CpuidPolicy cpuid() {
        return new StandardCpuid();
    }
}
