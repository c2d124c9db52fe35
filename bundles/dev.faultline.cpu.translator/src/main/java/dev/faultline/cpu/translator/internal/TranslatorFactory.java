// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.translator.internal;

import dev.faultline.api.engine.CpuidPolicy;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.engine.VcpuEngine;
import dev.faultline.api.engine.VcpuEngineFactory;
import dev.faultline.api.platform.HostMemory;
import dev.faultline.api.platform.HostMemoryException;
import dev.faultline.cpu.x86.block.BlockEngine;
import dev.faultline.cpu.x86.block.Limits;
import dev.faultline.cpu.x86.state.StandardCpuid;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.osgi.service.metatype.annotations.AttributeDefinition;
import org.osgi.service.metatype.annotations.Designate;
import org.osgi.service.metatype.annotations.ObjectClassDefinition;

/**
 * The service that offers the translator. Where it cannot run, its engines interpret, and {@link
 * #refusal} says why.
 */
@Component(
        service = VcpuEngineFactory.class,
        property = VcpuEngineFactory.ENGINE + "=" + TranslatorFactory.NAME,
        configurationPid = TranslatorFactory.PID)
@Designate(ocd = TranslatorFactory.Config.class)
public final class TranslatorFactory implements VcpuEngineFactory {
    static final String NAME = "translator";

    /** PID of its configuration. */
    public static final String PID = "dev.faultline.cpu.translator";

    private static final System.Logger LOG = System.getLogger(TranslatorFactory.class.getName());

    /** How it translates. */
    @ObjectClassDefinition(
            id = PID,
            name = "Faultline translator",
            description = "The engine that translates guest code into code of the host.")
    public @interface Config {
        @AttributeDefinition(
                name = "Threshold",
                description = "How often a block has to be run before it is translated, at least 1",
                min = "1")
        int threshold() default Options.THRESHOLD;

        @AttributeDefinition(
                name = "Code memory",
                description = "MiB of generated code that a vCPU keeps, 1 to 1024",
                min = "1",
                max = "1024")
        int code_mib() default Options.CODE_MIB;

        @AttributeDefinition(
                name = "Verify",
                description = "Read every translation again before it is executed")
        boolean verify() default false;

        @AttributeDefinition(
                name = "Lock-step",
                description =
                        "Have the interpreter execute again what generated code executed, and"
                                + " compare all state; for tests, of machines with one vCPU")
        boolean lockstep() default false;
    }

    private final HostMemory host;
    private final Options options;
    private final LongAdder refused = new LongAdder();

    /** What the host can do; null: it was not asked yet, or {@link #refusal} says why not. */
    private @Nullable HostCpu cpu;

    private @Nullable String refusal;
    private boolean asked;
    private boolean told;

    /**
     * @throws IllegalArgumentException for a value out of range
     */
    @Activate
    public TranslatorFactory(@Reference(name = "host") HostMemory host, Config config) {
        this(
                host,
                new Options(
                        config.threshold(), config.code_mib(), config.verify(), config.lockstep()));
    }

    TranslatorFactory(HostMemory host, Options options) {
        this.host = host;
        this.options = options;
    }

    /** Asks the host once, when somebody wants to know: a platform starts without that. */
    private void ask() {
        if (asked) {
            return;
        }
        asked = true;
        String architecture = System.getProperty("os.arch");
        if (!architecture.equals("amd64")) {
            refusal = "the host is no x86-64 machine but " + architecture;
            return;
        }
        try {
            cpu = HostCpu.ask(host);
            refusal = cpu.refusal();
        } catch (HostMemoryException | IllegalCallerException e) {
            refusal = String.valueOf(e.getMessage());
        }
    }

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public synchronized VcpuEngine create(VcpuContext v) {
        ask();
        if (refusal == null && cpu != null) {
            if (options.lockStep() && v.index > 0) {
                throw new IllegalStateException(
                        "lock-step undoes stores: the machine must have one vCPU only");
            }
            return new TranslatingEngine(v, options, host, cpu, refused);
        }
        if (!told) {
            told = true;
            LOG.log(System.Logger.Level.WARNING, "engine {0} interprets: {1}", NAME, refusal);
        }
        return new BlockEngine(v, Limits.DEFAULT);
    }

    /** For tests: how many translations and jumps the verifier refused. */
    long refused() {
        return refused.sum();
    }

    @Override
    public synchronized @Nullable String refusal() {
        ask();
        return refusal;
    }

    @Override
    public CpuidPolicy cpuid() {
        return new StandardCpuid();
    }
}
