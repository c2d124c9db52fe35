// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.swap;

import dev.faultline.api.device.ChipsetFactory;
import dev.faultline.api.device.DeviceFactory;
import dev.faultline.api.engine.VcpuEngineFactory;
import dev.faultline.api.fault.FaultPropagation;
import dev.faultline.api.memory.GuestMemoryFactory;
import dev.faultline.api.mmu.MmuFactory;
import dev.faultline.api.protection.RamProtectionFactory;
import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineException;
import dev.faultline.machine.pc.internal.fault.HandlerRegistry;
import dev.faultline.machine.pc.internal.state.Migrations;

/** Where a machine gets its parts from. Lookups name what there is when they fail. Any thread. */
public interface MachineServices {
    GuestMemoryFactory memory();

    RamProtectionFactory protection();

    MmuFactory mmu();

    ChipsetFactory chipset();

    HandlerRegistry handlers();

    /** Which of memory, protection, translation and chips are gone, for people. */
    String absent();

    /** Whether {@link #memory} and its like can be asked. */
    boolean complete();

    /**
     * Whether a factory of memory, protection, translation, chips, engines or devices, or a style,
     * is there.
     */
    boolean offered(Object part);

    VcpuEngineFactory engine(String name) throws MachineException;

    FaultPropagation faultStyle(String style) throws MachineException;

    DeviceFactory device(String name) throws MachineException;

    /** How long, in nanoseconds, anybody waits for a machine's vCPUs and alarms. */
    long standNanos();

    /** Of saved state; those that are there at each use. */
    Migrations migrations();

    /** The machine's vCPUs are about to go. Called without its locks. */
    void starting(Machine machine);

    /** The machine is about to be closed. Called without its locks; may come more than once. */
    void closing(Machine machine);
}
