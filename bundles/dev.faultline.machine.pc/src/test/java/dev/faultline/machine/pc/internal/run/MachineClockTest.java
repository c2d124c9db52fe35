// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.api.device.TimerHandle;
import dev.faultline.testkit.HangGuard;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class MachineClockTest {
    private long host = 1_000;
    private final MachineClock clock = new MachineClock(() -> host);

    @Test
    void guestTimeRunsOnlyBetweenStartAndStop() {
        host += 500;
        assertThat(clock.nanos()).isZero();
        clock.start();
        host += 70;
        assertThat(clock.nanos()).isEqualTo(70);
        assertThat(clock.tsc()).isEqualTo(70);
        clock.stop();
        host += 1_000;
        assertThat(clock.nanos()).isEqualTo(70);
        clock.start();
        clock.start();
        host += 5;
        assertThat(clock.nanos()).isEqualTo(75);
    }

    @Test
    void onlyAStoppedClockCanBeSet() {
        clock.set(12_345);
        assertThat(clock.nanos()).isEqualTo(12_345);
        clock.start();
        assertThatThrownBy(() -> clock.set(0)).isInstanceOf(IllegalStateException.class);
    }

    // ---- alarms

    private final MachineClock real = new MachineClock(System::nanoTime);
    private final List<String> log = new CopyOnWriteArrayList<>();
    private final TimerQueue queue =
            new TimerQueue("test", real, (o, e) -> log.add(o + " " + e.getMessage()));

    @AfterEach
    void close() {
        queue.close();
    }

    @Test
    void alarmsComeInOrderAndOnlyWhileTimeRuns() throws Exception {
        CountDownLatch done = new CountDownLatch(2);
        TimerHandle late = alarm("late", done);
        TimerHandle early = alarm("early", done);
        queue.open();
        late.at(20_000_000);
        early.at(1_000_000);
        // clock: to give a mistake its chance
        assertThat(done.await(50, TimeUnit.MILLISECONDS)).isFalse();
        real.start();
        queue.wake();
        HangGuard.await(done, "event done");
        assertThat(log).containsExactly("early", "late");
    }

    @Test
    void cancelledAndMovedAlarms() throws Exception {
        CountDownLatch done = new CountDownLatch(1);
        TimerHandle never = alarm("never", done);
        TimerHandle moved = alarm("moved", done);
        queue.open();
        never.at(5_000_000);
        moved.at(Long.MAX_VALUE);
        never.cancel();
        real.start();
        queue.wake();
        moved.at(0);
        HangGuard.await(done, "event done");
        HangGuard.until("the time of the cancelled one", () -> real.nanos() > 5_000_000);
        assertThat(queue.drain(HangGuard.limit().toNanos())).isTrue();
        assertThat(log).containsExactly("moved");
    }

    @Test
    void anAlarmThatThrowsIsReportedAndTheOthersGoOn() throws Exception {
        CountDownLatch done = new CountDownLatch(1);
        TimerHandle bad =
                queue.alarm(
                        "chip",
                        new Object(),
                        () -> {
                            throw new IllegalStateException("broken");
                        });
        TimerHandle good = alarm("good", done);
        real.start();
        queue.open();
        bad.at(0);
        good.at(1_000);
        HangGuard.await(done, "event done");
        assertThat(queue.drain(HangGuard.limit().toNanos())).isTrue();
        assertThat(log).containsExactly("chip broken", "good");
    }

    @Test
    void anInterruptDoesNotEndTheAlarms() throws Exception {
        CountDownLatch first = new CountDownLatch(1);
        CountDownLatch second = new CountDownLatch(1);
        CountDownLatch third = new CountDownLatch(1);
        Thread[] thread = new Thread[1];
        TimerHandle bad =
                queue.alarm(
                        "bad",
                        new Object(),
                        () -> {
                            thread[0] = Thread.currentThread();
                            thread[0].interrupt();
                            first.countDown();
                        });
        TimerHandle later = alarm("later", second);
        TimerHandle last = alarm("last", third);
        real.start();
        queue.open();
        bad.at(0);
        HangGuard.await(first, "the action that leaves an interrupt");
        assertThat(queue.drain(HangGuard.limit().toNanos())).isTrue();
        later.at(0);
        HangGuard.await(second, "the alarm after it");

        HangGuard.until("the thread waits", () -> thread[0].getState() == Thread.State.WAITING);
        thread[0].interrupt(); // while it waits
        last.at(0);
        HangGuard.await(third, "the alarm after that");
        assertThat(log).containsExactly("later", "last");
    }

    /** Guest time stands: what was not waited for until the end must not run afterwards. */
    @Test
    void whatIsGivenUpDoesNotSettleLater() throws Exception {
        CountDownLatch inside = new CountDownLatch(1);
        Semaphore release = new Semaphore(0);
        TimerHandle slow =
                queue.alarm(
                        "slow",
                        new Object(),
                        () -> {
                            inside.countDown();
                            release.acquireUninterruptibly();
                        });
        TimerHandle after = alarm("after", new CountDownLatch(1));
        real.start();
        queue.open();
        slow.at(0);
        HangGuard.await(inside, "the action that does not end");
        real.stop();
        after.at(0);

        assertThat(queue.settle(1)).isFalse();
        release.release();
        assertThat(queue.drain(HangGuard.limit().toNanos())).isTrue();
        assertThat(log).isEmpty();

        assertThat(queue.settle(HangGuard.limit().toNanos())).isTrue(); // it is still armed
        assertThat(log).containsExactly("after");
    }

    private TimerHandle alarm(String name, CountDownLatch done) {
        return queue.alarm(
                name,
                new Object(),
                () -> {
                    log.add(name);
                    done.countDown();
                });
    }
}
