// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal;

import static dev.faultline.machine.pc.internal.FakeServices.retire;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.api.device.StateSection;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.api.vm.MachineException;
import dev.faultline.api.vm.StateException;
import dev.faultline.testkit.HangGuard;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;

/** What a machine saves and loads: all of it, and nothing that does not fit. */
class PcMachineStateTest extends OneMachine {
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
}
