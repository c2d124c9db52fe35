// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal;

import dev.faultline.api.device.ChipsetFactory;
import dev.faultline.api.memory.GuestMemoryFactory;
import dev.faultline.api.mmu.MmuFactory;
import dev.faultline.api.protection.RamProtectionFactory;
import dev.faultline.api.vm.MachineException;
import dev.faultline.machine.pc.internal.fault.FaultPolicy;
import dev.faultline.machine.pc.internal.swap.Basics;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Deactivate;
import org.osgi.service.component.annotations.Modified;
import org.osgi.service.component.annotations.Reference;
import org.osgi.service.component.annotations.ReferenceCardinality;
import org.osgi.service.component.annotations.ReferencePolicy;
import org.osgi.service.component.annotations.ReferencePolicyOption;
import org.osgi.service.metatype.annotations.AttributeDefinition;
import org.osgi.service.metatype.annotations.Designate;
import org.osgi.service.metatype.annotations.ObjectClassDefinition;

/**
 * What the configuration says of machines that exist: which parts they go on with when theirs have
 * gone, their engine and fault style, and how long is waited for whom.
 *
 * <p>Nothing that it refers to is required, so that nothing that goes takes it along. A component
 * that comes and goes with its services would not do: where a configuration arrives while a service
 * is exchanged by another thread, the component runtime may leave it registered but not activated
 * until somebody asks for it, and machines that stand for that service would stand for ever.
 */
@Component(
        service = MachineSettings.class,
        immediate = true,
        configurationPid = MachineSettings.PID)
@Designate(ocd = MachineSettings.Config.class)
public final class MachineSettings {
    public static final String PID = "dev.faultline.machine.pc";

    static final String ENGINE = "interpreter";
    static final String FAULT_STYLE = "coded";

    /** What a machine gets whose configuration does not say. */
    @ObjectClassDefinition(
            id = PID,
            name = "Faultline PC",
            description = "Defaults of new machines. A change swaps every running machine over.")
    public @interface Config {
        @AttributeDefinition(
                name = "Engine",
                description = "Name of the execution engine, e.g. interpreter")
        String engine() default ENGINE;

        @AttributeDefinition(name = "Fault style", description = "thrown or coded")
        String fault_style() default FAULT_STYLE;

        @AttributeDefinition(
                name = "Handler deadline",
                description = "Milliseconds after which a fault handler's answer counts as PASS",
                min = "1")
        long handler_deadline() default 1000;

        @AttributeDefinition(
                name = "Handler failures",
                description = "Failures in a row after which a fault handler is left out",
                min = "1")
        int handler_failures() default 3;

        @AttributeDefinition(
                name = "Livelock",
                description =
                        "Faults in a row of one instruction without progress that stop the machine",
                min = "1")
        int livelock_faults() default 1000;

        @AttributeDefinition(
                name = "Stand deadline",
                description =
                        "Milliseconds after which pause, save and the like give up on a vCPU or an alarm that does not come to a stand",
                min = "1")
        long stand_deadline() default 30_000;
    }

    private static final System.Logger LOG = System.getLogger(MachineSettings.class.getName());

    private final MachineRegistry registry;
    private volatile Config config;

    // The best there is, or what PART.target in the configuration selects; null: there is none.
    // Guarded by this, as is what the registry is told, so that it is told in order.
    private @Nullable GuestMemoryFactory memory;
    private @Nullable RamProtectionFactory protection;
    private @Nullable MmuFactory mmu;
    private @Nullable ChipsetFactory chipset;
    private boolean open;

    @Activate
    public MachineSettings(@Reference(name = "registry") MachineRegistry registry, Config config) {
        this.registry = registry;
        this.config = config;
        registry.handlers().use(policy(config));
        registry.use(standNanos(config));
    }

    Config config() {
        return config;
    }

    private void changed() {
        if (memory != null && protection != null && mmu != null && chipset != null) {
            open = true;
            registry.open(new Basics(memory, protection, mmu, chipset));
        } else {
            shut();
        }
    }

    @Deactivate
    synchronized void shut() {
        if (open) {
            open = false;
            registry.shut();
        }
    }

    // When the best one changes, the new one is bound before the former one is unbound.

    @Reference(
            name = "memory",
            cardinality = ReferenceCardinality.OPTIONAL,
            policy = ReferencePolicy.DYNAMIC,
            policyOption = ReferencePolicyOption.GREEDY)
    synchronized void bindMemory(GuestMemoryFactory next) {
        memory = next;
        changed();
    }

    synchronized void unbindMemory(GuestMemoryFactory former) {
        memory = memory == former ? null : memory;
        changed();
    }

    @Reference(
            name = "protection",
            cardinality = ReferenceCardinality.OPTIONAL,
            policy = ReferencePolicy.DYNAMIC,
            policyOption = ReferencePolicyOption.GREEDY)
    synchronized void bindProtection(RamProtectionFactory next) {
        protection = next;
        changed();
    }

    synchronized void unbindProtection(RamProtectionFactory former) {
        protection = protection == former ? null : protection;
        changed();
    }

    @Reference(
            name = "mmu",
            cardinality = ReferenceCardinality.OPTIONAL,
            policy = ReferencePolicy.DYNAMIC,
            policyOption = ReferencePolicyOption.GREEDY)
    synchronized void bindMmu(MmuFactory next) {
        mmu = next;
        changed();
    }

    synchronized void unbindMmu(MmuFactory former) {
        mmu = mmu == former ? null : mmu;
        changed();
    }

    @Reference(
            name = "chipset",
            target = "(" + ChipsetFactory.CHIPSET + "=pc)",
            cardinality = ReferenceCardinality.OPTIONAL,
            policy = ReferencePolicy.DYNAMIC,
            policyOption = ReferencePolicyOption.GREEDY)
    synchronized void bindChipset(ChipsetFactory next) {
        chipset = next;
        changed();
    }

    synchronized void unbindChipset(ChipsetFactory former) {
        chipset = chipset == former ? null : chipset;
        changed();
    }

    @Modified
    void modified(Config changed) {
        Config before = config;
        config = changed;
        registry.handlers().use(policy(changed));
        registry.use(standNanos(changed));
        for (PcMachine m : registry.machines()) {
            try {
                if (!before.engine().equals(changed.engine())
                        && !m.engine().equals(changed.engine())) {
                    m.swapEngine(changed.engine());
                }
                if (!before.fault_style().equals(changed.fault_style())
                        && !m.faultStyle().equals(changed.fault_style())) {
                    m.swapFaultStyle(changed.fault_style());
                }
            } catch (MachineException | RuntimeException e) {
                LOG.log(
                        System.Logger.Level.WARNING,
                        "configuration "
                                + PID
                                + ": machine "
                                + m.config().name()
                                + " stays as it is: "
                                + e.getMessage());
            }
        }
    }

    private static long standNanos(Config c) {
        return TimeUnit.MILLISECONDS.toNanos(Math.clamp(c.stand_deadline(), 1, 86_400_000));
    }

    private static FaultPolicy policy(Config c) {
        try {
            return FaultPolicy.of(c.handler_deadline(), c.handler_failures(), c.livelock_faults());
        } catch (IllegalArgumentException e) {
            LOG.log(
                    System.Logger.Level.ERROR,
                    "configuration " + PID + ": " + e.getMessage() + "; the defaults hold");
            return FaultPolicy.DEFAULT;
        }
    }
}
