// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal;

import dev.faultline.api.cpu.InterruptPort;
import dev.faultline.api.device.Board;
import dev.faultline.api.device.Chipset;
import dev.faultline.api.device.ChipsetFactory;
import dev.faultline.api.device.ChipsetHost;
import dev.faultline.api.device.Device;
import dev.faultline.api.device.DeviceFactory;
import dev.faultline.api.device.InterruptLine;
import dev.faultline.api.device.PortDevice;
import dev.faultline.api.device.StateSection;
import dev.faultline.api.device.Stateful;
import dev.faultline.api.device.TimerHandle;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.engine.VcpuEngine;
import dev.faultline.api.engine.VcpuEngineFactory;
import dev.faultline.api.engine.VcpuLoop;
import dev.faultline.api.fault.FaultPropagation;
import dev.faultline.api.memory.GuestMemoryFactory;
import dev.faultline.api.mmu.MmuFactory;
import dev.faultline.api.protection.RamProtectionFactory;
import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineException;
import dev.faultline.api.vm.SerialConsole;
import dev.faultline.machine.pc.internal.fault.FaultPolicy;
import dev.faultline.machine.pc.internal.fault.HandlerRegistry;
import dev.faultline.machine.pc.internal.state.Migrations;
import dev.faultline.machine.pc.internal.swap.MachineServices;
import dev.faultline.testkit.HangGuard;
import dev.faultline.testkit.cpu.FakeEngines;
import dev.faultline.testkit.cpu.FakeInterrupts;
import dev.faultline.testkit.cpu.FlatMmu;
import dev.faultline.testkit.memory.FakeMemory;
import dev.faultline.testkit.memory.FakeProtection;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import java.util.function.ToIntFunction;

/** MachineServices for a machine whose vCPU does what the test says, instruction by instruction. */
public final class FakeServices implements MachineServices {
    /** One instruction: returns 0 to go on, or an exit. */
    interface Instruction extends ToIntFunction<VcpuContext> {}

    private static final long PROTECTABLE = 64L << 20;

    /** What the vCPU executes next; empty: it spins. */
    final Deque<Instruction> program = new ArrayDeque<>();

    /** Told of each turn of a vCPU that has nothing to execute. */
    volatile Consumer<VcpuContext> spinning = v -> {};

    /** What the chips' alarm does besides. */
    volatile Runnable alarmed = () -> {};

    /** How long others wait for the machine. */
    volatile long standNanos = HangGuard.limit().toNanos();

    final List<String> log = new CopyOnWriteArrayList<>();
    public final HandlerRegistry handlers = patient();
    final Migrations migrations = new Migrations();
    final FakeProtection protection = new FakeProtection(PROTECTABLE);
    private final RamProtectionFactory protections = memory -> protection;
    public final FakeChips chips = new FakeChips();
    final List<Machine> closed = new ArrayList<>();
    final VcpuEngineFactory one = engines("one");
    final VcpuEngineFactory two = engines("two");
    final Style coded = new Style("coded");
    final Style thrown = new Style("thrown");

    /** Engines and styles that are not there now. */
    final Set<Object> withdrawn = ConcurrentHashMap.newKeySet();

    /** What happens when one of them has been found, before whoever asked has it. */
    volatile Runnable found = () -> {};

    /** Handlers that answer at once are not late because a busy host does not run them. */
    private static HandlerRegistry patient() {
        HandlerRegistry b = new HandlerRegistry();
        b.use(FaultPolicy.of(600_000, 3, 1000));
        return b;
    }

    void then(Instruction... more) {
        synchronized (program) {
            program.addAll(List.of(more));
        }
    }

    /** An instruction that retires. */
    static Instruction retire(Runnable effect) {
        return v -> {
            effect.run();
            v.instructions++;
            return 0;
        };
    }

    private VcpuEngineFactory engines(String name) {
        return new FakeEngines(
                name,
                (v, leaf, subleaf, out) -> {},
                v -> {
                    log.add("create " + name);
                    return new Scripted(name, v);
                });
    }

    private final class Scripted implements VcpuEngine {
        private final String name;
        private final VcpuContext v;

        Scripted(String name, VcpuContext v) {
            this.name = name;
            this.v = v;
        }

        @Override
        public int run() {
            int exit;
            do {
                exit = step();
            } while (exit == VcpuLoop.EXIT_REQUEST && !stopTaken);
            stopTaken = false;
            return exit;
        }

        private boolean stopTaken;

        @Override
        public int step() {
            v.enterGuest();
            try {
                if (v.take(VcpuContext.REQ_STOP) != 0) {
                    stopTaken = true;
                    return VcpuLoop.EXIT_REQUEST;
                }
                v.serviceFlush();
                if ((v.eflags & VcpuContext.IF) != 0 && v.interrupts.pending()) {
                    log.add("interrupt " + v.interrupts.acknowledge());
                    v.activity = VcpuContext.RUNNING;
                    return VcpuLoop.EXIT_REQUEST;
                }
                if (v.activity == VcpuContext.HALTED) {
                    return VcpuLoop.EXIT_HALT;
                }
                return next();
            } finally {
                v.leaveGuest();
            }
        }

        private int next() {
            Instruction i;
            synchronized (program) {
                i = v.index == 0 ? program.peek() : null;
            }
            if (i == null) {
                spinning.accept(v);
                Thread.onSpinWait();
                v.instructions++;
                return VcpuLoop.EXIT_REQUEST;
            }
            int exit = i.applyAsInt(v);
            if (exit != VcpuLoop.EXIT_FAULT) { // a faulting instruction is executed again
                synchronized (program) {
                    program.remove();
                }
            }
            return exit == 0 ? VcpuLoop.EXIT_REQUEST : exit;
        }

        @Override
        public void close() {
            log.add("close " + name);
        }
    }

    /** A fault style that can be made to do something when it is asked for its name. */
    static final class Style implements FaultPropagation {
        private final String name;
        volatile Runnable asked = () -> {};

        Style(String name) {
            this.name = name;
        }

        @Override
        public String style() {
            asked.run();
            return name;
        }

        @Override
        public long raise(VcpuContext v) {
            return FAULTED;
        }

        @Override
        public int run(VcpuLoop loop, VcpuContext v) {
            return loop.loop(v);
        }
    }

    /** A counter device with an alarm, one interrupt line and a silent console. */
    public final class FakeChips implements Chipset, PortDevice, Stateful, SerialConsole {
        public Board board;
        ChipsetHost host;
        TimerHandle alarm;
        final FakeInterrupts port = new FakeInterrupts();
        volatile int value;
        volatile boolean failing;

        Chipset on(Board b, ChipsetHost h) {
            board = b;
            host = h;
            b.claimPorts(this, 0, 0x100, 2);
            alarm =
                    b.timer(
                            this,
                            () -> {
                                log.add("alarm");
                                alarmed.run();
                                raise(0x20);
                            });
            return this;
        }

        void raise(int v) {
            port.vector = v;
            host.interruptPending(0);
        }

        @Override
        public String id() {
            return "fake";
        }

        @Override
        public int portRead(int range, int offset, int size) {
            return value;
        }

        @Override
        public void portWrite(int range, int offset, int size, int v) {
            if (failing) {
                throw new IllegalStateException("broken chip");
            }
            value = v;
        }

        @Override
        public int stateVersion() {
            return 1;
        }

        @Override
        public void save(StateSection to) {
            to.put("value", value);
        }

        @Override
        public void load(StateSection from) {
            value = from.getInt("value");
        }

        @Override
        public List<Device> devices() {
            return List.of(this);
        }

        @Override
        public InterruptLine interrupt(int irq) {
            return on -> port.vector = on ? irq : -1;
        }

        @Override
        public InterruptPort interrupts(int vcpu) {
            return port;
        }

        @Override
        public SerialConsole serial() {
            return this;
        }

        @Override
        public void close() {
            log.add("close chips");
        }

        @Override
        public InputWait inputWait() {
            return InputWait.NONE;
        }

        @Override
        public long bytesSent() {
            return 0;
        }

        @Override
        public void addListener(Consumer<byte[]> listener) {}

        @Override
        public void removeListener(Consumer<byte[]> listener) {}

        @Override
        public void send(byte[] bytes) {}
    }

    @Override
    public GuestMemoryFactory memory() {
        return FakeMemory::new;
    }

    @Override
    public RamProtectionFactory protection() {
        return protections;
    }

    @Override
    public MmuFactory mmu() {
        return FlatMmu::new;
    }

    @Override
    public ChipsetFactory chipset() {
        return (board, host, vcpus, ram) -> chips.on(board, host);
    }

    @Override
    public String absent() {
        return "parts";
    }

    @Override
    public long standNanos() {
        return standNanos;
    }

    @Override
    public boolean complete() {
        return true;
    }

    @Override
    public boolean offered(Object part) {
        return !withdrawn.contains(part);
    }

    private <T> T there(T part, String name) throws MachineException {
        if (withdrawn.contains(part)) {
            throw new MachineException("unknown " + name);
        }
        found.run();
        return part;
    }

    @Override
    public HandlerRegistry handlers() {
        return handlers;
    }

    @Override
    public VcpuEngineFactory engine(String name) throws MachineException {
        return switch (name) {
            case "one" -> there(one, name);
            case "two" -> there(two, name);
            default -> throw new MachineException("unknown engine " + name);
        };
    }

    @Override
    public FaultPropagation faultStyle(String style) throws MachineException {
        return switch (style) {
            case "coded" -> there(coded, style);
            case "thrown" -> there(thrown, style);
            default -> throw new MachineException("unknown fault style " + style);
        };
    }

    @Override
    public DeviceFactory device(String name) throws MachineException {
        throw new MachineException("unknown device " + name);
    }

    @Override
    public Migrations migrations() {
        return migrations;
    }

    @Override
    public void starting(Machine machine) {}

    @Override
    public void closing(Machine machine) {
        closed.add(machine);
    }
}
