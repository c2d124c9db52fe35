// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.source;

import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * Calls of one page source, which is others' code, on threads of ours. Whatever it does, the caller
 * is back in time. Calls that do not return keep their thread, and their place among the {@link
 * #MOST} that there may be; so a source that hangs costs no more than those.
 */
final class SourceCalls implements AutoCloseable {
    private static final int MOST = 16;
    private static final int WAITING = 1 << 20;
    private static final int IDLE_SECONDS = 5;

    private final Semaphore places = new Semaphore(MOST, true);
    private final Set<FutureTask<?>> under = ConcurrentHashMap.newKeySet();
    private final boolean interrupts;
    private final ThreadPoolExecutor threads;
    private volatile boolean closed;

    SourceCalls(String name) {
        this(name, true);
    }

    /**
     * @param interrupts whether a call that is late is interrupted, and not only left alone: a file
     *     channel does not survive that
     */
    SourceCalls(String name, boolean interrupts) {
        this.interrupts = interrupts;
        threads =
                new ThreadPoolExecutor(
                        0,
                        Integer.MAX_VALUE, // bounded by places
                        IDLE_SECONDS,
                        TimeUnit.SECONDS,
                        new SynchronousQueue<>(),
                        Thread.ofPlatform().daemon().name("source " + name).factory());
    }

    /**
     * @throws ExecutionException whatever it threw, errors too
     * @throws TimeoutException if it took longer; it has been interrupted and its result is lost
     * @throws CancellationException if {@link #close} was called
     */
    <T> T call(Callable<T> action, long nanos)
            throws ExecutionException, TimeoutException, InterruptedException {
        long end = System.nanoTime() + nanos;
        if (!places.tryAcquire(nanos, TimeUnit.NANOSECONDS)) {
            throw new TimeoutException("none of its last " + MOST + " calls has returned");
        }
        FutureTask<T> task = new FutureTask<>(action);
        under.add(task);
        try {
            start(task);
            return task.get(end - System.nanoTime(), TimeUnit.NANOSECONDS);
        } catch (TimeoutException e) {
            throw new TimeoutException("no answer in time");
        } finally {
            task.cancel(interrupts);
            under.remove(task);
        }
    }

    /** What a call threw. */
    static Throwable thrown(ExecutionException e) {
        Throwable t = e.getCause();
        return t == null ? e : t;
    }

    private void start(FutureTask<?> task) {
        boolean started = false;
        try {
            if (closed) {
                throw new CancellationException("closed");
            }
            threads.execute(() -> {
                try {
                    task.run();
                } finally {
                    places.release();
                }
            });
            started = true;
        } catch (RejectedExecutionException e) {
            throw new CancellationException("closed");
        } finally {
            if (!started) {
                places.release();
            }
        }
    }

    /** Calls in progress end with a {@link CancellationException}; later ones too. */
    void cancel() {
        closed = true;
        places.release(WAITING); // who waits for one comes out and sees that
        under.forEach(t -> t.cancel(interrupts));
    }

    /** Runs what there is to do at the end, on a thread of its own, and does not wait long. */
    void last(Callable<?> action, long nanos)
            throws ExecutionException, TimeoutException, InterruptedException {
        FutureTask<?> task = new FutureTask<>(action);
        try {
            threads.execute(task);
            task.get(nanos, TimeUnit.NANOSECONDS);
        } catch (RejectedExecutionException e) {
            return; // closed before
        } finally {
            task.cancel(interrupts);
        }
    }

    @Override
    public void close() {
        cancel();
        if (interrupts) {
            threads.shutdownNow();
        } else {
            threads.shutdown();
        }
    }
}
