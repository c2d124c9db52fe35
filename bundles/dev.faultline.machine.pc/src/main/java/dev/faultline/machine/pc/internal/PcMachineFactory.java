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
import dev.faultline.machine.pc.internal.swap.Basics;
import dev.faultline.machine.pc.internal.swap.ConfigCheck;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Modified;
import org.osgi.service.component.annotations.Reference;
import org.osgi.service.component.annotations.ReferencePolicy;
import org.osgi.service.component.annotations.ReferencePolicyOption;

/**
 * Builds PCs from the services that are present; is there while all are that a PC is built on. The
 * machines live in the {@link MachineRegistry}, and what a configuration changes under them is done
 * by {@link MachineSettings}: both outlive this component.
 */
@Component(configurationPid = MachineSettings.PID)
public final class PcMachineFactory implements MachineFactory {
    private final MachineRegistry registry;
    private final MachineSettings settings;

    // What new machines are built on: the best there is, or what PART.target in the configuration
    // selects. Replaced at any time; null when this component is on its way out.

    @Reference(
            name = "memory",
            policy = ReferencePolicy.DYNAMIC,
            policyOption = ReferencePolicyOption.GREEDY)
    volatile @Nullable GuestMemoryFactory memory;

    @Reference(
            name = "protection",
            policy = ReferencePolicy.DYNAMIC,
            policyOption = ReferencePolicyOption.GREEDY)
    volatile @Nullable RamProtectionFactory protection;

    @Reference(
            name = "mmu",
            policy = ReferencePolicy.DYNAMIC,
            policyOption = ReferencePolicyOption.GREEDY)
    volatile @Nullable MmuFactory mmu;

    @Reference(
            name = "chipset",
            target = "(" + ChipsetFactory.CHIPSET + "=pc)",
            policy = ReferencePolicy.DYNAMIC,
            policyOption = ReferencePolicyOption.GREEDY)
    volatile @Nullable ChipsetFactory chipset;

    @Activate
    public PcMachineFactory(
            @Reference(name = "registry") MachineRegistry registry,
            @Reference(name = "settings") MachineSettings settings) {
        this.registry = registry;
        this.settings = settings;
    }

    /** Here the configuration only selects parts; without this, each change would make another. */
    @Modified
    void modified() {}

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
        PcMachine m = PcMachine.create(c, registry, basics(), ram);
        registry.add(m);
        return m;
    }

    private Basics basics() throws MachineException {
        GuestMemoryFactory m = memory;
        RamProtectionFactory p = protection;
        MmuFactory t = mmu;
        ChipsetFactory c = chipset;
        if (m == null || p == null || t == null || c == null) {
            throw new MachineException(
                    "no machine can be made now: %s, which machines are built on, have just gone"
                            .formatted(registry.absent()));
        }
        return new Basics(m, p, t, c);
    }

    /** What is configured; without a choice, and without the usual one, the best there is. */
    private String engine() {
        String asked = settings.config().engine();
        String best = registry.bestEngine();
        boolean choice = !asked.equals(MachineSettings.ENGINE);
        return best == null || choice || registry.engines().contains(asked) ? asked : best;
    }

    private String faultStyle() {
        String asked = settings.config().fault_style();
        String best = registry.bestFaultStyle();
        boolean choice = !asked.equals(MachineSettings.FAULT_STYLE);
        return best == null || choice || registry.faultStyles().contains(asked) ? asked : best;
    }

    /** What comes from the configuration and is not there is the configuration's fault. */
    private void requireConfigured(MachineConfig asked) throws MachineException {
        try {
            if (orDefault(asked.engine(), "").isEmpty()) {
                registry.engine(engine());
            }
        } catch (MachineException e) {
            throw new MachineException(
                    "configuration %s: engine=%s: %s"
                            .formatted(
                                    MachineSettings.PID,
                                    settings.config().engine(),
                                    e.getMessage()));
        }
        try {
            if (orDefault(asked.faultStyle(), "").isEmpty()) {
                registry.faultStyle(faultStyle());
            }
        } catch (MachineException e) {
            throw new MachineException(
                    "configuration %s: fault.style=%s: %s"
                            .formatted(
                                    MachineSettings.PID,
                                    settings.config().fault_style(),
                                    e.getMessage()));
        }
    }

    private static String orDefault(@Nullable String value, String otherwise) {
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
