// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.run;

import dev.faultline.api.service.Others;
import dev.faultline.machine.pc.internal.fault.FaultDispatcher;
import dev.faultline.machine.pc.internal.fault.FaultSlot;
import dev.faultline.machine.pc.internal.service.DeadlineLock;
import dev.faultline.machine.pc.internal.service.Whereabouts;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Changes a machine while its vCPUs stand, whoever asks: any thread; a fault handler, on a vCPU's
 * thread at an instruction boundary; a device or a serial listener, inside an instruction; an
 * alarm. Nobody waits here for himself, and nobody waits for a lock while others wait for his vCPU.
 *
 * <p>Lock order: {@link #changes}, then a device's lock, then the chips' lock, then the timer
 * queue's; the run control's lock may be taken under any of them and takes none but the clock's and
 * the timer queue's.
 */
public final class Standstill {
    private static final System.Logger LOG = System.getLogger(Standstill.class.getName());

    /** How long a thread of others waits for the vCPUs, one of which may be in a slow handler. */
    private static final long WAIT_NANOS = TimeUnit.SECONDS.toNanos(10);

    private final String machine;
    private final RunControl control;
    private final TimerQueue timers;
    private final VcpuRunner[] runners;

    /** Serialises what brings the vCPUs to a stand. */
    private final DeadlineLock changes = new DeadlineLock();

    /** Changes that were asked for and not made yet, in order. */
    private final Queue<Runnable> outstanding = new ConcurrentLinkedQueue<>();

    /** A change of others may be a whole save: this many times the limit. */
    private static final int CHANGE_FACTOR = 20;

    private static final String SERVICE = "a service that went or came";

    private final FaultDispatcher faults;
    private final LongSupplier limitNanos;

    /** Guarded by {@link #changes}. */
    private boolean closed;

    /**
     * @param runners filled while the machine is built
     * @param limitNanos how long to wait for vCPUs and alarms
     */
    public Standstill(
            String machine,
            RunControl control,
            TimerQueue timers,
            VcpuRunner[] runners,
            FaultDispatcher faults,
            LongSupplier limitNanos) {
        this.limitNanos = limitNanos;
        this.machine = machine;
        this.control = control;
        this.timers = timers;
        this.runners = runners;
        this.faults = faults;
    }

    // ---- who asks

    /** The vCPU whose thread this is, or null. */
    public @Nullable VcpuRunner runner() {
        for (VcpuRunner r : runners) {
            if (r != null && r.onThread()) {
                return r;
            }
        }
        return null;
    }

    /** Whether this is one of the machine's own threads. */
    public boolean onOwnThread() {
        return runner() != null || timers.onThread();
    }

    /** Whether this is inside an instruction or an alarm, where nothing may be waited for. */
    private boolean inside() {
        VcpuRunner self = runner();
        return timers.onThread() || self != null && self.inEngine();
    }

    /**
     * @throws IllegalStateException on one of the machine's own threads, unless inside a change
     */
    private void requireOthersThread(String what) {
        if (onOwnThread() && !changes.isHeldByCurrentThread()) {
            throw new IllegalStateException(what + ": called on a thread of machine " + machine);
        }
    }

    // ---- changes

    /**
     * For what does not need the vCPUs to stand, or checks by itself that they do.
     *
     * @throws IllegalStateException on one of the machine's own threads, unless inside a change
     */
    public void lock(String what) {
        requireOthersThread(what);
        acquire(what);
    }

    // ---- how long nobody waits for ever

    private long limit() {
        return limitNanos.getAsLong();
    }

    /**
     * Takes {@link #changes}.
     *
     * @throws IllegalStateException saying who has it
     */
    private void acquire(String what) {
        if (!changes.acquire(limit() * CHANGE_FACTOR)) {
            throw new IllegalStateException(taken(what));
        }
    }

    private String taken(String what) {
        return "%s: machine %s: another change has not ended for %d s: %s"
                .formatted(
                        what,
                        machine,
                        TimeUnit.NANOSECONDS.toSeconds(limit() * CHANGE_FACTOR),
                        changes.holder());
    }

    /** Longer while a vCPU is with a fault handler that has asked for more patience. */
    private RunControl.Patience patience() {
        long[] end = {System.nanoTime() + limit()};
        return () -> {
            long now = System.nanoTime();
            if (end[0] - now <= 0) {
                end[0] = now + faults.patienceLeft(now);
            }
            return Math.max(0, end[0] - now);
        };
    }

    /**
     * Waits until no alarm's action runs.
     *
     * @throws IllegalStateException naming the one that does not end
     */
    public void drain(String what) {
        if (!timers.drain(limit())) {
            throw new IllegalStateException(
                    "%s: machine %s: an alarm's action has not ended for %d s: it is %s"
                            .formatted(
                                    what,
                                    machine,
                                    TimeUnit.NANOSECONDS.toSeconds(limit()),
                                    Whereabouts.of(timers.where())));
        }
    }

    /**
     * Waits until what the timers are due for has been done.
     *
     * @throws IllegalStateException naming who does not end
     */
    public void settleTimers(String what) {
        if (!timers.settle(limit())) {
            throw new IllegalStateException(
                    "%s: machine %s: the alarms that are due have not run for %d s: their thread is %s"
                            .formatted(
                                    what,
                                    machine,
                                    TimeUnit.NANOSECONDS.toSeconds(limit()),
                                    Whereabouts.of(timers.where())));
        }
    }

    /** Names the vCPUs that do not stand and in whose code they are. */
    String whom() {
        StringBuilder all = new StringBuilder();
        for (VcpuRunner r : runners) {
            StackTraceElement[] trace = r == null ? new StackTraceElement[0] : r.where();
            if (!RunControl.stands(trace)) {
                String handler = faults.asking(r.v.index);
                all.append(all.isEmpty() ? "" : "; ")
                        .append("vCPU ")
                        .append(r.v.index)
                        .append(
                                handler == null
                                        ? " is "
                                        : " waits for fault handler " + handler + ", ")
                        .append(Whereabouts.of(trace));
            }
        }
        return all.isEmpty() ? "the vCPUs stand by now" : all.toString();
    }

    private IllegalStateException stuck(String what) {
        return new IllegalStateException(
                "%s: machine %s does not stand for %d s: %s"
                        .formatted(what, machine, TimeUnit.NANOSECONDS.toSeconds(limit()), whom()));
    }

    public void unlock() {
        changes.unlock();
    }

    /**
     * The machine ends; {@link #lock} held.
     *
     * @return false: it has ended already
     */
    public boolean close() {
        boolean first = !closed;
        closed = true;
        return first;
    }

    /** {@link #lock} held. */
    public boolean closed() {
        return closed;
    }

    /**
     * Runs {@code action} while all vCPUs stand; from a fault handler too, whose vCPU stands
     * meanwhile and goes on when the machine does.
     *
     * @throws IllegalStateException when called from inside an instruction or an alarm
     */
    public void quiesce(Runnable action) {
        VcpuRunner self = runner();
        boolean nested = changes.isHeldByCurrentThread();
        if (!nested && inside()) {
            throw new IllegalStateException(
                    "quiesce: called from inside an instruction or an alarm of machine " + machine);
        }
        long stood = System.nanoTime();
        if (self != null && !nested) {
            faults.slot(self.v.index).stands(true, 0);
            control.stand();
        }
        boolean mine = false;
        try {
            acquire("quiesce");
            mine = true;
            if (!control.hold(patience())) {
                throw stuck("quiesce");
            }
            try {
                drain("quiesce");
                action.run();
            } finally {
                control.unhold();
            }
        } finally {
            if (mine) {
                changes.unlock();
            }
            if (self != null && !nested) {
                control.rejoin();
                faults.slot(self.v.index).stands(false, System.nanoTime() - stood);
            }
        }
    }

    /**
     * Runs {@code change} once the vCPUs stand, which a missing service has told them to: here, or,
     * if this thread cannot wait for them, soon on another. Changes are made in the order in which
     * they were asked for; not at all if the machine is closed first.
     */
    public void outside(Runnable change) {
        outstanding.add(change);
        VcpuRunner self = runner();
        if (changes.isHeldByCurrentThread()) {
            make(); // they stand: for the change that this one is part of
        } else if (inside()) {
            later();
        } else if (self != null) {
            fromHandler(self);
        } else if (control.standing(WAIT_NANOS)) {
            make();
        } else {
            LOG.log(
                    System.Logger.Level.WARNING,
                    "machine " + machine + ": a vCPU does not stand; " + SERVICE + " waits for it");
            later();
        }
    }

    /** Waits until the vCPUs stand, which a missing service has told them to, where that can be. */
    public void awaitStand() {
        if (!onOwnThread()) {
            control.standing(WAIT_NANOS);
        }
    }

    private void later() {
        Thread.ofPlatform()
                .daemon()
                .name(machine + "-change")
                .start(() -> {
                    control.standing(Long.MAX_VALUE);
                    make();
                });
    }

    /**
     * Makes what is outstanding; when this returns, it is made, by this thread or by others; unless
     * another change does not end: then it is made when that has ended.
     */
    private void make() {
        if (!changes.acquire(limit() * CHANGE_FACTOR)) {
            LOG.log(System.Logger.Level.WARNING, taken(SERVICE));
            later();
            return;
        }
        try {
            makeHeld();
        } finally {
            changes.unlock();
        }
    }

    /** {@link #changes} held. They stand already, but nothing keeps a service from coming now. */
    private void makeHeld() {
        if (closed) {
            outstanding.clear();
        }
        if (outstanding.isEmpty()) {
            return;
        }
        if (!control.hold(patience())) {
            LOG.log(System.Logger.Level.WARNING, stuck(SERVICE).getMessage());
            later();
            return;
        }
        try {
            for (Runnable c = outstanding.poll(); c != null; c = outstanding.poll()) {
                Others.contained( // services are others' code
                        LOG, "machine " + machine + ": " + SERVICE, c::run);
            }
        } finally {
            control.unhold();
        }
    }

    /**
     * The calling vCPU counts as standing until the changes are made, so that changes of others,
     * and of other vCPUs' handlers, which wait for it, can end.
     */
    private void fromHandler(VcpuRunner self) {
        FaultSlot slot = faults.slot(self.v.index);
        long start = System.nanoTime();
        slot.stands(true, 0);
        control.away();
        boolean stand = control.standing(WAIT_NANOS);
        // The guest cannot go on before others' change is over: there is nothing to give up for.
        while (!changes.acquire(limit() * CHANGE_FACTOR)) {
            LOG.log(System.Logger.Level.WARNING, taken(SERVICE));
        }
        try {
            if (stand) {
                makeHeld();
            }
        } finally {
            control.back();
            changes.unlock();
            slot.stands(false, System.nanoTime() - start);
        }
        if (!stand) {
            later();
        }
    }

    /** Waits until all vCPUs stand, unless this is one of the machine's own threads. */
    public void settle() {
        if (onOwnThread()) {
            return;
        }
        boolean stand =
                changes.isHeldByCurrentThread()
                        ? control.standing(limit())
                        : control.quiet(patience());
        if (!stand) {
            throw stuck("pause");
        }
        drain("pause");
    }
}
