// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal;

import dev.faultline.api.cpu.GuestClock;
import dev.faultline.api.cpu.VcpuState;
import dev.faultline.api.device.Device;
import dev.faultline.api.device.StateSection;
import dev.faultline.api.device.Stateful;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.memory.GuestMemory;
import dev.faultline.api.mmu.Mmu;
import dev.faultline.api.protection.RamProtection;
import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.api.vm.MachineException;
import dev.faultline.api.vm.MachineStatistics;
import dev.faultline.api.vm.RamSource;
import dev.faultline.api.vm.SerialConsole;
import dev.faultline.api.vm.VcpuExit;
import dev.faultline.machine.pc.internal.board.LegacyPics;
import dev.faultline.machine.pc.internal.fault.FaultDispatcher;
import dev.faultline.machine.pc.internal.load.ImageLoader;
import dev.faultline.machine.pc.internal.run.RunControl;
import dev.faultline.machine.pc.internal.run.Standstill;
import dev.faultline.machine.pc.internal.run.VcpuRunner;
import dev.faultline.machine.pc.internal.state.DeviceState;
import dev.faultline.machine.pc.internal.state.MachineState;
import dev.faultline.machine.pc.internal.state.StateOwner;
import dev.faultline.machine.pc.internal.swap.AddedDevices;
import dev.faultline.machine.pc.internal.swap.Basics;
import dev.faultline.machine.pc.internal.swap.Bindings;
import dev.faultline.machine.pc.internal.swap.MachineServices;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A PC: its RAM, board, vCPU threads and timer thread.
 *
 * <p>Who may change what, when, and the lock order: {@link Standstill}. What is exchanged while it
 * exists: {@link Bindings}.
 */
public final class PcMachine implements Machine {
    private static final System.Logger LOG = System.getLogger(PcMachine.class.getName());
    private static final long CLOSE_WAIT_NANOS = TimeUnit.SECONDS.toNanos(10);
    public static final RamSource OWN_RAM = (block, bytes) -> null;

    private final Wiring wiring;
    private final RunControl control;
    private final Standstill standstill;
    private final MachineReset reset;

    /** With its devices' names once they are plugged in. */
    private volatile MachineConfig config;

    // Guarded by the standstill's lock.
    private List<StateSection> keptState = List.of();
    private boolean everRan;
    private boolean threadsOpen;

    /** Called by its wiring, which lacks added devices yet. */
    PcMachine(MachineConfig config, Wiring wiring) {
        this.config = config;
        this.wiring = wiring;
        control = wiring.control();
        standstill = wiring.standstill;
        reset = new MachineReset(wiring);
    }

    /** For tests: a machine that has RAM of its own. */
    public static PcMachine create(MachineConfig config, MachineServices services)
            throws MachineException {
        return create(config, services, OWN_RAM);
    }

    /** For tests: of the parts that the services are about. */
    public static PcMachine create(MachineConfig config, MachineServices services, RamSource ram)
            throws MachineException {
        Basics parts =
                new Basics(
                        services.memory(),
                        services.protection(),
                        services.mmu(),
                        services.chipset());
        return create(config, services, parts, ram);
    }

    /**
     * Builds a machine of a checked configuration.
     *
     * @throws MachineException for an engine, style or device that nobody offers, or memory that
     *     the host does not give
     */
    public static PcMachine create(
            MachineConfig config, MachineServices services, Basics parts, RamSource ram)
            throws MachineException {
        return Wiring.of(config, services, parts, ram).machine();
    }

    /** Once its devices are plugged in. */
    void has(List<String> devices) {
        MachineConfig c = config;
        config =
                new MachineConfig(
                        c.name(), c.ramBytes(), c.vcpus(), c.engine(), c.faultStyle(), devices);
    }

    // ---- parts

    @Override
    public MachineConfig config() {
        return config;
    }

    @Override
    public GuestMemory memory() {
        return wiring.memory;
    }

    @Override
    public RamProtection protection() {
        return wiring.protection;
    }

    @Override
    public Mmu mmu() {
        return wiring.bindings.mmu();
    }

    @Override
    public GuestClock clock() {
        return wiring.clock;
    }

    @Override
    public List<VcpuState> vcpus() {
        return List.of(wiring.vcpus);
    }

    @Override
    public SerialConsole serial() {
        return wiring.chipset.serial();
    }

    RunControl control() {
        return control;
    }

    /** For tests. */
    FaultDispatcher faults() {
        return wiring.faults();
    }

    // ---- going and standing

    @Override
    public void boot(MachineConfig.Boot boot) throws MachineException {
        standstill.lock("boot");
        try {
            requireFresh("boot");
            ImageLoader.load(boot, wiring.ram, wiring.vcpus.length, wiring.vcpus[0]);
            LegacyPics.program(wiring.board);
            mmu().flush(wiring.vcpus[0]);
            reset.boots(boot);
        } finally {
            standstill.unlock();
        }
    }

    @Override
    public void bootOnReset(MachineConfig.Boot boot) {
        reset.boots(Objects.requireNonNull(boot, "boot"));
    }

    @Override
    public void reset() throws MachineException {
        reset.press(standstill);
    }

    private void requireFresh(String what) {
        if (everRan) {
            throw new IllegalStateException(
                    what + ": machine " + config.name() + " has run already");
        }
    }

    /**
     * {@inheritDoc} From a fault handler or device, on the machine's own threads, it takes a {@link
     * #pause} back.
     */
    @Override
    public void start() {
        wiring.services.starting(this);
        if (standstill.onOwnThread()) {
            control.start();
            wiring.dma.retryStopped();
            return;
        }
        standstill.lock("start");
        try {
            if (standstill.closed()) {
                throw new IllegalStateException("machine " + config.name() + " is closed");
            }
            everRan = true;
            wiring.lookForFirstInstruction();
            if (!threadsOpen) {
                threadsOpen = true;
                wiring.timers.open();
                wiring.faults().open();
                for (VcpuRunner r : wiring.runners) {
                    r.open();
                }
            }
            control.start();
            wiring.dma.retryStopped();
        } finally {
            standstill.unlock();
        }
    }

    /**
     * {@inheritDoc} From a fault handler or device, on the machine's own threads, it only asks and
     * returns at once.
     */
    @Override
    public void pause(String reason) {
        control.exit(new VcpuExit.Paused(reason));
        standstill.settle();
    }

    /**
     * {@inheritDoc}
     *
     * @throws IllegalStateException on one of the machine's own threads, but for a limit of 0
     */
    @Override
    public @Nullable VcpuExit await(Duration limit) throws InterruptedException {
        boolean own = standstill.onOwnThread();
        if (own && limit.isPositive()) {
            throw new IllegalStateException(
                    "await: called on a thread of machine " + config.name());
        }
        VcpuExit exit = control.await(RunControl.nanos(limit));
        if (exit != null && !own) {
            standstill.drain("await");
        }
        return exit;
    }

    @Override
    public boolean running() {
        return control.running();
    }

    @Override
    public boolean idle() {
        for (VcpuRunner r : wiring.runners) {
            if (!r.asleep()) {
                return false;
            }
        }
        return true;
    }

    /**
     * {@inheritDoc} May be called from a fault handler, whose vCPU stands meanwhile.
     *
     * @throws IllegalStateException when called from inside an instruction (a device, a serial
     *     listener) or an alarm
     */
    @Override
    public void quiesce(Runnable action) {
        standstill.quiesce(action);
    }

    @Override
    public void onFirstInstruction(Runnable action) {
        wiring.firstInstruction.set(action);
    }

    // ---- what is exchanged

    @Override
    public String engine() {
        return wiring.bindings.engine();
    }

    @Override
    public @Nullable String engineRefusal() {
        return wiring.bindings.engineRefusal();
    }

    @Override
    public String faultStyle() {
        return wiring.bindings.faultStyle();
    }

    @Override
    public void swapEngine(String engine) throws MachineException {
        wiring.bindings.swapEngine(engine);
    }

    @Override
    public void swapFaultStyle(String style) throws MachineException {
        wiring.bindings.swapFaultStyle(style);
    }

    Bindings bindings() {
        return wiring.bindings;
    }

    AddedDevices added() {
        return wiring.added;
    }

    // ---- statistics and state

    @Override
    public MachineStatistics statistics() {
        long instructions = wiring.retiredBefore.get();
        for (VcpuContext v : wiring.vcpus) {
            instructions += v.instructions;
            if (v.isInGuest()) {
                // An engine counts for others when it looks up: the next reader sees more.
                v.post(VcpuContext.REQ_INTERRUPT);
            }
        }
        FaultDispatcher f = wiring.faults();
        return new MachineStatistics(
                instructions,
                f.total(),
                f.byOrigin(),
                f.byAccess(),
                f.resolved(),
                wiring.bindings.swaps(),
                wiring.bindings.maxSwapPauseNanos(),
                f.latency(),
                f.leftOut());
    }

    private void requireStand(String what) {
        if (control.anyGoing()) {
            throw new IllegalStateException(
                    what + ": machine " + config.name() + " must be paused or quiesced");
        }
    }

    @Override
    public List<StateSection> saveState() {
        standstill.lock("saveState");
        try {
            requireStand("saveState");
            // What is due by now has happened, for whoever computes his next alarm from the clock.
            standstill.settleTimers("saveState");
            return MachineState.save(stateOwners(), wiring.added.kept(), keptState);
        } finally {
            standstill.unlock();
        }
    }

    @Override
    public void loadState(List<StateSection> sections) throws MachineException {
        standstill.lock("loadState");
        try {
            requireFresh("loadState");
            keptState = MachineState.load(sections, stateOwners(), wiring.services.migrations());
        } finally {
            standstill.unlock();
        }
    }

    /** The clock first, since timers are relative to it. */
    private List<StateOwner> stateOwners() {
        List<StateOwner> owners = new ArrayList<>();
        owners.add(wiring.clock);
        owners.addAll(List.of(wiring.runners));
        for (Device d : wiring.devices()) {
            if (d instanceof Stateful stateful) {
                owners.add(new DeviceState(d, stateful, wiring.board.monitor(d)));
            }
        }
        return owners;
    }

    /** For tests. */
    VcpuRunner[] runners() {
        return wiring.runners;
    }

    // ---- end

    /** {@inheritDoc} Not from one of the machine's own threads. */
    @Override
    public void close() {
        if (standstill.onOwnThread()) {
            throw new IllegalStateException(
                    "close: called on a thread of machine " + config.name());
        }
        wiring.services.closing(this);
        standstill.lock("close");
        try {
            if (!standstill.close()) {
                return;
            }
            control.close();
            boolean stood = control.standing(CLOSE_WAIT_NANOS);
            wiring.timers.close();
            wiring.faults().close();
            if (!stood) {
                // Its engine ignores requests: leaving the memory mapped is better than a crash of
                // the process.
                LOG.log(
                        System.Logger.Level.ERROR,
                        "machine "
                                + config.name()
                                + ": a vCPU does not stop; its memory is not released");
                return;
            }
            wiring.closings.run();
        } finally {
            standstill.unlock();
        }
    }
}
