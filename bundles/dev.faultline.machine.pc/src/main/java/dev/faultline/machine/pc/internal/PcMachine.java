// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal;

import dev.faultline.api.cpu.BusLock;
import dev.faultline.api.cpu.GuestClock;
import dev.faultline.api.cpu.VcpuContext;
import dev.faultline.api.cpu.VcpuEngineFactory;
import dev.faultline.api.device.Chipset;
import dev.faultline.api.device.ChipsetFactory;
import dev.faultline.api.device.ChipsetHost;
import dev.faultline.api.device.Device;
import dev.faultline.api.device.StateSection;
import dev.faultline.api.fault.Diversion;
import dev.faultline.api.fault.FaultPropagation;
import dev.faultline.api.fault.PageFault;
import dev.faultline.api.fault.PendingFault;
import dev.faultline.api.fault.Resolution;
import dev.faultline.api.memory.GuestMemory;
import dev.faultline.api.memory.GuestMemoryFactory;
import dev.faultline.api.mmu.Mmu;
import dev.faultline.api.mmu.MmuFactory;
import dev.faultline.api.protection.RamProtection;
import dev.faultline.api.protection.RamProtectionFactory;
import dev.faultline.api.service.Others;
import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.api.vm.MachineException;
import dev.faultline.api.vm.MachineStatistics;
import dev.faultline.api.vm.RamSource;
import dev.faultline.api.vm.SerialConsole;
import dev.faultline.api.vm.VcpuExit;
import dev.faultline.machine.pc.internal.load.ImageLoader;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;

/**
 * A PC: its RAM, board, vCPU threads and timer thread.
 *
 * <p>Who may change what, when, and the lock order: {@link Standstill}. What is exchanged while it
 * exists: {@link Bindings}.
 */
final class PcMachine implements Machine, VcpuRunner.Host, PcBoard.Requests, ChipsetHost {
    /** Guest-physical addresses: enough for 1 TiB of RAM beyond the hole. */
    static final int PHYSICAL_ADDRESS_BITS = 46;

    private static final System.Logger LOG = System.getLogger(PcMachine.class.getName());
    private static final long CLOSE_WAIT_NANOS = TimeUnit.SECONDS.toNanos(10);
    private static final Runnable NOTHING = () -> {};
    static final RamSource OWN_RAM = (block, bytes) -> null;

    private MachineConfig config;
    private final Parts parts;
    private final MachineClock clock = new MachineClock(System::nanoTime);
    private final VcpuContext[] vcpus;
    private final VcpuRunner[] runners;
    private final RunControl control;
    private final TimerQueue timers;
    private final PcBoard board;
    private final Standstill standstill;
    private final AddedDevices added;
    private final BusLock busLock = new BusLock();
    private GuestMemory memory;
    private MachineRam ram;
    private SteadyProtection protection;
    private Mmu mmu;
    private DmaPorts dma;
    private Chipset chipset;
    private FaultDesk faults;
    private MachineReset reset;
    private EngineBay bay;
    private Bindings bindings;

    /** Instructions of vCPUs before their last reset. */
    private final AtomicLong retiredBefore = new AtomicLong();

    private final AtomicReference<Runnable> firstInstruction = new AtomicReference<>();
    private volatile boolean firstInstructionWanted;
    private List<StateSection> keptState = List.of();
    private boolean everRan;
    private boolean threadsOpen;

    private PcMachine(MachineConfig config, Parts parts) {
        this.config = config;
        this.parts = parts;
        vcpus = new VcpuContext[config.vcpus()];
        runners = new VcpuRunner[config.vcpus()];
        for (int i = 0; i < vcpus.length; i++) {
            vcpus[i] = new VcpuContext(i, busLock);
        }
        timers = new TimerQueue(config.name(), clock, this::alarmFailed);
        control = new RunControl(config.name(), clock, timers::wake, vcpus);
        board = new PcBoard(clock, timers, this, gpa -> memory.slotAt(gpa) != null);
        standstill = new Standstill(config.name(), control, timers, runners, parts::standNanos);
        added = new AddedDevices(config.name(), board, control, standstill, parts::migrations);
    }

    /**
     * Builds a machine of a checked configuration.
     *
     * @throws MachineException for an engine, style or device that nobody offers, or memory that
     *     the host does not give
     */
    static PcMachine create(MachineConfig config, Parts parts) throws MachineException {
        return create(config, parts, OWN_RAM);
    }

    static PcMachine create(MachineConfig config, Parts parts, RamSource ram)
            throws MachineException {
        PcMachine m = new PcMachine(config, parts);
        try {
            m.build(ram);
        } catch (Throwable e) { // parts are others' code
            m.close();
            if (e instanceof MachineException me) {
                throw me;
            }
            String why =
                    e instanceof Error || e.getMessage() == null ? Others.why(e) : e.getMessage();
            throw new MachineException("machine " + config.name() + " cannot be built: " + why, e);
        }
        return m;
    }

    private void build(RamSource source) throws MachineException {
        VcpuEngineFactory engine = parts.engine(config.engine());
        FaultPropagation style = parts.faultStyle(config.faultStyle());
        GuestMemoryFactory memories = parts.memory();
        memory = Others.made(memories.create(PHYSICAL_ADDRESS_BITS), "memory", memories);
        ram = MachineRam.map(memory, config.ramBytes(), source);
        RamProtectionFactory protections = parts.protection();
        protection = new SteadyProtection(memory, protections);
        MmuFactory mmus = parts.mmu();
        mmu = Others.made(mmus.create(memory, protection), "translation", mmus);
        faults = new FaultDesk(config.name(), protection, mmu, parts.handlers(), vcpus.length);
        standstill.use(faults);
        dma = new DmaPorts(memory, protection, mmu, busLock, timers, this::resolveDeviceFault);
        protection.addListener(dma);
        reset = new MachineReset(this, control, ram, dma);
        ChipsetFactory chipsets = parts.chipset();
        chipset =
                Others.made(
                        chipsets.create(board, this, vcpus.length, config.ramBytes()),
                        "chips",
                        chipsets);
        board.connect(chipset::interrupt, dma);
        for (String name : config.devices()) {
            added.plug(name, parts);
        }
        for (int i = 0; i < vcpus.length; i++) {
            VcpuContext v = vcpus[i];
            v.mmu = mmu;
            v.bus = board;
            v.clock = clock;
            v.interrupts = chipset.interrupts(i);
            mmu.attach(v);
            runners[i] = new VcpuRunner(v, config.name(), this, i > 0);
        }
        bay = new EngineBay(runners, mmu, engine, style);
        bindings =
                new Bindings(
                        config.name(),
                        parts,
                        control,
                        standstill,
                        vcpus,
                        new Bindings.Bound(
                                memory,
                                bay,
                                dma,
                                faults,
                                protection,
                                protections,
                                mmu,
                                mmus,
                                memories,
                                chipsets));
        config =
                new MachineConfig(
                        config.name(),
                        config.ramBytes(),
                        config.vcpus(),
                        config.engine(),
                        config.faultStyle(),
                        added.names());
    }

    // ---- parts
    // -------------------------------------------------------------------------------------------------------

    @Override
    public MachineConfig config() {
        return config;
    }

    @Override
    public GuestMemory memory() {
        return memory;
    }

    @Override
    public RamProtection protection() {
        return protection;
    }

    @Override
    public Mmu mmu() {
        return bindings == null ? mmu : bindings.mmu();
    }

    @Override
    public GuestClock clock() {
        return clock;
    }

    @Override
    public List<VcpuContext> vcpus() {
        return List.of(vcpus);
    }

    @Override
    public SerialConsole serial() {
        return chipset.serial();
    }

    @Override
    public RunControl control() {
        return control;
    }

    @Override
    public FaultDesk faults() {
        return faults;
    }

    // ---- going and standing
    // --------------------------------------------------------------------------------------------

    @Override
    public void boot(MachineConfig.Boot boot) throws MachineException {
        standstill.lock("boot");
        try {
            requireFresh("boot");
            ImageLoader.load(boot, ram, vcpus.length, vcpus[0]);
            LegacyPics.program(board);
            mmu().flush(vcpus[0]);
            reset.boots(boot);
        } finally {
            standstill.unlock();
        }
    }

    @Override
    public void bootOnReset(MachineConfig.Boot boot) {
        reset.boots(Objects.requireNonNull(boot, "boot"));
    }

    PcBoard board() {
        return board;
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
        parts.starting(this);
        if (standstill.onOwnThread()) {
            control.start();
            dma.retryStopped();
            return;
        }
        standstill.lock("start");
        try {
            if (standstill.closed()) {
                throw new IllegalStateException("machine " + config.name() + " is closed");
            }
            everRan = true;
            firstInstructionWanted = firstInstruction.get() != null;
            if (!threadsOpen) {
                threadsOpen = true;
                timers.open();
                faults.open();
                for (VcpuRunner r : runners) {
                    r.open();
                }
            }
            control.start();
            dma.retryStopped();
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
    public VcpuExit await(Duration limit) throws InterruptedException {
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
        firstInstruction.set(action);
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
        bay.reset(v);
    }

    // ---- what is exchanged
    // ------------------------------------------------------------------------------------------

    @Override
    public String engine() {
        return bindings.engine();
    }

    @Override
    public String faultStyle() {
        return bindings.faultStyle();
    }

    @Override
    public void swapEngine(String engine) throws MachineException {
        bindings.swapEngine(engine);
    }

    @Override
    public void swapFaultStyle(String style) throws MachineException {
        bindings.swapFaultStyle(style);
    }

    Bindings bindings() {
        return bindings;
    }

    AddedDevices added() {
        return added;
    }

    // ---- what devices and chips ask
    // ------------------------------------------------------------------------------------

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
    public Machine machine() {
        return this;
    }

    @Override
    public void deviceFailed(Device device, Throwable thrown) {
        failed("device " + added.nameOf(device), thrown);
    }

    private void alarmFailed(Object owner, Throwable thrown) {
        failed(owner instanceof Device d ? "device " + added.nameOf(d) : "timer", thrown);
    }

    private void failed(String who, Throwable thrown) {
        Others.report(LOG, "machine " + config.name() + ": " + who, thrown);
        control.exit(new VcpuExit.Paused(who + " failed: " + Others.why(thrown)));
    }

    private boolean resolveDeviceFault(PageFault fault, Diversion diversion) {
        String reason = VcpuExit.Fault.UNRESOLVED;
        if (fault.attempt() > faults.policy().livelock()) {
            reason =
                    "livelock: the device's request faulted %d times in a row here"
                            .formatted(fault.attempt());
        } else {
            Resolution r = faults.resolve(PendingFault.PROTECTED, fault, diversion);
            if (r == Resolution.RETRY) {
                return true;
            }
            reason = r.reason() == null ? reason : r.reason();
        }
        control.exit(new VcpuExit.Fault(fault.copy(), reason));
        return false;
    }

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

    // ---- statistics and state
    // ------------------------------------------------------------------------------------------

    @Override
    public MachineStatistics statistics() {
        long instructions = retiredBefore.get();
        for (VcpuContext v : vcpus) {
            instructions += v.instructions;
        }
        return new MachineStatistics(
                instructions,
                faults.total(),
                faults.byOrigin(),
                faults.byAccess(),
                faults.resolved(),
                bindings.swaps(),
                bindings.maxSwapPauseNanos(),
                faults.latency(),
                faults.leftOut());
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
            return MachineState.save(this);
        } finally {
            standstill.unlock();
        }
    }

    @Override
    public void loadState(List<StateSection> sections) throws MachineException {
        standstill.lock("loadState");
        try {
            requireFresh("loadState");
            keptState = MachineState.load(sections, this);
        } finally {
            standstill.unlock();
        }
    }

    void loadClock(long nanos) {
        clock.set(nanos);
    }

    Migrations migrations() {
        return parts.migrations();
    }

    /** Optional sections of the state loaded that nobody here reads. */
    List<StateSection> keptState() {
        return keptState;
    }

    VcpuRunner[] runners() {
        return runners;
    }

    /** The chips, then what bundles added and is there. */
    List<Device> devices() {
        return Stream.concat(chipset.devices().stream(), added.all().stream()).toList();
    }

    Object monitor(Device d) {
        return board.monitor(d);
    }

    // ---- end
    // ---------------------------------------------------------------------------------------------------------

    /** {@inheritDoc} Not from one of the machine's own threads. */
    @Override
    public void close() {
        if (standstill.onOwnThread()) {
            throw new IllegalStateException(
                    "close: called on a thread of machine " + config.name());
        }
        parts.closing(this);
        standstill.lock("close");
        try {
            if (!standstill.close()) {
                return;
            }
            control.close();
            boolean stood = control.standing(CLOSE_WAIT_NANOS);
            timers.close();
            if (faults != null) {
                faults.close();
            }
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
            release();
        } finally {
            standstill.unlock();
        }
    }

    /** Gives everything back. Each step is taken whatever the one before did. */
    private void release() {
        step("its engines", bay == null ? null : bay::close);
        step("its devices", added::close);
        step("its chips", chipset == null ? null : chipset::close);
        Mmu last = bindings == null ? mmu : bindings.mmu();
        if (last != null) {
            for (VcpuContext v : vcpus) {
                if (v.mmu != null) { // else building failed before it was attached
                    step("the translation of vCPU " + v.index, () -> last.detach(v));
                }
            }
            step("its translation", last::close);
        }
        step("its protection", protection == null ? null : protection::close);
        step("its memory", memory == null ? null : memory::close);
    }

    private void step(String what, Others.Step step) {
        if (step != null) {
            Others.contained(LOG, "machine " + config.name() + ": closing " + what, step);
        }
    }
}
