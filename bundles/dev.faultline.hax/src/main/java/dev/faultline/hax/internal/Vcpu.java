// SPDX-License-Identifier: Apache-2.0
package dev.faultline.hax.internal;

import static dev.faultline.api.hax.HaxAbi.*;
import static dev.faultline.api.hax.HaxLayout.offset;

import dev.faultline.api.engine.BusLock;
import dev.faultline.api.engine.CpuidPolicy;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.engine.VcpuEngine;
import dev.faultline.api.engine.VcpuLoop;
import dev.faultline.api.fault.PendingFault;
import dev.faultline.api.hax.HaxLayout;
import dev.faultline.api.hax.HaxOp;
import dev.faultline.api.mmu.Mmu;
import dev.faultline.api.service.Others;
import java.nio.ByteBuffer;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * A vCPU. RUN executes the guest on the caller's thread until something is the client's business;
 * between RUNs the vCPU stands at an instruction boundary, and its registers are those of the
 * boundary. Calls serialise on {@link #turn}, but for those that reach a running vCPU.
 */
final class Vcpu {
    private static final System.Logger LOG = System.getLogger(Vcpu.class.getName());
    private static final int INFO_IO = offset(HaxLayout.TUNNEL_INFO, "io_va");
    private static final int INFO_SIZE = offset(HaxLayout.TUNNEL_INFO, "size");

    private final VcpuContext v;
    private final DeviceExits bus;
    private final Interrupts interrupts;
    private final VcpuEngine engine;
    private final Mmu mmu;
    private final CpuidTable cpuid;
    private final CpuidPolicy cpu;
    private final Debugger debugger;
    private final boolean strict;
    private final ReentrantLock turn = new ReentrantLock();
    private volatile @Nullable Tunnel tunnel;
    private volatile boolean running;
    private volatile boolean kicked;
    private volatile boolean dead;

    /** HLT has retired and the client does not know yet. */
    private boolean halted;

    private boolean pdptesStale;

    /** Why the guest cannot go on, or null. */
    private @Nullable String panic;

    Vcpu(
            int index,
            BusLock busLock,
            Services services,
            Mmu mmu,
            HostClock clock,
            CpuidTable cpuid,
            boolean strict) {
        this.mmu = mmu;
        this.cpuid = cpuid;
        this.strict = strict;
        v = new VcpuContext(index, busLock);
        bus = new DeviceExits(v, services.propagation());
        interrupts = new Interrupts(v, bus);
        v.mmu = mmu;
        v.bus = bus;
        v.interrupts = interrupts;
        v.clock = clock;
        v.propagation = bus;
        boolean attached = false;
        try {
            mmu.attach(v);
            attached = true;
            cpu = services.engine().cpuid();
            v.reset(cpu);
            v.cpuid = cpuid.over(cpu);
            debugger = new Debugger(v, strict);
            v.recompute();
            engine = Others.made(services.engine().create(v), what("engine"), services.engine());
        } catch (Throwable e) { // engines and translations are others' code
            if (attached) {
                detach();
            }
            v.busLock.remove(v);
            throw e;
        }
    }

    private String what(String part) {
        return "vCPU " + v.index + ": its " + part;
    }

    private void detach() {
        Others.contained(LOG, what("translation") + ": detaching it", () -> mmu.detach(v));
    }

    // ---- reaching a running vCPU; any thread

    /** Makes a RUN in progress, or else the next one, return. */
    void kick() {
        kicked = true;
        v.post(VcpuContext.REQ_STOP);
    }

    /** Looks at what the client may write into the tunnel while the guest runs. */
    void poll() {
        Tunnel t = tunnel;
        if (!running || t == null) {
            return;
        }
        if (t.userEvent()) {
            v.post(VcpuContext.REQ_STOP);
        }
        if (t.windowAsked() && !interrupts.windowWanted) {
            interrupts.windowWanted = true;
            v.post(VcpuContext.REQ_INTERRUPT);
        }
    }

    /** Waits for a RUN in progress to leave. */
    void close() {
        dead = true;
        v.post(VcpuContext.REQ_STOP);
        turn.lock();
        try {
            Others.contained(
                    LOG,
                    what("engine") + " " + Others.name(engine) + ": closing it",
                    engine::close);
            detach();
            v.busLock.remove(v);
        } finally {
            turn.unlock();
        }
    }

    // ---- ioctls

    int ioctl(HaxOp op, ByteBuffer arg) {
        if (op == HaxOp.KICKOFF) {
            kick();
            return 0;
        }
        if (op == HaxOp.INTERRUPT) {
            int vector = strict ? arg.getInt(0) & 0xFF : arg.getInt(0);
            if (vector < 0 || vector > 255) {
                return EINVAL;
            }
            interrupts.add(vector);
            return 0;
        }
        if (op == HaxOp.SET_CPUID) {
            return dead ? ENODEV : running ? EFAULT : cpuid.set(arg);
        }
        if (op == HaxOp.GET_CPUID) {
            return dead ? ENODEV : cpuid.get(arg, cpu, v);
        }
        turn.lock();
        try {
            return dead ? ENODEV : serialised(op, arg);
        } finally {
            turn.unlock();
        }
    }

    private int serialised(HaxOp op, ByteBuffer arg) {
        switch (op) {
            case RUN -> {
                return run();
            }
            case SETUP_TUNNEL -> setupTunnel(arg);
            case GET_REGS -> Registers.get(v, debugger.visible(), arg);
            case SET_REGS -> setRegisters(arg);
            case GET_FPU -> Registers.getFpu(v, arg);
            case SET_FPU -> Registers.setFpu(v, arg);
            case GET_MSRS -> {
                return Msrs.each(v, arg, false, strict);
            }
            case SET_MSRS -> {
                int r = Msrs.each(v, arg, true, strict);
                changed();
                return r;
            }
            case DEBUG -> {
                return debugger.control(arg);
            }
            default -> throw new IllegalStateException(op + " is not a vCPU's");
        }
        return 0;
    }

    private void setupTunnel(ByteBuffer arg) {
        Tunnel t = tunnel;
        if (t == null) {
            t = new Tunnel();
            tunnel = t;
        }
        arg.putLong(0, t.at);
        arg.putLong(INFO_IO, t.io);
        arg.putShort(INFO_SIZE, (short) PAGE);
    }

    private void setRegisters(ByteBuffer arg) {
        long rip = v.rip;
        Registers.set(v, debugger.locked() ? null : debugger.visible(), arg);
        if (v.rip != rip) {
            bus.abandon();
            debugger.take();
        }
        panic = null;
        changed();
    }

    private void changed() {
        v.recompute();
        mmu.flush(v);
        pdptesStale = true;
    }

    // ---- RUN

    private int run() {
        Tunnel t = tunnel;
        if (t == null) {
            return EINVAL;
        }
        DeviceExits.Access read = bus.wanted();
        if (read != null) {
            bus.supply(read, t.answer(read));
        }
        if (t.pauseAsked()) {
            t.status(EXIT_PAUSED);
            return 0;
        }
        interrupts.windowWanted = t.windowAsked();
        running = true;
        v.bindThread(Thread.currentThread());
        try {
            boolean left;
            do {
                left = left(t);
            } while (!left);
        } catch (Throwable e) { // engines are others' code
            Others.report(LOG, "vCPU " + v.index + ": engine", e);
            panic = "the engine failed: " + Others.why(e);
            t.exit(EXIT_STATECHANGE, 0);
        } finally {
            running = false;
            v.bindThread(null);
        }
        t.common(ready(), interrupts.apicBase());
        return dead ? ENODEV : 0;
    }

    /** Can an interrupt be taken at this boundary? */
    private boolean ready() {
        return (v.eflags & VcpuContext.IF) != 0
                && !v.interruptShadow
                && !bus.midInstruction()
                && v.pendingVector < 0
                && !interrupts.any();
    }

    /**
     * One turn of the run loop.
     *
     * @return whether the tunnel has an exit for the client
     */
    private boolean left(Tunnel t) {
        if (dead) {
            return true;
        }
        DeviceExits.Access write = bus.takeWrite();
        if (write != null) {
            t.access(write, v);
            return true;
        }
        Debugger.Hit hit = debugger.take();
        if (hit != null) {
            t.debug(hit.rip(), hit.dr6(), hit.dr7());
            return true;
        }
        if (bus.failure() != null && panic == null) {
            panic = bus.failure();
            LOG.log(System.Logger.Level.ERROR, "vCPU " + v.index + ": " + panic);
        }
        if (panic != null) {
            t.exit(EXIT_STATECHANGE, REASON_TRIPLE_FAULT);
            return true;
        }
        if (halted) {
            halted = false;
            if (!interrupts.any() || (v.eflags & VcpuContext.IF) == 0) {
                t.exit(EXIT_HLT, REASON_HLT);
                return true;
            }
        }
        if (kicked || t.userEvent()) {
            kicked = false;
            t.exit(EXIT_INTERRUPT, REASON_EXTERNAL_INTERRUPT);
            return true;
        }
        if (t.windowAsked() && ready()) {
            t.exit(EXIT_INTERRUPT, REASON_INTERRUPT_WINDOW);
            return true;
        }
        if (pdptesStale && !loadPdptes()) {
            return fault(t, v.instructions);
        }
        return execute(t);
    }

    private boolean execute(Tunnel t) {
        bus.begin();
        debugger.enter();
        boolean one = debugger.stepping() || bus.midInstruction();
        long before = v.instructions;
        int exit = one ? engine.step() : engine.run();
        if (exit == VcpuLoop.EXIT_FAULT) {
            return fault(t, before);
        }
        bus.stepped();
        if (exit == VcpuLoop.EXIT_SHUTDOWN) {
            panic = v.shutdownReason == null ? "triple fault" : v.shutdownReason;
            return false;
        }
        if (exit == VcpuLoop.EXIT_HALT) {
            v.activity = VcpuContext.RUNNING;
            halted = true;
            return false;
        }
        if (debugger.stepping() && v.instructions != before) {
            debugger.stepped();
        }
        return false;
    }

    private boolean fault(Tunnel t, long instructionsBefore) {
        PendingFault f = v.fault;
        if (f.kind == PendingFault.INTERCEPTED) {
            boolean retired = v.instructions != instructionsBefore;
            if (retired) {
                bus.stepped();
            }
            debugger.intercepted(retired);
            return false;
        }
        bus.undo();
        if (bus.hasWrite()) {
            bus.ask(); // what came first, first: the instruction stops again
            return false;
        }
        switch (f.kind) {
            case PendingFault.STOP -> {
                DeviceExits.Access read = bus.wanted();
                if (read == null) {
                    return false;
                }
                t.access(read, v);
            }
            case PendingFault.PROTECTED, PendingFault.UNBACKED -> {
                int rights = f.access >> PendingFault.ALLOWED_SHIFT & PERM_MASK;
                int shift = strict ? PAGEFAULT_PERM_SHIFT_STRICT : PAGEFAULT_PERM_SHIFT;
                t.pageFault(strict ? f.gpa & -PAGE : f.gpa, f.access & PERM_MASK | rights << shift);
            }
            default -> {
                panic = "the PDPTEs that CR3 0x%x points to are not valid".formatted(v.cr3);
                return false;
            }
        }
        return true;
    }

    /**
     * With PAE paging the client's CR3 stands for four entries in guest memory, whose reading may
     * be stopped like any access.
     */
    private boolean loadPdptes() {
        boolean pae =
                (v.cr0 & VcpuContext.CR0_PG & 0xFFFF_FFFFL) != 0
                        && (v.cr4 & VcpuContext.CR4_PAE) != 0
                        && !v.longMode();
        if (pae) {
            v.enterGuest();
            try {
                if (mmu.loadPdptes(v, v.cr3) == Mmu.FAULTED) {
                    return false;
                }
            } finally {
                v.leaveGuest();
            }
        }
        pdptesStale = false;
        return true;
    }
}
