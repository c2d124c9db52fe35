// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.api.cpu.GuestBus;
import dev.faultline.api.device.Board;
import dev.faultline.api.device.DeviceFactory;
import dev.faultline.api.device.InterruptLine;
import dev.faultline.api.device.PortDevice;
import dev.faultline.api.device.TimerHandle;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineException;
import dev.faultline.api.vm.VcpuExit;
import dev.faultline.testkit.HangGuard;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Whatever a device throws, wherever: it costs no machine, and the device is named. */
class DeviceContainmentTest extends FailingParts {
    @ParameterizedTest
    @EnumSource(Thrown.class)
    void aDeviceThatFailsWhileItIsMadeIsNamedAndLeavesNothing(Thrown what) throws Exception {
        open();
        thrown = what;
        DeviceFactory bad = Bad::new;
        device("bad", bad);
        failing.add("device.constructor");

        assertThatThrownBy(() -> create("bad"))
                .isInstanceOf(MachineException.class)
                .hasMessageStartingWith("device bad cannot be made by ");

        failing.clear();
        Machine m = create("bad");
        assertThat(((VcpuContext) m.vcpus().getFirst()).bus.portIn(0x300, 1)).isEqualTo(7);
        // Again under a machine that lives: what it claimed must be free for its successor.
        m.start();
        registry.unbindDevice(bad);
        failing.add("device.constructor");
        device("bad", bad);
        assertThat(m.running()).isFalse();
        registry.unbindDevice(bad);
        failing.clear();
        device("bad", bad);
        assertThat(m.running()).isTrue();
        assertThat(((VcpuContext) m.vcpus().getFirst()).bus.portIn(0x300, 1)).isEqualTo(7);
    }

    @ParameterizedTest
    @EnumSource(Thrown.class)
    void aDeviceThatFailsInAnAccessPausesTheMachineWithItsName(Thrown what) throws Exception {
        open();
        thrown = what;
        device("bad", Bad::new);
        Machine m = create("bad");
        GuestBus bus = ((VcpuContext) m.vcpus().getFirst()).bus;
        for (String call : List.of("portRead", "portWrite")) {
            failing.add("device." + call);
            failing.add("device.id");
            m.start();
            if (call.equals("portRead")) {
                assertThat(bus.portIn(0x300, 1)).isEqualTo(0xFF);
            } else {
                bus.portOut(0x300, 1, 1);
            }
            VcpuExit exit = m.await(LONG);
            assertThat(exit).isInstanceOf(VcpuExit.Paused.class);
            assertThat(exit.toString()).contains("device bad, ", Bad.class.getName(), "failed");
            failing.clear();
        }
        m.start();
        assertThat(bus.portIn(0x300, 1)).isEqualTo(7);
        assertThat(m.running()).isTrue();
    }

    @ParameterizedTest
    @EnumSource(Thrown.class)
    void anAlarmThatFailsDoesNotEndTheTimer(Thrown what) throws Exception {
        open();
        thrown = what;
        Bad[] made = new Bad[1];
        device("bad", board -> made[0] = new Bad(board));
        CountDownLatch rang = new CountDownLatch(1);
        TimerHandle[] other = new TimerHandle[1];
        device(
                "bell",
                board ->
                        new PortDevice() {
                            {
                                other[0] = board.timer(this, rang::countDown);
                            }

                            @Override
                            public String id() {
                                return "bell";
                            }

                            @Override
                            public int portRead(int range, int offset, int size) {
                                return 0;
                            }

                            @Override
                            public void portWrite(int range, int offset, int size, int v) {}
                        });
        Machine m = create("bad", "bell");
        failing.add("device.alarm");
        m.start();
        made[0].alarm.at(0);
        assertThat(m.await(LONG).toString()).contains("device bad, ", "failed");

        failing.clear();
        m.start();
        other[0].at(0);

        HangGuard.await(rang, "event rang");
    }

    @ParameterizedTest
    @EnumSource(Thrown.class)
    void aDeviceThatCannotBeSavedIsNamedAndTheMachineGoesOn(Thrown what) throws Exception {
        open();
        thrown = what;
        device("bad", Bad::new);
        Machine m = create("bad");
        for (String call : List.of("id", "stateVersion", "stateOptional", "save")) {
            m.start();
            failing.add("device." + call);
            assertThatThrownBy(() -> m.quiesce(m::saveState))
                    .as(call)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("cannot save its state")
                    .hasMessageContaining(Bad.class.getName());
            failing.clear();
            assertThat(m.running()).isTrue();
            m.quiesce(m::saveState);
        }
    }

    @Test
    void aDeviceThatWasPulledOutRaisesNoLine() throws Exception {
        open();
        InterruptLine[] line = new InterruptLine[1];
        Board[] kept = new Board[1];
        DeviceFactory bad =
                board -> {
                    kept[0] = board;
                    line[0] = board.interrupt(5);
                    return new Bad(board);
                };
        device("bad", bad);
        Machine m = create("bad");
        line[0].set(true);
        assertThat(services.chips.port.vector).isEqualTo(5);
        line[0].set(false);

        registry.unbindDevice(bad);

        assertThatThrownBy(() -> line[0].set(true))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("device bad was taken out of the machine");
        line[0].set(false);
        assertThat(services.chips.port.vector).isNegative();
        assertThatThrownBy(() -> kept[0].interrupt(5)).hasMessageContaining("taken out");
        assertThatThrownBy(() -> kept[0].requestReset("no")).hasMessageContaining("taken out");
        assertThatThrownBy(() -> kept[0].requestPowerOff("no")).hasMessageContaining("taken out");
        assertThatThrownBy(() -> kept[0].requestExit(1, "no")).hasMessageContaining("taken out");
        assertThat(m.running()).isFalse();
    }
}
