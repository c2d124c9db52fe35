// SPDX-License-Identifier: Apache-2.0
package dev.faultline.testkit;

import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.VcpuExit;
import java.lang.reflect.Method;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.BrokenBarrierException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.DoubleSupplier;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.InvocationInterceptor;
import org.junit.jupiter.api.extension.ReflectiveInvocationContext;

/**
 * How long a test waits for what is certain to come, before it says that it hangs. That is never a
 * verdict about speed: the limit is minutes, and grows with the slowness of the host, which is
 * measured when it is first asked for and again before anybody is told that something hangs.
 *
 * <p>The static methods wait for an event or a condition and fail with the stacks of all threads.
 * As an extension of JUnit it interrupts a test method, or a method around tests, that is at work
 * for twelve times the limit; the build registers it for every test of the project, others say
 * {@code @ExtendWith(HangGuard.class)}. {@code -Dfaultline.hang.minutes=N} sets the limit on a fast
 * and idle host, for campaigns.
 *
 * <p>Thread-safe.
 */
public final class HangGuard implements InvocationInterceptor {
    private static final Duration IDLE =
            Duration.ofMinutes(Long.getLong("faultline.hang.minutes", 5));

    /** A test method may wait for several things, one after the other. */
    private static final int WAITS_OF_A_TEST = 12;

    /** Wall time that the measured work takes on a processor of 3 GHz that has nothing else. */
    private static final long NOMINAL_NANOS = 40_000_000;

    private static final int WORK = 20_000_000;
    private static final double MOST = 30;
    private static final long POLL_NANOS = 2_000_000;

    /** So that the work is not optimised away. */
    private static volatile long sink;

    private static final class First {
        static final Duration LIMIT = Duration.ofMillis((long) (IDLE.toMillis() * slowness()));
    }

    /** For JUnit. */
    public HangGuard() {}

    // ---- how long

    /**
     * The limit of one wait, as measured when this was first called in this process: five minutes
     * on a fast and idle host, up to thirty times that.
     */
    public static Duration limit() {
        return First.LIMIT;
    }

    /**
     * Wall time of some work over what it takes on a fast and idle host; counts the others that
     * want the processor too. From 1 to 30.
     */
    static double slowness() {
        long began = System.nanoTime();
        long x = began | 1;
        for (int i = 0; i < WORK; i++) {
            x ^= x << 13;
            x ^= x >>> 7;
            x ^= x << 17;
        }
        sink = x;
        return Math.clamp((System.nanoTime() - began) / (double) NOMINAL_NANOS, 1, MOST);
    }

    /** One wait; ends when the host, as it is then, would have had time enough. */
    static final class Wait {
        private final long idle;
        private final LongSupplier clock;
        private final DoubleSupplier slowness;
        private final long began;
        private long limit;

        Wait() {
            this(IDLE.toNanos(), System::nanoTime, HangGuard::slowness);
        }

        /**
         * @param idle nanoseconds on a fast and idle host
         * @param clock nanoseconds
         * @param slowness of the host as it is now, 1 or more
         */
        Wait(long idle, LongSupplier clock, DoubleSupplier slowness) {
            this.idle = idle;
            this.clock = clock;
            this.slowness = slowness;
            began = clock.getAsLong();
            limit = idle;
        }

        private long passed() {
            return clock.getAsLong() - began;
        }

        /** Nanoseconds until it is to be looked again; never 0. */
        long left() {
            return Math.max(1, limit - passed());
        }

        boolean over() {
            if (passed() >= limit) {
                limit = Math.max(limit, (long) (idle * slowness.getAsDouble()));
            }
            return passed() >= limit;
        }

        AssertionError hangs(String what) {
            return new AssertionError(
                    "hangs: not within %d s: %s\n%s"
                            .formatted(passed() / 1_000_000_000, what, stacks()));
        }
    }

    private static String stacks() {
        StringBuilder s = new StringBuilder();
        for (Map.Entry<Thread, StackTraceElement[]> e : Thread.getAllStackTraces().entrySet()) {
            s.append(e.getKey()).append(' ').append(e.getKey().getState()).append('\n');
            for (StackTraceElement frame : e.getValue()) {
                s.append("        at ").append(frame).append('\n');
            }
        }
        return s.toString();
    }

    // ---- waiting

    /** Waits for an event. */
    public static void await(CountDownLatch event, String what) throws InterruptedException {
        Wait w = new Wait();
        while (!event.await(w.left(), TimeUnit.NANOSECONDS)) {
            if (w.over()) {
                throw w.hangs(what);
            }
        }
    }

    /** Waits for the end of a thread. */
    public static void join(Thread thread) throws InterruptedException {
        Wait w = new Wait();
        while (!thread.join(Duration.ofNanos(w.left()))) {
            if (w.over()) {
                throw w.hangs(thread + " ends");
            }
        }
    }

    /**
     * Waits for the end of a process, which is killed if it does not come.
     *
     * @return its exit code
     */
    public static int join(Process process) throws InterruptedException {
        return join(process, new Wait());
    }

    static int join(Process process, Wait w) throws InterruptedException {
        while (!process.waitFor(w.left(), TimeUnit.NANOSECONDS)) {
            if (w.over()) {
                process.destroyForcibly();
                throw w.hangs(process.info().commandLine().orElse(process.toString()) + " ends");
            }
        }
        return process.exitValue();
    }

    /** Waits for a machine to come to a stand. */
    public static VcpuExit await(Machine machine) throws InterruptedException {
        Wait w = new Wait();
        for (; ; ) {
            VcpuExit exit = machine.await(Duration.ofNanos(w.left()));
            if (exit != null) {
                return exit;
            }
            if (w.over()) {
                throw w.hangs("machine " + machine.config().name() + " comes to a stand");
            }
        }
    }

    /**
     * Waits for a result.
     *
     * @throws ExecutionException with what the task threw
     */
    public static <T> T get(Future<T> result) throws InterruptedException, ExecutionException {
        Wait w = new Wait();
        for (; ; ) {
            try {
                return result.get(w.left(), TimeUnit.NANOSECONDS);
            } catch (TimeoutException e) {
                if (w.over()) {
                    throw w.hangs(result + " is there");
                }
            }
        }
    }

    /** Takes the next element. */
    public static <T> T take(BlockingQueue<T> queue, String what) throws InterruptedException {
        Wait w = new Wait();
        for (; ; ) {
            T next = queue.poll(w.left(), TimeUnit.NANOSECONDS);
            if (next != null) {
                return next;
            }
            if (w.over()) {
                throw w.hangs(what);
            }
        }
    }

    /** Meets the other threads of a barrier. */
    public static void meet(CyclicBarrier barrier) throws InterruptedException {
        try {
            // A barrier that has timed out is broken for all, so this limit is the longest.
            barrier.await((long) (IDLE.toNanos() * MOST), TimeUnit.NANOSECONDS);
        } catch (BrokenBarrierException | TimeoutException e) {
            throw new AssertionError("not all came to the barrier", e);
        }
    }

    /**
     * Waits for a condition that nobody tells of, looking every 2 ms.
     *
     * @param condition cheap, and without effect
     */
    public static void until(String what, BooleanSupplier condition) {
        until(what, condition, new Wait());
    }

    static void until(String what, BooleanSupplier condition, Wait w) {
        while (!condition.getAsBoolean()) {
            if (w.over()) {
                throw w.hangs(what);
            }
            if (Thread.currentThread().isInterrupted()) {
                throw new AssertionError("interrupted while waiting: " + what);
            }
            LockSupport.parkNanos(POLL_NANOS);
        }
    }

    /**
     * Waits until {@code condition} holds of what {@code monitor} guards, looking again whenever
     * the monitor is notified.
     */
    public static void until(Object monitor, String what, BooleanSupplier condition)
            throws InterruptedException {
        Wait w = new Wait();
        synchronized (monitor) {
            while (!condition.getAsBoolean()) {
                if (w.over()) {
                    throw w.hangs(what);
                }
                monitor.wait(w.left() / 1_000_000 + 1);
            }
        }
    }

    // ---- around every test

    /** Looks after one test at a time; whoever nests (a test in a test) is looked after too. */
    private static final class Watch implements Runnable {
        private static final ScheduledThreadPoolExecutor TIMER = timer();

        private final Thread test = Thread.currentThread();
        private final String name;
        private Wait wait = new Wait();
        private int waits = 1;
        private @Nullable ScheduledFuture<?> next; // guarded by this
        private boolean done; // guarded by this
        private boolean interrupted; // guarded by this

        Watch(String name) {
            this.name = name;
            schedule();
        }

        private static ScheduledThreadPoolExecutor timer() {
            ScheduledThreadPoolExecutor t =
                    new ScheduledThreadPoolExecutor(
                            1, Thread.ofPlatform().daemon().name("hang guard").factory());
            t.setRemoveOnCancelPolicy(true);
            return t;
        }

        private synchronized void schedule() {
            if (!done) {
                next = TIMER.schedule(this, wait.left(), TimeUnit.NANOSECONDS);
            }
        }

        @Override
        public void run() {
            if (wait.over()) {
                if (waits++ == WAITS_OF_A_TEST) {
                    interrupt();
                    return;
                }
                wait = new Wait();
            }
            schedule();
        }

        private synchronized void interrupt() {
            if (!done) {
                System.err.println("hangs and is interrupted: " + name + "\n" + stacks());
                interrupted = true;
                test.interrupt();
            }
        }

        synchronized void end() {
            done = true;
            if (next != null) {
                next.cancel(false);
            }
            if (interrupted) {
                Thread.interrupted(); // if nobody took it: not for the next test
            }
        }
    }

    private static <T> T guarded(Invocation<T> invocation, ExtensionContext context)
            throws Throwable {
        Watch watch = new Watch(context.getDisplayName());
        try {
            return invocation.proceed();
        } finally {
            watch.end();
        }
    }

    @Override
    public void interceptTestMethod(
            Invocation<Void> i, ReflectiveInvocationContext<Method> method, ExtensionContext c)
            throws Throwable {
        guarded(i, c);
    }

    @Override
    public void interceptTestTemplateMethod(
            Invocation<Void> i, ReflectiveInvocationContext<Method> method, ExtensionContext c)
            throws Throwable {
        guarded(i, c);
    }

    @Override
    public <T> T interceptTestFactoryMethod(
            Invocation<T> i, ReflectiveInvocationContext<Method> method, ExtensionContext c)
            throws Throwable {
        return guarded(i, c);
    }

    @Override
    public void interceptBeforeAllMethod(
            Invocation<Void> i, ReflectiveInvocationContext<Method> method, ExtensionContext c)
            throws Throwable {
        guarded(i, c);
    }

    @Override
    public void interceptBeforeEachMethod(
            Invocation<Void> i, ReflectiveInvocationContext<Method> method, ExtensionContext c)
            throws Throwable {
        guarded(i, c);
    }

    @Override
    public void interceptAfterEachMethod(
            Invocation<Void> i, ReflectiveInvocationContext<Method> method, ExtensionContext c)
            throws Throwable {
        guarded(i, c);
    }

    @Override
    public void interceptAfterAllMethod(
            Invocation<Void> i, ReflectiveInvocationContext<Method> method, ExtensionContext c)
            throws Throwable {
        guarded(i, c);
    }
}
