// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal;

import dev.faultline.api.device.ChipsetFactory;
import dev.faultline.api.memory.GuestMemoryFactory;
import dev.faultline.api.mmu.MmuFactory;
import dev.faultline.api.protection.RamProtectionFactory;
import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.api.vm.MachineException;
import dev.faultline.api.vm.MachineFactory;
import dev.faultline.api.vm.RamSource;
import dev.faultline.machine.pc.internal.fault.FaultPolicy;
import dev.faultline.machine.pc.internal.swap.ConfigCheck;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Deactivate;
import org.osgi.service.component.annotations.Modified;
import org.osgi.service.component.annotations.Reference;
import org.osgi.service.component.annotations.ReferencePolicy;
import org.osgi.service.component.annotations.ReferencePolicyOption;
import org.osgi.service.metatype.annotations.AttributeDefinition;
import org.osgi.service.metatype.annotations.Designate;
import org.osgi.service.metatype.annotations.ObjectClassDefinition;

/**
 * Builds PCs from the services that are present. The machines live in the {@link MachineRegistry},
 * which outlives this component.
 *
 * <p>Immediate: when a service comes back, machines that stand for it must not wait for somebody
 * who asks for this one.
 */
@Component(immediate = true, configurationPid = PcMachineFactory.PID)
@Designate(ocd = PcMachineFactory.Config.class)
public final class PcMachineFactory implements MachineFactory {
    public static final String PID = "dev.faultline.machine.pc";

    private static final String ENGINE = "interpreter";
    private static final String FAULT_STYLE = "coded";

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

    private static final System.Logger LOG = System.getLogger(PcMachineFactory.class.getName());

    private final MachineRegistry registry;
    private volatile Config config;

    // What new machines are built on: the best there is, or what PART.target in the configuration
    // selects. Guarded by this.
    private GuestMemoryFactory memory;
    private RamProtectionFactory protection;
    private MmuFactory mmu;
    private ChipsetFactory chipset;
    private boolean active;

    @Activate
    public PcMachineFactory(@Reference(name = "registry") MachineRegistry registry, Config config) {
        this.registry = registry;
        this.config = config;
        registry.handlers().use(policy(config));
        registry.use(standNanos(config));
    }

    /** All parts are bound. */
    @Activate
    synchronized void open() {
        active = true;
        changed();
    }

    private void changed() {
        if (active && memory != null && protection != null && mmu != null && chipset != null) {
            registry.open(new MachineRegistry.Basics(memory, protection, mmu, chipset));
        }
    }

    // When the best one changes, the new one is bound before the former one is unbound.

    @Reference(
            name = "memory",
            policy = ReferencePolicy.DYNAMIC,
            policyOption = ReferencePolicyOption.GREEDY)
    synchronized void bindMemory(GuestMemoryFactory next) {
        memory = next;
        changed();
    }

    synchronized void unbindMemory(GuestMemoryFactory former) {
        memory = memory == former ? null : memory;
    }

    @Reference(
            name = "protection",
            policy = ReferencePolicy.DYNAMIC,
            policyOption = ReferencePolicyOption.GREEDY)
    synchronized void bindProtection(RamProtectionFactory next) {
        protection = next;
        changed();
    }

    synchronized void unbindProtection(RamProtectionFactory former) {
        protection = protection == former ? null : protection;
    }

    @Reference(
            name = "mmu",
            policy = ReferencePolicy.DYNAMIC,
            policyOption = ReferencePolicyOption.GREEDY)
    synchronized void bindMmu(MmuFactory next) {
        mmu = next;
        changed();
    }

    synchronized void unbindMmu(MmuFactory former) {
        mmu = mmu == former ? null : mmu;
    }

    @Reference(
            name = "chipset",
            target = "(" + ChipsetFactory.CHIPSET + "=pc)",
            policy = ReferencePolicy.DYNAMIC,
            policyOption = ReferencePolicyOption.GREEDY)
    synchronized void bindChipset(ChipsetFactory next) {
        chipset = next;
        changed();
    }

    synchronized void unbindChipset(ChipsetFactory former) {
        chipset = chipset == former ? null : chipset;
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

    @Deactivate
    synchronized void deactivate() {
        active = false;
        registry.shut();
    }

    // ---- MachineFactory

    @Override
    public Machine create(MachineConfig asked) throws MachineException {
        return create(asked, PcMachine.OWN_RAM);
    }

    @Override
    public Machine create(MachineConfig asked, RamSource ram) throws MachineException {
        MachineConfig c =
                new MachineConfig(
                        asked.name(),
                        asked.ramBytes(),
                        asked.vcpus(),
                        orDefault(asked.engine(), engine()),
                        orDefault(asked.faultStyle(), faultStyle()),
                        asked.devices());
        ConfigCheck.check(c);
        requireConfigured(asked);
        PcMachine m = PcMachine.create(c, registry, ram);
        registry.add(m);
        return m;
    }

    /** What is configured; without a choice, and without the usual one, the best there is. */
    private String engine() {
        String best = registry.bestEngine();
        boolean choice = !config.engine().equals(ENGINE) || best == null;
        return choice || registry.engines().contains(ENGINE) ? config.engine() : best;
    }

    private String faultStyle() {
        String best = registry.bestFaultStyle();
        boolean choice = !config.fault_style().equals(FAULT_STYLE) || best == null;
        return choice || registry.faultStyles().contains(FAULT_STYLE) ? config.fault_style() : best;
    }

    /** What comes from the configuration and is not there is the configuration's fault. */
    private void requireConfigured(MachineConfig asked) throws MachineException {
        try {
            if (orDefault(asked.engine(), null) == null) {
                registry.engine(engine());
            }
        } catch (MachineException e) {
            throw new MachineException(
                    "configuration %s: engine=%s: %s"
                            .formatted(PID, config.engine(), e.getMessage()));
        }
        try {
            if (orDefault(asked.faultStyle(), null) == null) {
                registry.faultStyle(faultStyle());
            }
        } catch (MachineException e) {
            throw new MachineException(
                    "configuration %s: fault.style=%s: %s"
                            .formatted(PID, config.fault_style(), e.getMessage()));
        }
    }

    private static String orDefault(String value, String otherwise) {
        return value == null || value.isBlank() ? otherwise : value;
    }

    @Override
    public List<Machine> machines() {
        return List.copyOf(registry.machines());
    }

    @Override
    public List<String> engines() {
        return registry.engines();
    }

    @Override
    public List<String> faultStyles() {
        return registry.faultStyles();
    }

    @Override
    public List<String> devices() {
        return registry.devices();
    }
}
