// SPDX-License-Identifier: Apache-2.0
package dev.faultline.hax.internal;

import dev.faultline.api.engine.VcpuEngineFactory;
import dev.faultline.api.fault.FaultPropagation;
import dev.faultline.api.hax.HaxModule;
import dev.faultline.api.hax.HaxModuleFactory;
import dev.faultline.api.hax.HaxPlatform;
import dev.faultline.api.memory.GuestMemoryFactory;
import dev.faultline.api.mmu.MmuFactory;
import dev.faultline.api.protection.RamProtectionFactory;
import dev.faultline.api.service.Others;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Deactivate;
import org.osgi.service.component.annotations.Reference;
import org.osgi.service.component.annotations.ReferencePolicyOption;

/** Offers the interface; closes its modules when it, or a service that they are built on, goes. */
@Component
public final class HaxModuleFactoryComponent implements HaxModuleFactory {
    private static final System.Logger LOG =
            System.getLogger(HaxModuleFactoryComponent.class.getName());

    private final Services services;
    private final Set<Driver> drivers = ConcurrentHashMap.newKeySet();

    @Activate
    public HaxModuleFactoryComponent(
            @Reference(name = "memory", policyOption = ReferencePolicyOption.GREEDY)
                    GuestMemoryFactory memory,
            @Reference(name = "protection", policyOption = ReferencePolicyOption.GREEDY)
                    RamProtectionFactory protection,
            @Reference(name = "mmu", policyOption = ReferencePolicyOption.GREEDY) MmuFactory mmu,
            @Reference(name = "engine", policyOption = ReferencePolicyOption.GREEDY)
                    VcpuEngineFactory engine,
            @Reference(
                            name = "style",
                            policyOption = ReferencePolicyOption.GREEDY,
                            target = "(" + FaultPropagation.STYLE + "=thrown)")
                    FaultPropagation propagation) {
        services = new Services(memory, protection, mmu, engine, propagation);
    }

    @Override
    public HaxModule create(HaxPlatform platform, boolean strict) {
        Driver driver = new Driver(services, platform, strict, drivers::remove);
        drivers.add(driver);
        return driver;
    }

    @Deactivate
    void deactivate() {
        drivers.forEach(d -> Others.contained(LOG, "the end of a module", d::close));
    }
}
