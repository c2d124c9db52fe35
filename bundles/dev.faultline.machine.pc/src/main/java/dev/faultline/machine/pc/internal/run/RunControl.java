// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.run;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.vm.VcpuExit;
import dev.faultline.machine.pc.internal.event.Recording;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Decides when a machine's vCPUs go and stand, and starts and stops guest time with them.
 *
 * <p>A vCPU goes while the user wants it ({@link #start}), nobody holds it ({@link #hold}), no
 * required service is missing, and the machine is open. Lock order: {@link #lock} is a leaf but for
 * the clock's.
 */
public final class RunControl {
    private final String machine;
    private final MachineClock clock;
    private final Runnable timeGoesOn;
    private final VcpuContext[] vcpus;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();

    private boolean wanted;
    private VcpuExit exit = new VcpuExit.Paused("not started");
    private int holds;

    /** Required services that are gone: key, and what they are called now. */
    private final Map<String, Supplier<String>> missing = new TreeMap<>();

    private int going;

    /** Of those that stand: vCPUs in the midst of a fault handler, which will go on by itself. */
    private int away;

    private boolean closed;

    /**
     * @param timeGoesOn called when the clock was started, with no lock of the caller's needed
     */
    public RunControl(
            String machine, MachineClock clock, Runnable timeGoesOn, VcpuContext[] vcpus) {
        this.machine = machine;
        this.clock = clock;
        this.timeGoesOn = timeGoesOn;
        this.vcpus = vcpus;
    }

    private boolean mayGo() {
        return wanted && holds == 0 && missing.isEmpty();
    }

    private void stopAll() {
        for (VcpuContext v : vcpus) {
            v.post(VcpuContext.REQ_STOP);
        }
        changed.signalAll();
    }

    // ---- vCPU threads

    /**
     * Waits until this vCPU may go.
     *
     * @return false if the machine was closed instead
     */
    boolean go() {
        lock.lock();
        try {
            while (!closed && !mayGo()) {
                changed.awaitUninterruptibly();
            }
            if (closed) {
                return false;
            }
            going++;
            if (going == 1) {
                clock.start();
                timeGoesOn.run();
            }
            return true;
        } finally {
            lock.unlock();
        }
    }

    /** False if a going vCPU has to stand now. */
    boolean mayContinue() {
        lock.lock();
        try {
            return !closed && mayGo();
        } finally {
            lock.unlock();
        }
    }

    /**
     * This vCPU is at an instruction boundary, outside its engine, and stays there until {@link
     * #go}.
     */
    void stand() {
        lock.lock();
        try {
            going--;
            if (going == 0) {
                clock.stop();
            }
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /**
     * As {@link #go} for a vCPU that stood inside a fault handler, which it has to finish even if
     * the machine was closed.
     */
    void rejoin() {
        lock.lock();
        try {
            while (!closed && !mayGo()) {
                changed.awaitUninterruptibly();
            }
            going++;
            timeFollows();
        } finally {
            lock.unlock();
        }
    }

    /**
     * As {@link #stand} for a vCPU that makes a change from inside a fault handler, until {@link
     * #back}.
     */
    void away() {
        lock.lock();
        try {
            away++;
            stand();
        } finally {
            lock.unlock();
        }
    }

    /**
     * The handler goes on whether the machine may go or not: it may be what brings a missing
     * service back. The vCPU stands at the end of the handler if it has to. Called where no other
     * change is in progress.
     */
    void back() {
        lock.lock();
        try {
            away--;
            going++;
            timeFollows();
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** Guest time runs while a vCPU goes that may. */
    private void timeFollows() {
        if (going > 0 && mayGo() && !closed && !clock.running()) {
            clock.start();
            timeGoesOn.run();
        }
    }

    // ---- any thread

    /** Brings the machine to a stand for {@code why}; the first reason counts. Does not wait. */
    public void exit(VcpuExit why) {
        lock.lock();
        try {
            if (wanted) {
                wanted = false;
                exit = why;
                stopAll();
                Recording.exit(machine, why);
            }
        } finally {
            lock.unlock();
        }
    }

    /**
     * @throws IllegalStateException if the machine is closed or its guest has ended
     */
    public void start() {
        lock.lock();
        try {
            if (closed) {
                throw new IllegalStateException("the machine is closed");
            }
            if (!wanted && !(exit instanceof VcpuExit.Paused || exit instanceof VcpuExit.Fault)) {
                throw new IllegalStateException("the guest has ended: " + exit);
            }
            wanted = true;
            timeFollows();
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** The machine was reset: whatever its guest's end was, it may be started. Standing. */
    public void renew(String why) {
        lock.lock();
        try {
            if (!wanted) {
                exit = new VcpuExit.Paused(why);
            }
        } finally {
            lock.unlock();
        }
    }

    /**
     * Takes a hold and waits until all vCPUs stand.
     *
     * @return false: they do not within {@code nanos}, and there is no hold
     */
    boolean hold(Patience patience) {
        lock.lock();
        try {
            holds++;
            stopAll();
            boolean stand = await(patience, () -> going == 0);
            if (!stand) {
                unhold();
            }
            return stand;
        } finally {
            lock.unlock();
        }
    }

    void unhold() {
        lock.lock();
        try {
            holds--;
            timeFollows();
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /**
     * A required service went: the vCPUs stand at their next instruction boundaries. Does not wait.
     *
     * @param key what {@link #present} ends
     * @param name for people; asked whenever the reason is told, without a lock that others hold
     */
    public void missing(String key, Supplier<String> name) {
        lock.lock();
        try {
            missing.put(key, name);
            stopAll();
        } finally {
            lock.unlock();
        }
    }

    public void present(String key) {
        lock.lock();
        try {
            missing.remove(key);
            timeFollows();
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    public boolean isMissing(String service) {
        lock.lock();
        try {
            return missing.containsKey(service);
        } finally {
            lock.unlock();
        }
    }

    /** How long to wait. */
    interface Patience {
        /**
         * @return nanoseconds to go on waiting; 0: no longer
         */
        long left();
    }

    /** With the lock held. An interrupt does not end it, but is kept. */
    private boolean await(Patience patience, BooleanSupplier condition) {
        boolean interrupted = false;
        try {
            for (long left = patience.left(); !condition.getAsBoolean() && left > 0; ) {
                try {
                    left = changed.awaitNanos(left);
                } catch (InterruptedException e) {
                    interrupted = true;
                }
                if (left <= 0) {
                    left = patience.left();
                }
            }
            return condition.getAsBoolean();
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /**
     * Waits until all vCPUs stand, in fault handlers or not.
     *
     * @return false: they did not in time
     */
    public boolean standing(long nanos) {
        long start = System.nanoTime();
        lock.lock();
        try {
            return await(() -> nanos - (System.nanoTime() - start), () -> going == 0);
        } finally {
            lock.unlock();
        }
    }

    /**
     * Waits until all vCPUs stand and none is in the midst of a fault handler.
     *
     * @return false: they did not in time
     */
    boolean quiet(Patience patience) {
        lock.lock();
        try {
            return await(patience, () -> going + away == 0);
        } finally {
            lock.unlock();
        }
    }

    /**
     * @return why the machine stands, or null if {@code nanos} passed first
     */
    public @Nullable VcpuExit await(long nanos) throws InterruptedException {
        lock.lockInterruptibly();
        try {
            long left = nanos;
            for (; ; ) {
                boolean quiet = going + away == 0;
                if (quiet && closed && wanted) {
                    return new VcpuExit.Paused("closed");
                }
                if (quiet && !wanted) {
                    return exit;
                }
                if (quiet && !missing.isEmpty()) {
                    return new VcpuExit.Paused(lack());
                }
                if (left <= 0) {
                    return null;
                }
                left = changed.awaitNanos(left);
            }
        } finally {
            lock.unlock();
        }
    }

    private String lack() {
        List<String> names = missing.values().stream().map(Supplier::get).toList();
        boolean one = names.size() == 1 && !names.getFirst().contains(", ");
        return "required service%s %s %s gone"
                .formatted(one ? "" : "s", String.join(", ", names), one ? "is" : "are");
    }

    public boolean running() {
        lock.lock();
        try {
            return wanted && missing.isEmpty() && !closed;
        } finally {
            lock.unlock();
        }
    }

    /** True while any vCPU is in its engine or about to be. */
    public boolean anyGoing() {
        lock.lock();
        try {
            return going > 0;
        } finally {
            lock.unlock();
        }
    }

    public void close() {
        lock.lock();
        try {
            closed = true;
            stopAll();
        } finally {
            lock.unlock();
        }
    }

    public static long nanos(java.time.Duration d) {
        return d.compareTo(java.time.Duration.ofNanos(Long.MAX_VALUE)) >= 0
                ? Long.MAX_VALUE
                : TimeUnit.NANOSECONDS.convert(d);
    }

    /** Whether a thread with this trace waits where a vCPU stands. */
    static boolean stands(StackTraceElement[] trace) {
        for (StackTraceElement e : trace) {
            if (e.getClassName().equals(RunControl.class.getName())
                    && (e.getMethodName().equals("go") || e.getMethodName().equals("rejoin"))) {
                return true;
            }
        }
        return trace.length == 0;
    }
}
