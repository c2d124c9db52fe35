// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.run;

import dev.faultline.api.device.TimerHandle;
import dev.faultline.api.service.Others;
import dev.faultline.machine.pc.internal.service.Whereabouts;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * A machine's alarms and the thread that runs them. A machine has a handful, so the earliest is
 * found by looking at all.
 *
 * <p>Lock order: an alarm's own lock, then {@link #lock}; arming takes only the latter.
 */
public final class TimerQueue implements AutoCloseable {
    /** Told of an alarm that threw. */
    public interface Failure {
        void failed(Object owner, Throwable thrown);
    }

    private static final System.Logger LOG = System.getLogger(TimerQueue.class.getName());

    private static final long CLOSE_NANOS = TimeUnit.SECONDS.toNanos(10);

    private final MachineClock clock;
    private final Failure failure;
    private final Thread thread;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private final Condition idle = lock.newCondition();
    private final List<Alarm> alarms = new ArrayList<>();

    /** Due alarms that {@link #settle} waits for, the earliest first. */
    private final ArrayDeque<Alarm> settling = new ArrayDeque<>();

    private boolean busy;
    private boolean closed;

    /** Deadline the thread sleeps for; what is armed earlier must wake it. */
    private long sleepingUntil = Long.MAX_VALUE;

    public TimerQueue(String machine, MachineClock clock, Failure failure) {
        this.clock = clock;
        this.failure = failure;
        thread = Thread.ofPlatform().daemon().name(machine + "-timer").unstarted(this::run);
    }

    public void open() {
        thread.start();
    }

    private final class Alarm implements TimerHandle {
        final Object owner;
        final Object monitor;
        final Runnable action;
        final boolean settles;
        long at;
        boolean armed;

        /** Taken off the queue; its action runs unless it is re-armed or cancelled first. */
        boolean firing;

        Alarm(Object owner, Object monitor, Runnable action, boolean settles) {
            this.owner = owner;
            this.monitor = monitor;
            this.action = action;
            this.settles = settles;
        }

        @Override
        public void at(long nanos) {
            lock.lock();
            try {
                at = nanos;
                armed = true;
                firing = false;
                if (nanos < sleepingUntil) {
                    changed.signalAll();
                }
            } finally {
                lock.unlock();
            }
        }

        @Override
        public void cancel() {
            lock.lock();
            try {
                armed = false;
                firing = false;
            } finally {
                lock.unlock();
            }
        }
    }

    /** One of guest time: {@link #settle} runs it. */
    public TimerHandle alarm(Object owner, Object monitor, Runnable action) {
        return alarm(owner, monitor, action, true);
    }

    /**
     * @param monitor held while {@code action} runs
     * @param settles whether {@link #settle} runs it
     */
    public TimerHandle alarm(Object owner, Object monitor, Runnable action, boolean settles) {
        Alarm a = new Alarm(owner, monitor, action, settles);
        lock.lock();
        try {
            alarms.add(a);
        } finally {
            lock.unlock();
        }
        return a;
    }

    /** Withdraws an owner's alarms. */
    public void release(Object owner) {
        lock.lock();
        try {
            for (Alarm a : alarms) {
                if (a.owner == owner) {
                    a.cancel();
                }
            }
            alarms.removeIf(a -> a.owner == owner);
        } finally {
            lock.unlock();
        }
    }

    /** Guest time runs again. */
    public void wake() {
        lock.lock();
        try {
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /**
     * After guest time stopped: returns when no alarm's action runs, and none will until it goes
     * on. Not from an action.
     *
     * @return false: the action in progress does not end within {@code nanos}
     */
    boolean drain(long nanos) {
        lock.lock();
        try {
            return await(nanos, () -> !busy);
        } finally {
            lock.unlock();
        }
    }

    /** With the lock held. An interrupt does not end it, but is kept. */
    private boolean await(long nanos, BooleanSupplier condition) {
        boolean interrupted = false;
        long left = nanos;
        while (!condition.getAsBoolean() && left > 0) {
            try {
                left = idle.awaitNanos(left);
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        return condition.getAsBoolean();
    }

    /** Where the thread of the alarms is, for people. */
    StackTraceElement[] where() {
        return thread.getStackTrace();
    }

    /**
     * While guest time stands: returns when the alarms that were due have run, each once; what they
     * arm anew stays armed. Without effect before {@link #open}, and from an action.
     *
     * @return false: they have not run within {@code nanos}
     */
    boolean settle(long nanos) {
        lock.lock();
        try {
            if (!thread.isAlive() || onThread()) {
                return true;
            }
            long now = clock.nanos();
            alarms.stream()
                    .filter(a -> a.settles && a.armed && a.at <= now)
                    .sorted(Comparator.comparingLong(a -> a.at))
                    .forEach(settling::add);
            changed.signalAll();
            boolean settled = await(nanos, () -> closed || !busy && settling.isEmpty());
            if (!settled) {
                settling.clear(); // or they would run once guest time goes on or a device is gone
            }
            return settled;
        } finally {
            lock.unlock();
        }
    }

    boolean onThread() {
        return Thread.currentThread() == thread;
    }

    private void run() {
        lock.lock();
        try {
            while (!closed) {
                try {
                    next();
                } catch (InterruptedException e) {
                    // Somebody's; this thread is everybody's, and only close() ends it.
                }
            }
        } finally {
            closed = true; // whatever ended this thread: nobody may wait for it
            settling.clear();
            idle.signalAll();
            lock.unlock();
        }
    }

    /** Runs the alarm that is due, or waits for the next, or for a change. */
    private void next() throws InterruptedException {
        Alarm a = settling.poll();
        if (a != null) {
            settle(a);
            return;
        }
        a = earliest();
        if (a == null || !clock.running()) {
            sleepingUntil = clock.running() ? Long.MAX_VALUE : Long.MIN_VALUE;
            changed.await();
        } else if (a.at > clock.nanos()) {
            sleepingUntil = a.at;
            changed.await(a.at - clock.nanos(), TimeUnit.NANOSECONDS);
        } else {
            fire(a);
        }
    }

    private void settle(Alarm a) {
        if (a.armed && a.at <= clock.nanos()) { // no action before it has changed that
            fire(a);
        } else {
            idle.signalAll();
        }
    }

    private @Nullable Alarm earliest() {
        Alarm best = null;
        for (int i = 0; i < alarms.size(); i++) {
            Alarm a = alarms.get(i);
            if (a.armed && (best == null || a.at < best.at)) {
                best = a;
            }
        }
        return best;
    }

    /** Runs the action without {@link #lock}. */
    private void fire(Alarm a) {
        a.armed = false;
        a.firing = true;
        busy = true;
        lock.unlock();
        try {
            synchronized (a.monitor) {
                if (stillWanted(a)) {
                    a.action.run();
                }
            }
        } catch (Throwable thrown) { // an action is others' code, this thread is everybody's
            Others.contained(LOG, "an alarm", () -> failure.failed(a.owner, thrown));
        } finally {
            Thread.interrupted(); // the action's: not for the next one's waits
            lock.lock();
            busy = false;
            idle.signalAll();
        }
    }

    private boolean stillWanted(Alarm a) {
        lock.lock();
        try {
            boolean wanted = a.firing;
            a.firing = false;
            return wanted;
        } finally {
            lock.unlock();
        }
    }

    @Override
    public void close() {
        lock.lock();
        try {
            closed = true;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
        if (!onThread() && thread.isAlive() && !joined()) {
            LOG.log(
                    System.Logger.Level.ERROR,
                    "%s: an alarm's action does not end: %s"
                            .formatted(thread.getName(), Whereabouts.of(where())));
        }
    }

    /** An interrupt does not end the wait, but is kept. */
    private boolean joined() {
        long start = System.nanoTime();
        boolean interrupted = false;
        try {
            for (; ; ) {
                try {
                    long left = CLOSE_NANOS - (System.nanoTime() - start);
                    return thread.join(Duration.ofNanos(left));
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }
}
