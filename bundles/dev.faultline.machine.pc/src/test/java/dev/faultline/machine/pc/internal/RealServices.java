// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal;

import dev.faultline.api.device.ChipsetFactory;
import dev.faultline.api.device.DeviceFactory;
import dev.faultline.api.engine.VcpuEngineFactory;
import dev.faultline.api.fault.FaultPropagation;
import dev.faultline.api.memory.GuestMemoryFactory;
import dev.faultline.api.mmu.MmuFactory;
import dev.faultline.api.protection.RamProtectionFactory;
import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineException;
import dev.faultline.cpu.interpreter.internal.InterpreterFactory;
import dev.faultline.fault.coded.internal.CodedPropagation;
import dev.faultline.fault.thrown.internal.ThrownPropagation;
import dev.faultline.machine.pc.internal.fault.HandlerRegistry;
import dev.faultline.machine.pc.internal.state.Migrations;
import dev.faultline.machine.pc.internal.swap.MachineServices;
import dev.faultline.memory.internal.GuestMemoryFactoryComponent;
import dev.faultline.mmu.internal.PagingMmuFactory;
import dev.faultline.platform.posix.internal.PosixHostMemoryComponent;
import dev.faultline.protection.internal.RamProtectionFactoryComponent;
import dev.faultline.testkit.HangGuard;
import java.util.HashMap;
import java.util.Map;

/**
 * MachineServices for a machine whose engine, translation, protection, memory and styles are the
 * real ones; the chips are a test's.
 */
final class RealServices implements MachineServices {
    final FakeServices fakes = new FakeServices();
    final Map<String, DeviceFactory> devices = new HashMap<>();
    private final ChipsetFactory chipset;
    final HandlerRegistry handlers = fakes.handlers;
    final Migrations migrations = fakes.migrations;
    VcpuEngineFactory engine = new InterpreterFactory();

    /** What is offered now; a machine may be built on a former one. */
    volatile MmuFactory mmu = new PagingMmuFactory();

    volatile RamProtectionFactory protection = new RamProtectionFactoryComponent();
    private final FaultPropagation coded = new CodedPropagation();
    private final FaultPropagation thrown = new ThrownPropagation();

    RealServices() {
        chipset = fakes.chipset();
    }

    /**
     * @param chipset the chips
     */
    RealServices(ChipsetFactory chipset) {
        this.chipset = chipset;
    }

    @Override
    public GuestMemoryFactory memory() {
        return new GuestMemoryFactoryComponent(new PosixHostMemoryComponent());
    }

    @Override
    public RamProtectionFactory protection() {
        return protection;
    }

    @Override
    public MmuFactory mmu() {
        return mmu;
    }

    @Override
    public ChipsetFactory chipset() {
        return chipset;
    }

    @Override
    public String absent() {
        return "parts";
    }

    @Override
    public long standNanos() {
        return HangGuard.limit().toNanos();
    }

    @Override
    public boolean complete() {
        return true;
    }

    @Override
    public boolean offered(Object part) {
        return part instanceof MmuFactory
                ? part == mmu
                : !(part instanceof RamProtectionFactory) || part == protection;
    }

    @Override
    public HandlerRegistry handlers() {
        return handlers;
    }

    @Override
    public VcpuEngineFactory engine(String name) throws MachineException {
        return engine;
    }

    @Override
    public FaultPropagation faultStyle(String style) throws MachineException {
        return style.equals("thrown") ? thrown : coded;
    }

    @Override
    public DeviceFactory device(String name) throws MachineException {
        if (devices.containsKey(name)) {
            return devices.get(name);
        }
        throw new MachineException("unknown device " + name);
    }

    @Override
    public Migrations migrations() {
        return migrations;
    }

    @Override
    public void starting(Machine machine) {}

    @Override
    public void closing(Machine machine) {}
}
