// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.api.vm.MachineConfig;
import dev.faultline.testkit.HangGuard;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Nobody waits for ever for other people's code, and whoever gives up says whom he waited for. */
class DeadlineTest {
    private final FakeServices services = new FakeServices();
    private final CountDownLatch inside = new CountDownLatch(1);
    private final CountDownLatch release = new CountDownLatch(1);
    private PcMachine machine;

    private void start() throws Exception {
        machine =
                PcMachine.create(
                        new MachineConfig("vm", 8 << 20, 1, "one", "coded", List.of()), services);
        machine.start();
    }

    @AfterEach
    void close() {
        release.countDown();
        machine.close();
    }

    /** Code of somebody who does not come back until the test lets it. */
    private void hangs() {
        inside.countDown();
        try {
            release.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void givesUp(ThrowingCallable call, String... words) {
        services.standNanos = TimeUnit.MILLISECONDS.toNanos(20);
        assertThatThrownBy(call)
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContainingAll(words);
        services.standNanos = HangGuard.limit().toNanos();
    }

    @Test
    void aVcpuThatDoesNotStandIsNamedAndTheMachineGoesOnAfterwards() throws Exception {
        services.then(FakeServices.retire(this::hangs));
        start();
        HangGuard.await(inside, "the vCPU is in an instruction");

        givesUp(
                () -> machine.quiesce(() -> {}),
                "quiesce",
                "machine vm",
                "vCPU 0",
                DeadlineTest.class.getSimpleName() + ".hangs");
        assertThat(machine.running()).isTrue();
        givesUp(() -> machine.pause("test"), "pause", "vCPU 0", ".hangs");
        assertThat(machine.running()).isFalse(); // asked for, and obeyed when it comes back

        release.countDown();
        machine.pause("test");
        machine.start();
        boolean[] done = new boolean[1];
        machine.quiesce(() -> done[0] = true);
        assertThat(done[0]).isTrue();
        assertThat(machine.running()).isTrue();
    }

    @Test
    void anAlarmThatDoesNotEndIsNamed() throws Exception {
        services.alarmed = this::hangs;
        start();
        services.chips.alarm.at(0);
        HangGuard.await(inside, "the alarm's action runs");

        givesUp(() -> machine.pause("test"), "pause", "alarm", ".hangs");
        givesUp(() -> machine.saveState(), "saveState", "alarm", ".hangs");

        release.countDown();
        machine.saveState();
    }

    @Test
    void aChangeOfSomebodyElseThatDoesNotEndIsNamed() throws Exception {
        start();
        Thread other = Thread.ofPlatform().name("other").start(() -> machine.quiesce(this::hangs));
        HangGuard.await(inside, "the other one has the machine");

        givesUp(
                () -> machine.quiesce(() -> {}),
                "quiesce",
                "another change",
                "thread other",
                ".hangs");

        release.countDown();
        HangGuard.join(other);
        machine.quiesce(() -> {});
    }

    @Test
    void anInterruptIsKeptAndDoesNotEndTheWait() throws Exception {
        start();
        Thread.currentThread().interrupt();
        machine.pause("test");
        assertThat(Thread.interrupted()).isTrue();

        Thread.currentThread().interrupt();
        machine.start();
        assertThat(Thread.interrupted()).isTrue();

        boolean[] done = new boolean[1];
        Thread.currentThread().interrupt();
        machine.quiesce(() -> done[0] = true);
        assertThat(Thread.interrupted()).isTrue();
        assertThat(done[0]).isTrue();

        machine.pause("to save");
        Thread.currentThread().interrupt();
        assertThat(machine.saveState()).isNotEmpty();
        assertThat(Thread.interrupted()).isTrue();
    }
}
