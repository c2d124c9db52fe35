// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.run;

import static dev.faultline.api.cpu.Gpr.RCX;

import dev.faultline.api.cpu.InterruptPort;
import dev.faultline.api.cpu.Segments;
import dev.faultline.api.device.StateSection;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.engine.VcpuEngine;
import dev.faultline.api.engine.VcpuLoop;
import dev.faultline.api.fault.PageFault;
import dev.faultline.api.fault.PendingFault;
import dev.faultline.api.fault.Resolution;
import dev.faultline.api.service.Others;
import dev.faultline.api.vm.VcpuExit;
import dev.faultline.machine.pc.internal.fault.Answers;
import dev.faultline.machine.pc.internal.fault.FaultDispatcher;
import dev.faultline.machine.pc.internal.state.StateOwner;
import dev.faultline.machine.pc.internal.state.VcpuSection;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * One vCPU's thread: runs the engine, brings faults before the dispatcher, sleeps in HLT, stands
 * when told to.
 */
public final class VcpuRunner implements Runnable, StateOwner {
    /** What a runner needs of its machine. */
    public interface Host {
        RunControl control();

        FaultDispatcher faults();

        /** The action for the first retired instruction; does nothing if another vCPU took it. */
        Runnable takeFirstInstruction();

        boolean firstInstructionWanted();

        /** True if no vCPU can ever be woken again. */
        boolean allDead();

        /** RESET of one vCPU (the engine's reset values). */
        void resetVcpu(VcpuContext v);
    }

    private static final System.Logger LOG = System.getLogger(VcpuRunner.class.getName());
    private static final int PAGE_FAULT = 14;

    /** Faults in a row of one instruction before it waits a little between them. */
    private static final int QUICK_ATTEMPTS = 64;

    private static final long ATTEMPT_NANOS = 50_000;

    public final VcpuContext v;
    private final Answers answers;
    private final Host host;
    private final RunControl control;
    private final Thread thread;
    private final PageFault view = new PageFault();

    /** Made last: keeps the next vCPU's runner off the cache lines of this one's. */
    @SuppressWarnings("unused")
    private final long[] apart = new long[16];

    /**
     * Set while the vCPU stands; a thread that stands the vCPU sees it through the control's lock.
     * Null while no factory is there, or none can make one.
     */
    @Nullable VcpuEngine engine;

    /** Between HLT with interrupts off and whatever ends it; read by other vCPUs. */
    public volatile boolean dead;

    /** Application processor that has not been started yet. */
    public volatile boolean waitsForSipi;

    /** Vector of a start-up message not yet obeyed. */
    private volatile int sipi = VcpuSection.NO_SIPI;

    private volatile boolean initRequested;

    /**
     * In the engine: between instruction boundaries, so that nobody may wait for this vCPU on this
     * thread.
     */
    private boolean inEngine;

    private long faultRip = -1;
    private long faultInstructions;
    private long faultRcx;
    private int faultPending;
    private int attempt;

    /**
     * @param answers the diversion of {@code v}
     */
    public VcpuRunner(
            VcpuContext v, Answers answers, String machine, Host host, boolean waitsForSipi) {
        this.v = v;
        this.answers = answers;
        this.host = host;
        this.control = host.control();
        this.waitsForSipi = waitsForSipi;
        thread = Thread.ofPlatform().name(machine + "-vcpu" + v.index).daemon().unstarted(this);
    }

    public void open() {
        v.bindThread(thread);
        thread.start();
    }

    boolean onThread() {
        return Thread.currentThread() == thread;
    }

    /** A look from any thread: in HLT, or never started. */
    public boolean asleep() {
        return waitsForSipi || v.activity == VcpuContext.HALTED;
    }

    /** What the thread is doing, for people. */
    StackTraceElement[] where() {
        return thread.getStackTrace();
    }

    boolean inEngine() {
        return inEngine;
    }

    // ---- messages from other vCPUs; any thread

    /** INIT: an application processor resets and waits for a start-up message. */
    public void init() {
        sipi = VcpuSection.NO_SIPI; // one that comes after this is obeyed after it
        initRequested = true;
        v.post(VcpuContext.REQ_STOP);
    }

    public void startup(int vector) {
        sipi = vector;
        v.post(VcpuContext.REQ_STOP);
    }

    // ---- the thread

    @Override
    public void run() {
        while (control.go()) {
            try {
                untilStop();
            } catch (Throwable e) { // engines and handlers are others' code
                Others.report(LOG, "vCPU " + v.index + ": engine " + Others.name(engine), e);
                control.exit(
                        new VcpuExit.Paused(
                                "vCPU %d: the engine failed: %s"
                                        .formatted(v.index, Others.why(e))));
            } finally {
                inEngine = false;
                v.leaveGuest();
                control.stand();
            }
        }
    }

    /** Runs until the vCPU has to stand. */
    private void untilStop() {
        for (; ; ) {
            if (v.take(VcpuContext.REQ_STOP) != 0 && !obey()) {
                return;
            }
            if (waitsForSipi) {
                waitForRequest();
            } else if (v.activity == VcpuContext.SHUTDOWN) {
                control.exit(new VcpuExit.Crashed(crash()));
                return;
            } else if (v.activity == VcpuContext.HALTED && !woken()) {
                sleep();
            } else if (!handle(execute())) {
                return;
            }
        }
    }

    private int execute() {
        VcpuEngine on = engine;
        if (on == null) {
            throw new IllegalStateException("there is none, its factory could not make it");
        }
        boolean first = host.firstInstructionWanted();
        long before = v.instructions;
        int exit;
        inEngine = true;
        try {
            exit = first || v.diversion.active() ? on.step() : on.run();
        } finally {
            inEngine = false;
        }
        if (v.diversion.active()
                && exit != VcpuLoop.EXIT_FAULT
                && !(exit == VcpuLoop.EXIT_REQUEST && stillThere())) {
            v.endDiversion();
        }
        if (first && (v.instructions != before || exit == VcpuLoop.EXIT_HALT)) {
            Others.contained(
                    LOG, "the action for the first instruction", host.takeFirstInstruction()::run);
        }
        return exit;
    }

    /**
     * @return false if the machine was told to stop
     */
    private boolean handle(int exit) {
        switch (exit) {
            case VcpuLoop.EXIT_REQUEST -> {
                return obey(); // the engine may have taken REQ_STOP
            }
            case VcpuLoop.EXIT_HALT -> v.activity = VcpuContext.HALTED;
            case VcpuLoop.EXIT_SHUTDOWN -> v.activity = VcpuContext.SHUTDOWN;
            case VcpuLoop.EXIT_FAULT -> {
                return handleFault();
            }
            default -> throw new IllegalStateException("the engine returned exit " + exit);
        }
        return true;
    }

    private boolean handleFault() {
        PendingFault f = v.fault;
        if (f.kind == PendingFault.STOP) {
            return true;
        }
        if (f.kind != PendingFault.PROTECTED && f.kind != PendingFault.UNBACKED) {
            throw new IllegalStateException("the engine left with a fault of kind " + f.kind);
        }
        if (!stillThere()) {
            attempt = 0;
            v.endDiversion();
            faultRip = v.rip;
            faultInstructions = v.instructions;
            faultRcx = v.gpr[RCX];
            faultPending = v.pendingVector;
        }
        f.attempt = ++attempt;
        view.set(v.index, f);
        if (attempt > QUICK_ATTEMPTS) {
            // Somebody who opens and closes may just not have the CPU.
            LockSupport.parkNanos(this, ATTEMPT_NANOS);
        }
        int most = host.faults().policy().livelock();
        if (attempt > most) {
            return stop(
                    "livelock: the instruction faulted %d times in a row without progress"
                            .formatted(attempt));
        }
        Resolution r;
        try {
            r = host.faults().resolve(f.kind, view, answers);
        } finally {
            Thread.interrupted(); // a handler's: nobody stops a vCPU by an interrupt
        }
        if (r.kind() == Resolution.Kind.INJECT) {
            inject(r);
            return true;
        }
        if (r == Resolution.RETRY) {
            v.retryFirst();
            return true;
        }
        return stop(r.reason() == null ? VcpuExit.Fault.UNRESOLVED : r.reason());
    }

    /**
     * The instruction (of REP: the iteration; of an event: the delivery) that faulted last has
     * still not been executed.
     */
    private boolean stillThere() {
        return v.rip == faultRip
                && v.instructions == faultInstructions
                && v.gpr[RCX] == faultRcx
                && v.pendingVector == faultPending;
    }

    private boolean stop(String reason) {
        v.endDiversion();
        attempt = 0;
        control.exit(new VcpuExit.Fault(view.copy(), reason));
        return false;
    }

    private void inject(Resolution r) {
        v.endDiversion();
        v.injectedVector = r.vector();
        v.injectedError = r.errorCode();
        if (r.vector() == PAGE_FAULT && view.hasGva()) {
            v.cr2 = view.gva();
        }
    }

    private String crash() {
        String why = v.shutdownReason == null ? "triple fault" : v.shutdownReason;
        return "vCPU %d: %s".formatted(v.index, why);
    }

    // ---- waiting

    private void waitForRequest() {
        v.serviceFlush();
        v.take(VcpuContext.REQ_INTERRUPT);
        park();
    }

    /** Until somebody posts a request. */
    private void park() {
        Thread.interrupted(); // left behind by others' code: with it nothing parks
        if (v.request == 0) {
            LockSupport.park(this);
        }
    }

    /** In HLT: true if the engine has an event to deliver. */
    private boolean woken() {
        v.take(VcpuContext.REQ_INTERRUPT); // before the look: what comes later sets it again
        InterruptPort port = v.interrupts;
        boolean wakes =
                v.pendingVector >= 0
                        || v.injectedVector >= 0
                        || port.nmiPending() && !v.nmiBlocked
                        || (v.eflags & VcpuContext.IF) != 0 && port.pending();
        if (wakes) {
            dead = false;
        }
        return wakes;
    }

    /** HLT: sleeps until somebody posts a request. */
    private void sleep() {
        v.serviceFlush();
        dead = (v.eflags & VcpuContext.IF) == 0;
        if (dead && host.allDead()) {
            long rip = v.segBase[Segments.CS] + v.rip;
            control.exit(
                    new VcpuExit.PoweredOff(
                            "halted with interrupts disabled at 0x%x".formatted(rip)));
        }
        park();
    }

    // ---- INIT and start-up (SDM 3A, "Multiple-Processor (MP) Initialization")

    /**
     * Obeys what was posted with REQ_STOP.
     *
     * @return false if the vCPU has to stand
     */
    private boolean obey() {
        v.serviceFlush();
        if (initRequested) {
            initRequested = false;
            host.resetVcpu(v);
            forget();
            waitsForSipi = v.index != 0;
        }
        int vector = sipi;
        if (vector != VcpuSection.NO_SIPI) {
            sipi = VcpuSection.NO_SIPI;
            if (waitsForSipi) {
                v.segSel[Segments.CS] = vector << 8;
                v.segBase[Segments.CS] = (long) vector << 12;
                v.rip = 0;
                v.recompute();
                dead = false;
                waitsForSipi = false;
            }
        }
        return control.mayContinue();
    }

    /** RESET of the machine: the boot processor begins, the others wait. Standing. */
    public void reset() {
        host.resetVcpu(v);
        initRequested = false;
        sipi = VcpuSection.NO_SIPI;
        waitsForSipi = v.index != 0;
        forget();
    }

    @Override
    public String id() {
        return VcpuSection.id(v.index);
    }

    @Override
    public int version() {
        return VcpuSection.VERSION;
    }

    @Override
    public boolean optional() {
        return false;
    }

    /** The vCPU's state and what other vCPUs sent that it has not obeyed yet. Standing. */
    @Override
    public StateSection save() {
        StateSection s = VcpuSection.save(v);
        s.put(VcpuSection.WAITS, waitsForSipi);
        s.put(VcpuSection.INIT, initRequested);
        s.put(VcpuSection.STARTUP, sipi);
        return s;
    }

    /**
     * Puts back what {@link #save} gave. Standing.
     *
     * @throws IllegalArgumentException naming the key, for a section that does not make sense
     */
    @Override
    public void load(StateSection s) {
        VcpuSection.load(s, v);
        waitsForSipi = s.getBoolean(VcpuSection.WAITS);
        initRequested = s.getBoolean(VcpuSection.INIT);
        sipi = s.getInt(VcpuSection.STARTUP, VcpuSection.NO_SIPI, 0xFF);
        if (initRequested || sipi != VcpuSection.NO_SIPI) {
            v.post(VcpuContext.REQ_STOP);
        }
        forget();
        v.mmu.flush(v);
    }

    /** The vCPU's state was replaced. Standing. */
    void forget() {
        faultRip = -1;
        attempt = 0;
        v.endDiversion();
        dead = false;
    }

    public void closeEngine() {
        VcpuEngine last = engine;
        engine = null;
        if (last != null) {
            Others.contained(
                    LOG,
                    "vCPU " + v.index + ": closing its engine " + Others.name(last),
                    last::close);
        }
    }
}
