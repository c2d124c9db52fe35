// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.interpreter.internal;

import dev.faultline.api.engine.CpuidPolicy;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.engine.VcpuEngine;
import dev.faultline.api.engine.VcpuEngineFactory;
import dev.faultline.cpu.x86.block.BlockEngine;
import dev.faultline.cpu.x86.block.Limits;
import dev.faultline.cpu.x86.state.StandardCpuid;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.ConfigurationPolicy;
import org.osgi.service.metatype.annotations.AttributeDefinition;
import org.osgi.service.metatype.annotations.Designate;
import org.osgi.service.metatype.annotations.ObjectClassDefinition;

/**
 * The interpreter under another name and with other limits: one engine for each factory
 * configuration of {@link #PID}.
 */
@Component(
        service = VcpuEngineFactory.class,
        configurationPid = ConfiguredInterpreterFactory.PID,
        configurationPolicy = ConfigurationPolicy.REQUIRE)
@Designate(ocd = ConfiguredInterpreterFactory.Config.class, factory = true)
public final class ConfiguredInterpreterFactory implements VcpuEngineFactory {
    /** Factory PID. A file {@code etc/dev.faultline.cpu.interpreter-small.cfg} makes one. */
    public static final String PID = "dev.faultline.cpu.interpreter";

    /** One more interpreter. */
    @ObjectClassDefinition(
            id = PID,
            name = "Faultline interpreter, configured",
            description = "Offers the interpreter under another name and with other limits.")
    public @interface Config {
        @AttributeDefinition(name = "Name", description = "The engine's name; not interpreter")
        String engine_name();

        @AttributeDefinition(
                name = "Block length",
                description = "Instructions in a block, 1 to 48")
        int block_length() default Limits.LONGEST_BLOCK;

        @AttributeDefinition(
                name = "Pages",
                description = "Pages of decoded code that a vCPU keeps")
        int pages() default 6000;

        @AttributeDefinition(
                name = "Blocks",
                description = "Blocks of decoded code that a vCPU keeps")
        int blocks() default 600_000;
    }

    private final String name;
    private final Limits limits;

    /**
     * @throws IllegalArgumentException for a name that is taken or missing, or limits out of range
     */
    @Activate
    public ConfiguredInterpreterFactory(Config config) {
        name = config.engine_name();
        if (name == null || name.isBlank() || name.equals(InterpreterFactory.NAME)) {
            throw new IllegalArgumentException(
                    "configuration "
                            + PID
                            + ": engine.name="
                            + name
                            + ": expected a name of its own");
        }
        limits = new Limits(config.block_length(), config.pages(), config.blocks());
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public VcpuEngine create(VcpuContext v) {
        return new BlockEngine(v, limits);
    }

    @Override
    public CpuidPolicy cpuid() {
        return new StandardCpuid();
    }
}
