// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal;

import static dev.faultline.machine.pc.internal.FakeServices.retire;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.api.device.StateSection;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.engine.VcpuLoop;
import dev.faultline.api.fault.FaultHandler;
import dev.faultline.api.fault.FaultOrigin;
import dev.faultline.api.fault.PendingFault;
import dev.faultline.api.fault.Resolution;
import dev.faultline.api.protection.ProtectionLayer;
import dev.faultline.api.protection.Rights;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.api.vm.MachineException;
import dev.faultline.api.vm.StateException;
import dev.faultline.api.vm.VcpuExit;
import dev.faultline.machine.pc.internal.fault.FaultPolicy;
import dev.faultline.testkit.HangGuard;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class PcMachineTest {
    private static final Duration LONG = HangGuard.limit();
    private final FakeServices services = new FakeServices();
    private PcMachine machine;

    private PcMachine machine(int vcpus) throws MachineException {
        machine =
                PcMachine.create(
                        new MachineConfig("test", 4 << 20, vcpus, "one", "coded", List.of()),
                        services);
        return machine;
    }

    @AfterEach
    void close() {
        if (machine != null) {
            machine.close();
        }
    }

    private static FakeServices.Instruction access(FakeServices services, long gpa, int right) {
        return v -> {
            int rights = services.protection.rightsOf(gpa >>> 12);
            if ((rights & right) == 0) {
                v.fault.protectedPage(
                        right, rights, FaultOrigin.DATA, gpa, gpa, -1, PendingFault.FINAL_ACCESS);
                v.fault.rip = v.rip;
                return VcpuLoop.EXIT_FAULT;
            }
            v.instructions++;
            return 0;
        };
    }

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

    // ---- going and standing

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

    // ---- HLT

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

    // ---- faults

    @Test
    void theForbiddingLayersHandlerIsAskedFirst() throws Exception {
        List<String> asked = new ArrayList<>();
        ProtectionLayer[] layer = new ProtectionLayer[1];
        machine(1);
        layer[0] =
                machine.protection()
                        .addLayer(
                                "lazy",
                                (m, f) -> {
                                    asked.add(
                                            m
                                                    + " "
                                                    + Long.toHexString(f.gpa())
                                                    + " attempt "
                                                    + f.attempt());
                                    layer[0].protectPage(f.gfn(), Rights.RWX);
                                    return Resolution.RETRY;
                                });
        layer[0].protect(0x5000, 4096, Rights.NONE);
        services.handlers.put((m, f) -> Resolution.STOP, Map.of());
        CountDownLatch done = new CountDownLatch(1);
        services.then(access(services, 0x5010, Rights.W), retire(done::countDown));
        machine.start();
        HangGuard.await(done, "event done");
        assertThat(asked).containsExactly("test 5010 attempt 1");
        assertThat(machine.statistics().faults()).isEqualTo(1);
        assertThat(machine.statistics().resolvedByHandlers()).isEqualTo(1);
        assertThat(machine.statistics().faultsByAccess())
                .containsEntry("W", 1L)
                .containsEntry("R", 0L);
        assertThat(machine.statistics().faultsByOrigin()).containsEntry(FaultOrigin.DATA, 1L);
    }

    @Test
    void theWhiteboardIsAskedByRankingRangeAndAccess() throws Exception {
        List<String> asked = new ArrayList<>();
        services.handlers.put(named("low", asked, Resolution.PASS), Map.of("service.ranking", 1));
        services.handlers.put(named("high", asked, Resolution.PASS), Map.of("service.ranking", 9));
        services.handlers.put(
                named("elsewhere", asked, Resolution.PASS),
                Map.of(FaultHandler.GPA_START, 0x6000L, FaultHandler.GPA_SIZE, 0x1000L));
        services.handlers.put(
                named("fetches", asked, Resolution.PASS),
                Map.of(FaultHandler.ACCESS_MASK, Rights.X));
        services.handlers.put(
                (m, f) -> {
                    throw new IllegalStateException("a broken handler");
                },
                Map.of("service.ranking", 5));
        services.protection.userLayer().protect(0x5000, 1, Rights.R);
        services.then(access(services, 0x5FF8, Rights.W));
        machine(1).start();
        VcpuExit exit = machine.await(LONG);
        assertThat(asked).containsExactly("high", "low");
        assertThat(exit).isInstanceOf(VcpuExit.Fault.class);
        assertThat(((VcpuExit.Fault) exit).fault().gpa()).isEqualTo(0x5FF8);
        assertThat(((VcpuExit.Fault) exit).fault().rights()).isEqualTo(Rights.R);
    }

    private static FaultHandler named(String name, List<String> asked, Resolution answer) {
        return (m, f) -> {
            asked.add(name);
            return answer;
        };
    }

    @Test
    void theCallerResolvesAndTheInstructionRunsAgain() throws Exception {
        services.protection.userLayer().protect(0x5000, 1, Rights.NONE);
        CountDownLatch done = new CountDownLatch(1);
        services.then(access(services, 0x5000, Rights.R), retire(done::countDown));
        machine(1).start();
        assertThat(machine.await(LONG)).isInstanceOf(VcpuExit.Fault.class);
        machine.protection().userLayer().protect(0x5000, 1, Rights.RWX);
        machine.start();
        HangGuard.await(done, "event done");
    }

    @Test
    void attemptsCountFaultsWithoutProgress() throws Exception {
        List<Integer> attempts = new ArrayList<>();
        services.handlers.put(
                (m, f) -> {
                    attempts.add(f.attempt());
                    return f.attempt() == 3 ? Resolution.STOP : Resolution.RETRY;
                },
                Map.of());
        services.protection.userLayer().protect(0x5000, 1, Rights.NONE);
        services.then(access(services, 0x5000, Rights.R));
        machine(1).start();
        machine.await(LONG);
        assertThat(attempts).containsExactly(1, 2, 3);
    }

    /** A handler that never opens the page must not keep the machine from stopping. */
    @Test
    void aLivelockObeysThePause() throws Exception {
        CountDownLatch asked = new CountDownLatch(3);
        services.handlers.use(
                FaultPolicy.of(600_000, 3, Integer.MAX_VALUE)); // or it stops by itself
        services.handlers.put(
                (m, f) -> {
                    asked.countDown();
                    return Resolution.RETRY;
                },
                Map.of());
        services.protection.userLayer().protect(0x5000, 1, Rights.NONE);
        services.then(access(services, 0x5000, Rights.R));
        machine(1).start();
        HangGuard.await(asked, "the handler is asked again and again");
        machine.pause("enough");
        assertThat(machine.await(LONG)).isEqualTo(new VcpuExit.Paused("enough"));
    }

    @Test
    void aHandlerMayQuiesceAndPauseItsMachine() throws Exception {
        services.handlers.put(
                (m, f) -> {
                    machine.quiesce(
                            () -> services.protection.userLayer().protectPage(f.gfn(), Rights.RWX));
                    return Resolution.RETRY;
                },
                Map.of());
        services.protection.userLayer().protect(0x5000, 1, Rights.NONE);
        CountDownLatch done = new CountDownLatch(1);
        services.then(access(services, 0x5000, Rights.R), retire(done::countDown));
        machine(2).start();
        HangGuard.await(done, "event done");
    }

    // ---- swaps and services

    @Test
    void swapsCountAndKeepTheMachineRunning() throws Exception {
        machine(1).start();
        machine.swapEngine("two");
        machine.swapFaultStyle("thrown");
        assertThat(machine.engine()).isEqualTo("two");
        assertThat(machine.faultStyle()).isEqualTo("thrown");
        assertThat(((VcpuContext) machine.vcpus().getFirst()).propagation)
                .isSameAs(services.thrown);
        assertThat(services.log).containsSubsequence("create one", "close one", "create two");
        assertThat(machine.statistics().swaps()).isEqualTo(2);
        assertThat(machine.statistics().maxSwapPauseNanos()).isPositive();
        assertThat(machine.running()).isTrue();
        assertThatThrownBy(() -> machine.swapEngine("none"))
                .isInstanceOf(MachineException.class)
                .hasMessageContaining("none");
    }

    @Test
    void aLostServicePausesAndItsReturnResumes() throws Exception {
        machine(1).start();
        services.withdrawn.add(services.one);
        machine.bindings().gone(services.one);
        assertThat(machine.running()).isFalse();
        assertThat(machine.await(LONG))
                .isEqualTo(new VcpuExit.Paused("required service engine one is gone"));
        assertThat(services.log).endsWith("close one");
        machine.bindings()
                .returned(services.two); // another engine is not what this machine runs on
        assertThat(machine.running()).isFalse();
        CountDownLatch again = new CountDownLatch(1);
        services.then(retire(again::countDown));
        services.withdrawn.remove(services.one);
        machine.bindings().returned(services.one);
        HangGuard.await(again, "event again");
        services.withdrawn.add(services.coded);
        machine.bindings().gone(services.coded);
        assertThat(machine.await(LONG).toString()).contains("fault style coded is gone");
    }

    /** The machine is swapped to another style while it learns that its own went. */
    @Test
    void aServiceThatGoesWhileItIsSwappedAwayIsNotMissed() throws Exception {
        machine(1).start();
        AtomicReference<Throwable> failed = new AtomicReference<>();
        services.withdrawn.add(services.coded);
        services.coded.asked =
                () -> {
                    services.coded.asked = () -> {};
                    try {
                        machine.swapFaultStyle("thrown");
                    } catch (MachineException e) {
                        failed.set(e);
                    }
                };
        machine.bindings().gone(services.coded);
        assertThat(failed.get()).isNull();
        CountDownLatch again = new CountDownLatch(1);
        services.then(retire(again::countDown));
        HangGuard.await(again, "the guest goes on");
        assertThat(machine.faultStyle()).isEqualTo("thrown");
        assertThat(machine.running()).isTrue();
    }

    /** The style that a machine is swapped to goes when it has been found, and is not bound yet. */
    @Test
    void aServiceThatGoesBeforeItIsBoundIsMissed() throws Exception {
        machine(1).start();
        services.found =
                () -> {
                    services.found = () -> {};
                    services.withdrawn.add(services.thrown);
                    machine.bindings().gone(services.thrown);
                };
        machine.swapFaultStyle("thrown");
        assertThat(machine.await(LONG).toString()).contains("fault style thrown is gone");
        services.withdrawn.remove(services.thrown);
        machine.bindings().returned(services.thrown);
        CountDownLatch again = new CountDownLatch(1);
        services.then(retire(again::countDown));
        HangGuard.await(again, "the guest goes on");
        assertThat(machine.running()).isTrue();
    }

    // ---- state

    @Test
    void stateMovesToAnotherMachine() throws Exception {
        services.then(
                retire(() -> {
                    VcpuContext v = (VcpuContext) machine.vcpus().getFirst();
                    v.gpr[3] = 0x1234_5678_9ABC_DEF0L;
                    v.rip = 0xABC;
                    v.setFlags(VcpuContext.CF | VcpuContext.OF | VcpuContext.IF | 2);
                    v.xmm[31] = -2;
                    v.bus.portOut(0x100, 1, 0x55);
                    machine.pause("to save");
                }));
        machine(1).start();
        machine.await(LONG);
        List<StateSection> saved = machine.saveState();
        long nanos = machine.clock().nanos();
        FakeServices others = new FakeServices();
        try (PcMachine copy =
                PcMachine.create(
                        new MachineConfig("copy", 4 << 20, 1, "two", "thrown", List.of()),
                        others)) {
            copy.loadState(saved);
            assertThat(copy.saveState()).isEqualTo(saved);
            assertThat(copy.clock().nanos()).isEqualTo(nanos);
            assertThat(copy.vcpus().getFirst().getFlags())
                    .isEqualTo(VcpuContext.CF | VcpuContext.OF | VcpuContext.IF | 2);
            assertThat(others.chips.value).isEqualTo(0x55);
        }
    }

    @Test
    void stateThatDoesNotFitIsRefused() throws Exception {
        List<StateSection> saved = machine(1).saveState();
        assertThatThrownBy(() -> machine.loadState(saved.subList(0, 1)))
                .isInstanceOf(MachineException.class)
                .hasMessageContaining("lacks the section vcpu0");
        List<StateSection> more = new ArrayList<>(saved);
        more.add(new StateSection("disk", 1));
        assertThatThrownBy(() -> machine.loadState(more)).hasMessageContaining("disk");
        saved.get(1).put("activity", 77);
        assertThatThrownBy(() -> machine.loadState(saved)).hasMessageContaining("77");
    }

    @Test
    void aNewerSectionIsToldApart() throws Exception {
        List<StateSection> saved = new ArrayList<>(machine(1).saveState());
        saved.replaceAll(s -> s.id().equals("fake") ? s.withVersion(2) : s);
        assertThatThrownBy(() -> machine.loadState(saved))
                .hasMessageContaining("section fake has version 2, this machine reads 1")
                .isInstanceOfSatisfying(
                        StateException.class,
                        e -> assertThat(e.kind()).isEqualTo(StateException.Kind.NEWER));
    }

    /** What is due when the machine is saved has happened in what is saved. */
    @Test
    void dueAlarmsRunBeforeTheStateIsTaken() throws Exception {
        machine(1).start();
        machine.pause("test");
        long now = machine.clock().nanos();
        services.log.clear();
        services.chips.alarm.at(now);
        assertThat(services.log).isEmpty();
        machine.saveState();
        assertThat(services.log).containsExactly("alarm");
        services.chips.alarm.at(now + 1);
        machine.saveState();
        assertThat(services.log).containsExactly("alarm");
    }

    /** What another vCPU sent and this one has not obeyed yet. */
    @Test
    void messagesOnTheirWayAreSaved() throws Exception {
        PcMachine m = machine(2);
        m.runners()[1].init();
        m.runners()[1].startup(0x9A);
        List<StateSection> saved = m.saveState();
        FakeServices others = new FakeServices();
        try (PcMachine copy =
                PcMachine.create(
                        new MachineConfig("copy", 4 << 20, 2, "one", "coded", List.of()), others)) {
            copy.loadState(saved);
            assertThat(copy.saveState()).isEqualTo(saved);
            CountDownLatch obeyed = new CountDownLatch(1);
            others.spinning =
                    v -> {
                        if (v.index == 1) {
                            obeyed.countDown();
                        }
                    };
            copy.start();
            HangGuard.await(obeyed, "event obeyed");
            copy.pause("test");
            assertThat(copy.runners()[1].waitsForSipi).isFalse();
            assertThat(copy.vcpus().get(1).segBase[1]).isEqualTo(0x9A000);
        }
    }

    @Test
    void savingARunningMachineIsRefused() throws Exception {
        machine(1).start();
        // clock: to give an end by mistake its chance
        assertThat(machine.await(Duration.ofMillis(20))).isNull();
        assertThatThrownBy(machine::saveState).isInstanceOf(IllegalStateException.class);
        List<List<StateSection>> saved = new ArrayList<>();
        machine.quiesce(() -> saved.add(machine.saveState()));
        assertThat(saved).hasSize(1);
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
