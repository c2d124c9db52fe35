// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal;

import dev.faultline.api.device.ChipsetFactory;
import dev.faultline.api.memory.GuestMemoryFactory;
import dev.faultline.api.mmu.MmuFactory;
import dev.faultline.api.protection.RamProtectionFactory;
import java.util.Map;

/** A factory and its settings, as the component runtime makes them when all parts are there. */
final class OpenFactory {
    final PcMachineFactory factory;
    final MachineSettings settings;

    OpenFactory(
            MachineRegistry registry,
            GuestMemoryFactory memory,
            RamProtectionFactory protection,
            MmuFactory mmu,
            ChipsetFactory chipset,
            MachineSettings.Config config) {
        registry.bindMemory(memory, Map.of());
        registry.bindProtection(protection, Map.of());
        registry.bindMmu(mmu, Map.of());
        registry.bindChipset(chipset, Map.of());
        settings = new MachineSettings(registry, config);
        settings.bindMemory(memory);
        settings.bindProtection(protection);
        settings.bindMmu(mmu);
        settings.bindChipset(chipset);
        factory = new PcMachineFactory(registry, settings);
        factory.memory = memory;
        factory.protection = protection;
        factory.mmu = mmu;
        factory.chipset = chipset;
    }

    OpenFactory(MachineRegistry registry, FakeServices services, MachineSettings.Config config) {
        this(
                registry,
                services.memory(),
                services.protection(),
                services.mmu(),
                services.chipset(),
                config);
    }

    /** A better translation came, or one after the last had gone. */
    void bind(MmuFactory mmu) {
        factory.mmu = mmu;
        settings.bindMmu(mmu);
    }
}
