// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal;

import static dev.faultline.machine.pc.internal.FakeServices.retire;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.engine.VcpuLoop;
import dev.faultline.api.vm.VcpuExit;
import dev.faultline.testkit.HangGuard;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;

/** A machine runs, pauses, halts and ends, and each of its ends says why. */
class PcMachineTest extends OneMachine {
    private static FakeServices.Instruction halt() {
        return v -> {
            v.instructions++;
            return VcpuLoop.EXIT_HALT;
        };
    }

    private static FakeServices.Instruction interruptsOn() {
        return v -> {
            v.eflags |= VcpuContext.IF;
            return 0;
        };
    }

    @Test
    void pauseStopsTheVcpuAndTheClockAndStartGoesOn() throws Exception {
        machine(1).start();
        assertThat(machine.running()).isTrue();
        // clock: to give an end by mistake its chance
        assertThat(machine.await(Duration.ofMillis(20))).isNull();
        machine.pause("because");
        long instructions = machine.statistics().instructions();
        long nanos = machine.clock().nanos();
        assertThat(nanos).isPositive();
        // clock: to give a mistake its chance
        Thread.sleep(20);
        assertThat(machine.statistics().instructions()).isEqualTo(instructions);
        assertThat(machine.clock().nanos()).isEqualTo(nanos);
        assertThat(machine.await(LONG)).isEqualTo(new VcpuExit.Paused("because"));
        CountDownLatch again = new CountDownLatch(1);
        services.then(retire(again::countDown));
        machine.start();
        HangGuard.await(again, "event again");
        assertThat(machine.clock().nanos()).isGreaterThanOrEqualTo(nanos);
    }

    @Test
    void aMachineThatWasNeverStartedSaysSo() throws Exception {
        assertThat(machine(1).await(LONG)).isEqualTo(new VcpuExit.Paused("not started"));
    }

    @Test
    void quiesceRunsBetweenInstructionsAndTheMachineGoesOn() throws Exception {
        machine(2).start();
        long[] seen = new long[2];
        machine.quiesce(() -> {
            seen[0] = machine.statistics().instructions();
            spin();
            seen[1] = machine.statistics().instructions();
        });
        assertThat(seen[1]).isEqualTo(seen[0]);
        assertThat(machine.running()).isTrue();
    }

    private static void spin() {
        // clock: to give a mistake its chance
        long end = System.nanoTime() + 5_000_000;
        // clock: to give a mistake its chance
        while (System.nanoTime() < end) {
            Thread.onSpinWait();
        }
    }

    /** With the flag set nothing parks: HLT would spin. */
    @Test
    void anInterruptLeftOnAVcpusThreadDoesNotKeepHltFromSleeping() throws Exception {
        Thread[] vcpu = new Thread[1];
        CountDownLatch last = new CountDownLatch(1);
        services.then(
                interruptsOn(),
                retire(() -> {
                    vcpu[0] = Thread.currentThread();
                    vcpu[0].interrupt();
                    last.countDown();
                }),
                halt());
        machine(1).start();
        HangGuard.await(last, "the instruction that leaves an interrupt");

        HangGuard.until("HLT sleeps", () -> vcpu[0].getState() == Thread.State.WAITING);
        assertThat(vcpu[0].isInterrupted()).isFalse();
        assertThat(machine.running()).isTrue();
    }

    /** The second vCPU was never started. */
    @Test
    void aMachineIsIdleWhileItsVcpusSleep() throws Exception {
        assertThat(machine(2).idle()).isFalse();
        services.then(interruptsOn(), halt());
        machine.start();
        HangGuard.until("HLT is seen", machine::idle);
        machine.pause("because");
        assertThat(machine.idle()).isTrue();
    }

    @Test
    void theFirstInstructionIsToldOnce() throws Exception {
        CountDownLatch first = new CountDownLatch(1);
        List<Long> at = new ArrayList<>();
        machine(1)
                .onFirstInstruction(() -> {
                    at.add(machine.vcpus().getFirst().instructions);
                    first.countDown();
                });
        machine.start();
        HangGuard.await(first, "event first");
        machine.pause("enough");
        assertThat(at).containsExactly(1L);
    }

    @Test
    void aTripleFaultCrashes() throws Exception {
        services.then(v -> {
            v.shutdownReason = "triple fault at 0x1234";
            return VcpuLoop.EXIT_SHUTDOWN;
        });
        machine(1).start();
        assertThat(machine.await(LONG))
                .isEqualTo(new VcpuExit.Crashed("vCPU 0: triple fault at 0x1234"));
        assertThatThrownBy(machine::start).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void anEngineThatThrowsStopsTheMachineWithAReason() throws Exception {
        services.then(v -> {
            throw new IllegalStateException("a bug");
        });
        machine(1).start();
        assertThat(machine.await(LONG).toString()).contains("engine failed").contains("a bug");
    }

    @Test
    void aDeviceThatThrowsStopsTheMachineWithAReason() throws Exception {
        services.chips.failing = true;
        services.then(
                retire(() -> ((VcpuContext) machine.vcpus().getFirst()).bus.portOut(0x100, 1, 5)));
        machine(1).start();
        assertThat(machine.await(LONG).toString())
                .contains("device fake failed")
                .contains("broken chip");
    }

    @Test
    void requestsOfDevicesEndTheMachine() throws Exception {
        services.then(retire(() -> services.chips.board.requestExit(0x63, "test")));
        machine(1).start();
        assertThat(machine.await(LONG)).isEqualTo(new VcpuExit.Exited(0x63));
    }

    @Test
    void pausingFromInsideADeviceDoesNotWait() throws Exception {
        services.then(retire(() -> machine.pause("from inside")));
        machine(1).start();
        assertThat(machine.await(LONG)).isEqualTo(new VcpuExit.Paused("from inside"));
    }

    @Test
    void quiescingFromInsideAnInstructionIsRefused() throws Exception {
        List<Throwable> thrown = new ArrayList<>();
        services.then(
                retire(() -> {
                    try {
                        machine.quiesce(() -> {});
                    } catch (IllegalStateException e) {
                        thrown.add(e);
                        machine.pause("seen");
                    }
                }));
        machine(1).start();
        machine.await(LONG);
        assertThat(thrown).hasSize(1);
    }

    @Test
    void haltSleepsUntilAnAlarmInterrupts() throws Exception {
        CountDownLatch after = new CountDownLatch(1);
        services.then(interruptsOn(), halt(), retire(after::countDown));
        machine(1);
        services.chips.alarm.at(30_000_000);
        machine.start();
        HangGuard.await(after, "event after");
        assertThat(services.log).containsSubsequence("alarm", "interrupt 32");
        assertThat(machine.clock().nanos()).isGreaterThanOrEqualTo(30_000_000);
    }

    @Test
    void aHaltedMachineCanBePausedAndResumed() throws Exception {
        services.then(interruptsOn(), halt());
        machine(1).start();
        machine.pause("while halted");
        HangGuard.until(
                "it halts",
                () -> {
                    if (machine.vcpus().getFirst().activity == VcpuContext.HALTED) {
                        return true;
                    }
                    machine.start();
                    // clock: a turn for the vCPU, without all of a processor
                    LockSupport.parkNanos(5_000_000);
                    machine.pause("while halted");
                    return false;
                });
        CountDownLatch after = new CountDownLatch(1);
        services.then(retire(after::countDown));
        machine.start();
        services.chips.raise(0x21);
        HangGuard.await(after, "event after");
    }

    @Test
    void haltWithInterruptsOffIsPowerOff() throws Exception {
        services.then(halt());
        machine(1).start();
        assertThat(machine.await(LONG).toString()).contains("halted with interrupts disabled");
    }

    @Test
    void closeFreesEverythingOnce() throws Exception {
        machine(1).start();
        machine.close();
        machine.close();
        assertThat(services.log).containsOnlyOnce("close one").containsOnlyOnce("close chips");
        assertThat(services.closed).contains(machine);
        assertThatThrownBy(machine::start).isInstanceOf(IllegalStateException.class);
    }
}
