// SPDX-License-Identifier: Apache-2.0
package dev.faultline.testkit;

import dev.faultline.api.cpu.GuestClock;
import dev.faultline.api.cpu.VcpuState;
import dev.faultline.api.device.StateSection;
import dev.faultline.api.memory.GuestMemory;
import dev.faultline.api.mmu.Mmu;
import dev.faultline.api.protection.RamProtection;
import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.api.vm.MachineException;
import dev.faultline.api.vm.MachineStatistics;
import dev.faultline.api.vm.SerialConsole;
import dev.faultline.api.vm.VcpuExit;
import java.time.Duration;
import java.util.List;

/**
 * A machine that does nothing: each method fails the test with its name. A test overrides those
 * that it expects; for a fault handler see {@link FakeMachine}.
 */
public abstract class StubMachine implements Machine {
    /** For tests that override. */
    protected StubMachine() {}

    @Override
    public MachineConfig config() {
        throw new AssertionError("Machine.config");
    }

    @Override
    public GuestMemory memory() {
        throw new AssertionError("Machine.memory");
    }

    @Override
    public RamProtection protection() {
        throw new AssertionError("Machine.protection");
    }

    @Override
    public Mmu mmu() {
        throw new AssertionError("Machine.mmu");
    }

    @Override
    public GuestClock clock() {
        throw new AssertionError("Machine.clock");
    }

    @Override
    public List<VcpuState> vcpus() {
        throw new AssertionError("Machine.vcpus");
    }

    @Override
    public SerialConsole serial() {
        throw new AssertionError("Machine.serial");
    }

    @Override
    public void boot(MachineConfig.Boot boot) throws MachineException {
        throw new AssertionError("Machine.boot");
    }

    @Override
    public void bootOnReset(MachineConfig.Boot boot) {
        throw new AssertionError("Machine.bootOnReset");
    }

    @Override
    public void reset() throws MachineException {
        throw new AssertionError("Machine.reset");
    }

    @Override
    public void start() {
        throw new AssertionError("Machine.start");
    }

    @Override
    public void pause(String reason) {
        throw new AssertionError("Machine.pause");
    }

    @Override
    public VcpuExit await(Duration limit) throws InterruptedException {
        throw new AssertionError("Machine.await");
    }

    @Override
    public boolean running() {
        throw new AssertionError("Machine.running");
    }

    @Override
    public boolean idle() {
        throw new AssertionError("Machine.idle");
    }

    @Override
    public void quiesce(Runnable action) {
        throw new AssertionError("Machine.quiesce");
    }

    @Override
    public String engine() {
        throw new AssertionError("Machine.engine");
    }

    @Override
    public String faultStyle() {
        throw new AssertionError("Machine.faultStyle");
    }

    @Override
    public void swapEngine(String engine) throws MachineException {
        throw new AssertionError("Machine.swapEngine");
    }

    @Override
    public void swapFaultStyle(String style) throws MachineException {
        throw new AssertionError("Machine.swapFaultStyle");
    }

    @Override
    public MachineStatistics statistics() {
        throw new AssertionError("Machine.statistics");
    }

    @Override
    public List<StateSection> saveState() {
        throw new AssertionError("Machine.saveState");
    }

    @Override
    public void loadState(List<StateSection> sections) throws MachineException {
        throw new AssertionError("Machine.loadState");
    }

    @Override
    public void onFirstInstruction(Runnable action) {
        throw new AssertionError("Machine.onFirstInstruction");
    }

    @Override
    public void close() {
        throw new AssertionError("Machine.close");
    }
}
