// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal;

import dev.faultline.api.device.Chipset;
import dev.faultline.api.device.ChipsetFactory;
import dev.faultline.api.device.ChipsetHost;
import dev.faultline.api.device.Device;
import dev.faultline.api.engine.BusLock;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.engine.VcpuEngineFactory;
import dev.faultline.api.fault.FaultPropagation;
import dev.faultline.api.fault.PageFault;
import dev.faultline.api.fault.PendingFault;
import dev.faultline.api.fault.Resolution;
import dev.faultline.api.memory.GuestMemory;
import dev.faultline.api.memory.GuestMemoryFactory;
import dev.faultline.api.mmu.Mmu;
import dev.faultline.api.mmu.MmuFactory;
import dev.faultline.api.protection.RamProtectionFactory;
import dev.faultline.api.service.Others;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.api.vm.MachineException;
import dev.faultline.api.vm.RamSource;
import dev.faultline.api.vm.VcpuExit;
import dev.faultline.machine.pc.internal.board.DmaPorts;
import dev.faultline.machine.pc.internal.board.MachineRam;
import dev.faultline.machine.pc.internal.board.PcBoard;
import dev.faultline.machine.pc.internal.fault.Answers;
import dev.faultline.machine.pc.internal.fault.FaultDispatcher;
import dev.faultline.machine.pc.internal.fault.SteadyProtection;
import dev.faultline.machine.pc.internal.load.GuestRam;
import dev.faultline.machine.pc.internal.run.EngineSlot;
import dev.faultline.machine.pc.internal.run.MachineClock;
import dev.faultline.machine.pc.internal.run.RunControl;
import dev.faultline.machine.pc.internal.run.Standstill;
import dev.faultline.machine.pc.internal.run.TimerQueue;
import dev.faultline.machine.pc.internal.run.VcpuRunner;
import dev.faultline.machine.pc.internal.swap.AddedDevices;
import dev.faultline.machine.pc.internal.swap.Basics;
import dev.faultline.machine.pc.internal.swap.Bindings;
import dev.faultline.machine.pc.internal.swap.MachineServices;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * What a machine is made of, in the order in which it is made, and what its board, chips and vCPUs
 * tell it. Nothing here changes afterwards: what is exchanged while the machine exists is behind
 * {@link EngineSlot}, {@link SteadyProtection} and {@link Bindings}.
 */
final class Wiring implements VcpuRunner.Host, PcBoard.Requests, ChipsetHost {
    private static final System.Logger LOG = System.getLogger(Wiring.class.getName());
    private static final Runnable NOTHING = () -> {};

    final String name;
    final MachineServices services;
    final MachineClock clock = new MachineClock(System::nanoTime);
    final VcpuContext[] vcpus;
    final VcpuRunner[] runners;
    private final RunControl control;
    final TimerQueue timers;
    final PcBoard board;
    final Standstill standstill;
    final AddedDevices added;
    final GuestMemory memory;
    final MachineRam ram;
    final SteadyProtection protection;
    private final FaultDispatcher faults;
    final DmaPorts dma;
    final Chipset chipset;
    final EngineSlot engines;
    final Bindings bindings;
    private final PcMachine machine;

    /**
     * What closing the machine gives back, once its vCPUs and timers have ended. Those run from the
     * first start on, so a machine that could not be built has none.
     */
    final Closings closings;

    /** Instructions of vCPUs before their last reset. */
    final AtomicLong retiredBefore = new AtomicLong();

    final AtomicReference<@Nullable Runnable> firstInstruction = new AtomicReference<>();
    private final Mmu firstMmu;
    private volatile boolean firstInstructionWanted;

    /**
     * Builds a machine of a checked configuration.
     *
     * @throws MachineException for an engine, style or device that nobody offers, or memory that
     *     the host does not give; then nothing of it is left
     */
    static Wiring of(MachineConfig config, MachineServices services, Basics parts, RamSource ram)
            throws MachineException {
        Closings closings = new Closings(config.name());
        try {
            return new Wiring(config, services, parts, ram, closings);
        } catch (Throwable e) { // parts are others' code
            closings.run();
            if (e instanceof MachineException me) {
                throw me;
            }
            String why =
                    e instanceof Error || e.getMessage() == null ? Others.why(e) : e.getMessage();
            throw new MachineException("machine " + config.name() + " cannot be built: " + why, e);
        }
    }

    private Wiring(
            MachineConfig config,
            MachineServices services,
            Basics parts,
            RamSource source,
            Closings closings)
            throws MachineException {
        this.services = services;
        this.closings = closings;
        name = config.name();
        BusLock busLock = new BusLock();
        vcpus = new VcpuContext[config.vcpus()];
        Answers[] answers = new Answers[vcpus.length];
        runners = new VcpuRunner[config.vcpus()];
        for (int i = 0; i < vcpus.length; i++) {
            answers[i] = new Answers();
            vcpus[i] = new VcpuContext(i, busLock, answers[i]);
        }
        timers = new TimerQueue(name, clock, this::alarmFailed);
        control = new RunControl(name, clock, timers::wake, vcpus);
        board = new PcBoard(clock, timers, this, this::isBacked);

        VcpuEngineFactory engine = services.engine(config.engine());
        FaultPropagation style = services.faultStyle(config.faultStyle());
        GuestMemoryFactory memories = parts.memory();
        memory = Others.made(memories.create(GuestRam.PHYSICAL_ADDRESS_BITS), "memory", memories);
        closings.add("its memory", memory::close);
        ram = MachineRam.map(memory, config.ramBytes(), source);
        RamProtectionFactory protections = parts.protection();
        protection = new SteadyProtection(memory, protections);
        closings.add("its protection", protection::close);
        MmuFactory mmus = parts.mmu();
        Mmu mmu = Others.made(mmus.create(memory, protection), "translation", mmus);
        firstMmu = mmu;
        closings.add("its translation", this::closeTranslation);
        faults = new FaultDispatcher(name, protection, mmu, services.handlers(), vcpus.length);
        standstill = new Standstill(name, control, timers, runners, faults, services::standNanos);
        added = new AddedDevices(name, board, control, standstill, services::migrations);
        dma = new DmaPorts(memory, protection, mmu, busLock, timers, this::resolveDeviceFault);
        protection.addListener(dma);

        ChipsetFactory chipsets = parts.chipset();
        chipset =
                Others.made(
                        chipsets.create(board, this, vcpus.length, config.ramBytes()),
                        "chips",
                        chipsets);
        closings.add("its chips", chipset::close);
        board.connect(chipset::interrupt, dma);
        for (int i = 0; i < vcpus.length; i++) {
            VcpuContext v = vcpus[i];
            v.mmu = mmu;
            v.bus = board;
            v.clock = clock;
            v.interrupts = chipset.interrupts(i);
            mmu.attach(v);
            runners[i] = new VcpuRunner(v, answers[i], name, this, i > 0);
        }
        closings.add("its engines", this::closeEngines);
        engines = new EngineSlot(runners, mmu, engine, style);
        bindings =
                new Bindings(
                        name,
                        services,
                        control,
                        standstill,
                        vcpus,
                        new Bindings.Bound(
                                memory,
                                engines,
                                dma,
                                faults,
                                protection,
                                protections,
                                mmu,
                                mmus,
                                memories,
                                chipsets));
        machine = new PcMachine(config, this);
        closings.add("its devices", added::close);
        for (String device : config.devices()) {
            added.plug(device, services);
        }
        machine.has(added.names());
    }

    private boolean isBacked(long gpa) {
        return memory.slotAt(gpa) != null;
    }

    private void closeEngines() {
        for (VcpuRunner r : runners) {
            if (r != null) {
                r.closeEngine();
            }
        }
    }

    /** The one that there is now; building may have failed before all vCPUs were attached. */
    private void closeTranslation() {
        Mmu last = bindings == null ? firstMmu : bindings.mmu();
        for (VcpuContext v : vcpus) {
            if (v.mmu != null) {
                Others.contained(
                        LOG,
                        "machine " + name + ": closing the translation of vCPU " + v.index,
                        () -> last.detach(v));
            }
        }
        last.close();
    }

    /** The chips, then what bundles added and is there. */
    List<Device> devices() {
        return Stream.concat(chipset.devices().stream(), added.all().stream()).toList();
    }

    // ---- what vCPUs ask

    @Override
    public RunControl control() {
        return control;
    }

    @Override
    public FaultDispatcher faults() {
        return faults;
    }

    /** The machine is about to go. */
    void lookForFirstInstruction() {
        firstInstructionWanted = firstInstruction.get() != null;
    }

    @Override
    public boolean firstInstructionWanted() {
        return firstInstructionWanted;
    }

    @Override
    public Runnable takeFirstInstruction() {
        firstInstructionWanted = false;
        Runnable r = firstInstruction.getAndSet(null);
        return r == null ? NOTHING : r;
    }

    @Override
    public boolean allDead() {
        for (VcpuRunner r : runners) {
            if (!r.dead && !r.waitsForSipi) {
                return false;
            }
        }
        return true;
    }

    @Override
    public void resetVcpu(VcpuContext v) {
        retiredBefore.addAndGet(v.instructions);
        engines.reset(v);
    }

    // ---- what devices ask

    @Override
    public void reset(String why) {
        control.exit(new VcpuExit.Reset(why));
    }

    @Override
    public void powerOff(String why) {
        control.exit(new VcpuExit.PoweredOff(why));
    }

    @Override
    public void exit(int code, String why) {
        control.exit(new VcpuExit.Exited(code));
    }

    @Override
    public PcMachine machine() {
        return machine;
    }

    @Override
    public void deviceFailed(Device device, Throwable thrown) {
        failed("device " + added.nameOf(device), thrown);
    }

    private void alarmFailed(Object owner, Throwable thrown) {
        failed(owner instanceof Device d ? "device " + added.nameOf(d) : "timer", thrown);
    }

    private void failed(String who, Throwable thrown) {
        Others.report(LOG, "machine " + name + ": " + who, thrown);
        control.exit(new VcpuExit.Paused(who + " failed: " + Others.why(thrown)));
    }

    private boolean resolveDeviceFault(PageFault fault, Answers answers) {
        String reason = VcpuExit.Fault.UNRESOLVED;
        if (fault.attempt() > faults.policy().livelock()) {
            reason =
                    "livelock: the device's request faulted %d times in a row here"
                            .formatted(fault.attempt());
        } else {
            Resolution r = faults.resolve(PendingFault.PROTECTED, fault, answers);
            if (r == Resolution.RETRY) {
                return true;
            }
            reason = r.reason() == null ? reason : r.reason();
        }
        control.exit(new VcpuExit.Fault(fault.copy(), reason));
        return false;
    }

    // ---- what chips ask

    @Override
    public int currentVcpu() {
        VcpuRunner r = standstill.runner();
        return r == null ? 0 : r.v.index;
    }

    @Override
    public void interruptPending(int vcpu) {
        vcpus[vcpu].post(VcpuContext.REQ_INTERRUPT);
    }

    @Override
    public void init(int vcpu) {
        runners[vcpu].init();
    }

    @Override
    public void startup(int vcpu, int vector) {
        runners[vcpu].startup(vector);
    }

    @Override
    public long tscOffset(int vcpu) {
        return vcpus[vcpu].tscOffset;
    }
}
