// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.interpreter.internal;

import dev.faultline.api.engine.VcpuEngineFactory;
import dev.faultline.api.engine.VcpuLoop;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;

/** Several vCPUs of one machine, each on a thread of its own until it halts. */
public final class Vcpus implements AutoCloseable {
    public final List<LongModeVcpu> all = new ArrayList<>();

    public Vcpus(VcpuEngineFactory engines, String style, int count) {
        for (int i = 0; i < count; i++) {
            all.add(new LongModeVcpu(engines, style, i == 0 ? null : all.getFirst(), i));
        }
    }

    public LongModeVcpu get(int i) {
        return all.get(i);
    }

    /** Runs all of them from where they are, at once, until each has executed HLT. */
    public void runToHalt() throws InterruptedException {
        List<Thread> threads = new ArrayList<>();
        AtomicReference<Throwable> failure = new AtomicReference<>();
        CountDownLatch start = new CountDownLatch(all.size());
        for (LongModeVcpu cpu : all) {
            Thread t =
                    new Thread(() -> {
                        start.countDown();
                        try {
                            start.await();
                            halt(cpu);
                        } catch (Throwable e) {
                            failure.compareAndSet(null, e);
                        }
                    });
            cpu.v.bindThread(t);
            threads.add(t);
        }
        threads.forEach(Thread::start);
        for (Thread t : threads) {
            t.join();
        }
        for (LongModeVcpu cpu : all) {
            cpu.v.bindThread(Thread.currentThread());
        }
        if (failure.get() != null) {
            throw new AssertionError(failure.get());
        }
    }

    private static void halt(LongModeVcpu cpu) {
        int exit;
        do {
            exit = cpu.engine.run();
        } while (exit == VcpuLoop.EXIT_REQUEST);
        if (exit != VcpuLoop.EXIT_HALT) {
            throw new AssertionError(
                    "vCPU %d: exit %d at 0x%x: %s"
                            .formatted(cpu.v.index, exit, cpu.v.rip, cpu.v.shutdownReason));
        }
    }

    @Override
    public void close() {
        for (LongModeVcpu cpu : all.reversed()) {
            cpu.close();
        }
    }
}
