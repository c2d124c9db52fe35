// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Each wait of the protocol, forced; then all at once. */
@Timeout(600)
class BusLockTest {
    private final BusLock bus = new BusLock();
    private final List<Thread> threads = new ArrayList<>();
    private final AtomicReference<Throwable> failure = new AtomicReference<>();

    private VcpuContext vcpu(int index) {
        VcpuContext v = new VcpuContext(index, bus);
        v.updateTlbKey();
        return v;
    }

    private Thread go(Runnable work) {
        Thread t =
                new Thread(() -> {
                    try {
                        work.run();
                    } catch (Throwable e) {
                        failure.compareAndSet(null, e);
                    }
                });
        threads.add(t);
        t.start();
        return t;
    }

    private static void awaitRequest(VcpuContext v, int bit) {
        while ((v.request & bit) == 0) {
            Thread.onSpinWait();
        }
    }

    private static void awaitWaiting(Thread t) {
        while (t.getState() != Thread.State.WAITING && t.isAlive()) {
            Thread.yield();
        }
    }

    @AfterEach
    void join() throws InterruptedException {
        for (Thread t : threads) {
            t.join();
        }
        assertThat(failure.get()).isNull();
    }

    private Thread takes(VcpuContext v, Runnable turn) {
        return go(() -> {
            v.enterGuest();
            bus.acquire(v);
            turn.run();
            bus.release(v);
            v.leaveGuest();
        });
    }

    @Test
    void waitsForAVcpuInsideUntilItsBoundary() throws InterruptedException {
        VcpuContext a = vcpu(0);
        VcpuContext b = vcpu(1);
        AtomicInteger memory = new AtomicInteger();
        b.enterGuest();
        Thread t = takes(a, () -> memory.set(memory.get() + 1));
        awaitRequest(b, VcpuContext.REQ_BUS);
        awaitWaiting(t);
        assertThat(memory.get()).isZero();
        memory.set(10); // the rest of its instruction
        b.serviceFlush(); // returns when the turn is over
        assertThat(memory.get()).isEqualTo(11);
        assertThat(b.isInGuest()).isTrue();
        b.leaveGuest();
        t.join();
    }

    @Test
    void doesNotWaitForAVcpuOutside() {
        VcpuContext a = vcpu(0);
        vcpu(1); // HLT, a fault handler, standing
        a.enterGuest();
        bus.acquire(a);
        bus.release(a);
        a.leaveGuest();
    }

    @Test
    void nobodyEntersDuringATurn() throws InterruptedException {
        VcpuContext a = vcpu(0);
        VcpuContext b = vcpu(1);
        AtomicInteger entered = new AtomicInteger();
        a.enterGuest();
        bus.acquire(a);
        Thread t =
                go(() -> {
                    b.enterGuest();
                    entered.incrementAndGet();
                    b.leaveGuest();
                });
        awaitWaiting(t);
        assertThat(entered.get()).isZero();
        bus.release(a);
        t.join();
        assertThat(entered.get()).isEqualTo(1);
        a.leaveGuest();
    }

    @Test
    void twoThatAskAtOnceTakeTurns() throws InterruptedException {
        VcpuContext a = vcpu(0);
        VcpuContext b = vcpu(1);
        VcpuContext c = vcpu(2);
        c.enterGuest(); // keeps the first turn from beginning until both have asked
        AtomicInteger inTurn = new AtomicInteger();
        Runnable turn =
                () -> {
                    assertThat(inTurn.incrementAndGet()).isEqualTo(1);
                    inTurn.decrementAndGet();
                };
        Thread x = takes(a, turn);
        Thread y = takes(b, turn);
        awaitWaiting(x);
        awaitWaiting(y);
        c.serviceFlush();
        c.leaveGuest();
        x.join();
        y.join();
    }

    /** Who fences waits for who asks, and is outside for it. */
    @Test
    void fenceAndTurnPassEachOther() throws InterruptedException {
        VcpuContext a = vcpu(0);
        VcpuContext b = vcpu(1);
        VcpuContext c = vcpu(2);
        c.enterGuest();
        b.enterGuest();
        Thread asks =
                go(() -> {
                    a.enterGuest();
                    bus.acquire(a); // waits for b and c
                    bus.release(a);
                    a.serviceFlush(); // the boundary of that instruction
                    a.leaveGuest();
                });
        awaitRequest(b, VcpuContext.REQ_BUS);
        VcpuContext[] all = {a, b, c};
        Thread fences = go(() -> VcpuContext.fence(all, b)); // waits for a and c
        awaitRequest(a, VcpuContext.REQ_FLUSH);
        c.serviceFlush();
        c.leaveGuest();
        asks.join();
        fences.join();
        assertThat(b.isInGuest()).isTrue();
        b.leaveGuest();
    }

    /** One that stood aside executes before the next turn, though that was asked for long ago. */
    @Test
    void whoStoodAsideGetsInBetweenTurns() throws InterruptedException {
        VcpuContext c = vcpu(9);
        CountDownLatch go = new CountDownLatch(1);
        AtomicInteger turns = new AtomicInteger();
        for (int i = 0; i < 2; i++) {
            VcpuContext v = vcpu(i);
            go(() -> {
                try {
                    go.await();
                } catch (InterruptedException e) {
                    throw new AssertionError(e);
                }
                for (int n = 0; n < 500; n++) {
                    v.enterGuest();
                    bus.acquire(v);
                    turns.incrementAndGet();
                    bus.release(v);
                    v.leaveGuest();
                }
            });
        }
        c.enterGuest();
        go.countDown();
        int most = 0;
        for (int before = 0; turns.get() < 1000; ) {
            c.serviceFlush();
            int now = turns.get();
            most = Math.max(most, now - before);
            before = now;
        }
        c.leaveGuest();
        assertThat(most).as("turns that passed while one vCPU stood aside").isLessThanOrEqualTo(1);
    }

    @Test
    void deviceTransfersWaitForTheTurn() throws InterruptedException {
        VcpuContext a = vcpu(0);
        AtomicInteger transferred = new AtomicInteger();
        a.enterGuest();
        bus.acquire(a);
        Thread t =
                go(() -> {
                    bus.transfer().lock();
                    transferred.incrementAndGet();
                    bus.transfer().unlock();
                });
        awaitWaiting(t);
        assertThat(transferred.get()).isZero();
        bus.release(a);
        t.join();
        a.leaveGuest();
    }

    @Test
    void turnCutShortByAnExceptionEnds() {
        VcpuContext a = vcpu(0);
        VcpuContext b = vcpu(1);
        a.enterGuest();
        bus.acquire(a);
        a.leaveGuest(); // the run loop, on its way out
        b.enterGuest();
        bus.acquire(b);
        bus.release(b);
        b.leaveGuest();
        a.enterGuest();
        a.leaveGuest();
    }

    @Test
    void everythingAtOnce() throws InterruptedException {
        int vcpus = 8;
        int rounds = 400;
        long[] memory = new long[1];
        VcpuContext[] all = new VcpuContext[vcpus];
        for (int i = 0; i < vcpus; i++) {
            all[i] = vcpu(i);
        }
        for (VcpuContext v : all) {
            v.bindThread(
                    go(() -> {
                        v.enterGuest();
                        for (int n = 0; n < rounds; n++) {
                            switch ((n + v.index) % 4) {
                                case 0, 1 -> {
                                    bus.acquire(v);
                                    long was = memory[0];
                                    Thread.onSpinWait();
                                    memory[0] = was + 1;
                                    bus.release(v);
                                }
                                case 2 -> VcpuContext.fence(all, v);
                                default -> {
                                    v.leaveGuest();
                                    bus.transfer().lock();
                                    memory[0]++; // devices' transfers exclude turns, not each other
                                    memory[0]--;
                                    bus.transfer().unlock();
                                    v.enterGuest();
                                }
                            }
                            v.serviceFlush();
                        }
                        v.leaveGuest();
                    }));
        }
        join();
        assertThat(memory[0]).isEqualTo((long) vcpus * rounds / 2);
    }
}
