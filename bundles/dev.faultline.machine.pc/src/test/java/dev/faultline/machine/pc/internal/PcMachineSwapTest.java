// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal;

import static dev.faultline.machine.pc.internal.FakeServices.retire;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.vm.MachineException;
import dev.faultline.api.vm.VcpuExit;
import dev.faultline.testkit.HangGuard;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

/** Engines and styles that are exchanged, go and come back while the machine runs. */
class PcMachineSwapTest extends OneMachine {
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
}
