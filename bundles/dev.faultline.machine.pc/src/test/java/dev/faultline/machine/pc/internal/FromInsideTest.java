// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal;

import static dev.faultline.machine.pc.internal.FakeServices.retire;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.api.device.Board;
import dev.faultline.api.device.ChipsetFactory;
import dev.faultline.api.device.DeviceFactory;
import dev.faultline.api.device.PortDevice;
import dev.faultline.api.device.StateSection;
import dev.faultline.api.device.Stateful;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.fault.FaultOrigin;
import dev.faultline.api.fault.PendingFault;
import dev.faultline.api.fault.Resolution;
import dev.faultline.api.protection.ProtectionLayer;
import dev.faultline.api.protection.Rights;
import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.api.vm.MachineListener;
import dev.faultline.api.vm.VcpuExit;
import dev.faultline.testkit.HangGuard;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Predicate;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * What others' code may do to its own machine from inside it: nothing deadlocks, whatever it calls
 * is done, or soon done by another thread, or refused.
 */
class FromInsideTest {
    private static final Duration LONG = HangGuard.limit();
    private static final long PAGE = 0x5000;

    /** Where others' code runs. */
    enum Where {
        HANDLER,
        DEVICE,
        ALARM
    }

    private interface Action {
        void run() throws Exception;
    }

    private final FakeServices services = new FakeServices();
    private final MachineRegistry registry = new MachineRegistry();
    private final MachineSettings.Config config = PcMachineFactoryTest.config("one", "coded");
    private final ChipsetFactory chips = services.chipset();
    private OpenFactory opened = open();
    private final AtomicReference<Throwable> failure = new AtomicReference<>();
    private final DeviceFactory latch = Latch::new;
    private PcMachine machine;

    private OpenFactory open() {
        return new OpenFactory(
                registry, services.memory(), services.protection(), services.mmu(), chips, config);
    }

    private PcMachine machine(int vcpus) throws Exception {
        registry.bindEngine(services.one, Map.of());
        registry.bindStyle(services.coded, Map.of());
        registry.bindDevice(latch, Map.of(DeviceFactory.NAME, "latch"));
        machine =
                (PcMachine)
                        opened.factory.create(
                                new MachineConfig(
                                        "vm", 8 << 20, vcpus, "one", "coded", List.of("latch")));
        return machine;
    }

    @AfterEach
    void close() {
        if (machine != null) {
            machine.close();
        }
    }

    private static final class Latch implements PortDevice, Stateful {
        private int value;

        Latch(Board board) {
            board.claimPorts(this, 0, 0x300, 1);
        }

        @Override
        public String id() {
            return "latch";
        }

        @Override
        public int portRead(int range, int offset, int size) {
            return value;
        }

        @Override
        public void portWrite(int range, int offset, int size, int v) {
            value = v;
        }

        @Override
        public int stateVersion() {
            return 1;
        }

        @Override
        public void save(StateSection to) {
            to.put("value", value);
        }

        @Override
        public void load(StateSection from) {
            value = from.getInt("value");
        }
    }

    private static FakeServices.Instruction write(FakeServices services, long gpa) {
        return v -> {
            int rights = services.protection.rightsOf(gpa >>> 12);
            if ((rights & Rights.W) == 0) {
                v.fault.protectedPage(
                        Rights.W,
                        rights,
                        FaultOrigin.DATA,
                        gpa,
                        gpa,
                        -1,
                        PendingFault.FINAL_ACCESS);
                v.fault.rip = v.rip;
                return dev.faultline.api.engine.VcpuLoop.EXIT_FAULT;
            }
            v.instructions++;
            return 0;
        };
    }

    /**
     * Has {@code action} run there, in a started machine.
     *
     * @return when it is over
     */
    private CountDownLatch run(Where where, Action action) {
        CountDownLatch over = new CountDownLatch(1);
        Runnable body =
                () -> {
                    try {
                        action.run();
                    } catch (Throwable e) { // told to the test's thread
                        failure.set(e);
                    } finally {
                        over.countDown();
                    }
                };
        switch (where) {
            case HANDLER -> {
                ProtectionLayer[] layer = new ProtectionLayer[1];
                layer[0] =
                        machine.protection()
                                .addLayer(
                                        "inside",
                                        (name, fault) -> {
                                            body.run();
                                            layer[0].protectPage(fault.gfn(), Rights.RWX);
                                            return Resolution.RETRY;
                                        });
                layer[0].protect(PAGE, 1, Rights.NONE);
                services.then(write(services, PAGE));
            }
            case DEVICE -> services.then(retire(body));
            case ALARM -> services.chips.board.timer(services.chips, body).at(0);
        }
        machine.start();
        return over;
    }

    private void runs() throws Exception {
        await("it runs", PcMachine::running); // what was left to another thread is done
        CountDownLatch again = new CountDownLatch(1);
        services.then(retire(again::countDown));
        HangGuard.await(again, "the guest goes on");
    }

    private void over(CountDownLatch latch) throws Exception {
        HangGuard.await(latch, "it returns");
        assertThat(failure.get()).isNull();
    }

    // ---- services go and come

    private void comesAndGoes(String what) {
        switch (what) {
            case "device" -> {
                registry.unbindDevice(latch);
                registry.bindDevice(latch, Map.of(DeviceFactory.NAME, "latch"));
            }
            case "engine" -> {
                registry.unbindEngine(services.one);
                registry.bindEngine(services.one, Map.of());
            }
            case "style" -> {
                registry.unbindStyle(services.coded);
                registry.bindStyle(services.coded, Map.of());
            }
            default -> {
                opened.settings.shut();
                opened = open();
            }
        }
    }

    @ParameterizedTest
    @CsvSource({
        "HANDLER, device",
        "HANDLER, engine",
        "HANDLER, style",
        "HANDLER, basics",
        "DEVICE, device",
        "DEVICE, engine",
        "DEVICE, style",
        "DEVICE, basics",
        "ALARM, device",
        "ALARM, engine",
        "ALARM, style",
        "ALARM, basics"
    })
    void aServiceThatGoesAndComesThere(Where where, String what) throws Exception {
        machine(2);
        ((VcpuContext) machine.vcpus().getFirst()).bus.portOut(0x300, 1, 0x5A);
        over(run(where, () -> comesAndGoes(what)));
        runs();
        assertThat(((VcpuContext) machine.vcpus().getFirst()).bus.portIn(0x300, 1)).isEqualTo(0x5A);
    }

    @ParameterizedTest
    @EnumSource
    void aDeviceThatGoesThereIsUnpluggedAndItsMachineStands(Where where) throws Exception {
        machine(1);
        over(run(where, () -> registry.unbindDevice(latch)));
        assertThat(machine.await(LONG))
                .isEqualTo(new VcpuExit.Paused("required service device latch is gone"));
        await("it is unplugged", m -> m.added().gone("latch"));
        registry.bindDevice(latch, Map.of(DeviceFactory.NAME, "latch"));
        runs();
    }

    private void await(String what, Predicate<PcMachine> condition) {
        HangGuard.until(what, () -> condition.test(machine));
    }

    /** Others bring the machine to a stand all the time, and wait for the vCPU that waits too. */
    @ParameterizedTest
    @CsvSource({"device", "engine", "style", "basics"})
    void whileOthersStandTheMachine(String what) throws Exception {
        machine(2);
        AtomicInteger stands = new AtomicInteger();
        AtomicBoolean stop = new AtomicBoolean();
        Thread other =
                Thread.ofPlatform()
                        .start(() -> {
                            while (!stop.get()) {
                                machine.quiesce(stands::incrementAndGet);
                            }
                        });
        over(
                run(
                        Where.HANDLER,
                        () -> {
                            for (int i = 0; i < 200; i++) {
                                comesAndGoes(what);
                            }
                        }));
        runs();
        HangGuard.until("the other one had its turn", () -> stands.get() > 0);
        stop.set(true);
        HangGuard.join(other);
    }

    @Test
    void theReasonNamesWhatIsStillMissing() throws Exception {
        machine(1).start();
        registry.unbindEngine(services.one);
        registry.unbindStyle(services.coded);
        assertThat(machine.await(LONG))
                .isEqualTo(
                        new VcpuExit.Paused(
                                "required services engine one, fault style coded are gone"));
        registry.bindEngine(services.one, Map.of());
        assertThat(machine.await(LONG))
                .isEqualTo(new VcpuExit.Paused("required service fault style coded is gone"));
        registry.unbindChipset(chips);
        opened.settings.shut();
        assertThat(machine.await(LONG))
                .isEqualTo(
                        new VcpuExit.Paused("required services chips, fault style coded are gone"));
        opened = open();
        registry.bindStyle(services.coded, Map.of());
        runs();
    }

    // ---- what the machine is told

    @ParameterizedTest
    @EnumSource
    void closingIsRefused(Where where) throws Exception {
        machine(1);
        over(
                run(
                        where,
                        () ->
                                assertThatThrownBy(machine::close)
                                        .isInstanceOf(IllegalStateException.class)
                                        .hasMessage("close: called on a thread of machine vm")));
        runs();
    }

    @ParameterizedTest
    @EnumSource
    void waitingForItsOwnEndIsRefused(Where where) throws Exception {
        machine(1);
        over(
                run(
                        where,
                        () -> {
                            assertThat(machine.await(Duration.ZERO)).isNull();
                            assertThatThrownBy(() -> machine.await(LONG))
                                    .isInstanceOf(IllegalStateException.class)
                                    .hasMessage("await: called on a thread of machine vm");
                            assertThatThrownBy(machine::saveState)
                                    .isInstanceOf(IllegalStateException.class);
                            assertThatThrownBy(() -> machine.loadState(List.of()))
                                    .isInstanceOf(IllegalStateException.class);
                        }));
        runs();
    }

    @ParameterizedTest
    @EnumSource
    void aPauseIsTakenBack(Where where) throws Exception {
        machine(2);
        over(
                run(
                        where,
                        () -> {
                            machine.pause("a moment");
                            machine.start();
                        }));
        runs();
    }

    @ParameterizedTest
    @EnumSource
    void aSwapIsMadeOrRefused(Where where) throws Exception {
        machine(2);
        registry.bindEngine(services.two, Map.of());
        over(
                run(
                        where,
                        () -> {
                            if (where == Where.HANDLER) {
                                machine.swapEngine("two");
                            } else {
                                assertThatThrownBy(() -> machine.swapEngine("two"))
                                        .isInstanceOf(IllegalStateException.class)
                                        .hasMessageContaining("inside an instruction or an alarm");
                            }
                        }));
        runs();
        assertThat(machine.engine()).isEqualTo(where == Where.HANDLER ? "two" : "one");
    }

    // ---- listeners

    /** Two listeners, each inside its own call on another thread, make a machine each. */
    @Test
    void listenersDoNotWaitForEachOther() throws Exception {
        machine(1);
        CyclicBarrier both = new CyclicBarrier(2);
        AtomicInteger told = new AtomicInteger();
        MachineListener a = listener("a", both, told);
        MachineListener b = listener("vm", both, told);
        registry.bindListener(a, Map.of());
        Thread other = Thread.ofPlatform().start(() -> make("a"));
        registry.bindListener(b, Map.of());
        HangGuard.join(other);
        assertThat(failure.get()).isNull();
        await(
                "all are told",
                m -> told.get() == 8); // each of vm, a, and the two that the listeners made
        registry.unbindListener(a);
        registry.unbindListener(b);
        opened.factory.machines().forEach(Machine::close);
        assertThat(told.get()).isEqualTo(8);
    }

    private Machine make(String name) {
        try {
            return opened.factory.create(
                    new MachineConfig(name, 8 << 20, 1, "one", "coded", List.of()));
        } catch (Exception e) {
            failure.set(e);
            throw new IllegalStateException(e);
        }
    }

    private MachineListener listener(String of, CyclicBarrier both, AtomicInteger told) {
        AtomicBoolean wanted = new AtomicBoolean(true);
        return new MachineListener() {
            @Override
            public void machineCreated(Machine m) {
                told.incrementAndGet();
                if (m.config().name().equals(of) && wanted.getAndSet(false)) {
                    try {
                        HangGuard.meet(both);
                        make("by " + of);
                    } catch (Exception e) {
                        failure.set(e);
                    }
                }
            }
        };
    }
}
