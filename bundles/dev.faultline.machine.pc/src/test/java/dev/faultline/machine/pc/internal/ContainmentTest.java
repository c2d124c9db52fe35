// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.api.cpu.GuestBus;
import dev.faultline.api.device.Board;
import dev.faultline.api.device.Chipset;
import dev.faultline.api.device.ChipsetFactory;
import dev.faultline.api.device.DeviceFactory;
import dev.faultline.api.device.InterruptLine;
import dev.faultline.api.device.PortDevice;
import dev.faultline.api.device.StateSection;
import dev.faultline.api.device.Stateful;
import dev.faultline.api.device.TimerHandle;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.engine.VcpuEngine;
import dev.faultline.api.memory.GuestMemory;
import dev.faultline.api.memory.GuestMemoryFactory;
import dev.faultline.api.mmu.Mmu;
import dev.faultline.api.mmu.MmuFactory;
import dev.faultline.api.protection.RamProtection;
import dev.faultline.api.protection.RamProtectionFactory;
import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.api.vm.MachineException;
import dev.faultline.api.vm.MachineListener;
import dev.faultline.api.vm.VcpuExit;
import dev.faultline.machine.pc.internal.swap.ListenerRegistry;
import dev.faultline.testkit.HangGuard;
import dev.faultline.testkit.cpu.FakeEngines;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Whatever other people's code throws, wherever: it costs no machine, and is named. */
class ContainmentTest {
    private static final Duration LONG = HangGuard.limit();

    /** What code may throw. */
    enum Thrown {
        EXCEPTION {
            @Override
            Throwable make() {
                return new IllegalStateException("on purpose");
            }
        },
        CHECKED {
            @Override
            Throwable make() {
                return new java.io.IOException("on purpose");
            }
        },
        ERROR {
            @Override
            Throwable make() {
                return new AssertionError("on purpose");
            }
        },
        STACK {
            @Override
            Throwable make() {
                return new StackOverflowError("on purpose");
            }
        },
        /** Its own text throws. */
        UNSPEAKABLE {
            @Override
            Throwable make() {
                return new IllegalStateException() {
                    @Override
                    public String getMessage() {
                        throw new UnsupportedOperationException("no words");
                    }
                };
            }
        };

        abstract Throwable make();

        /** Throws it, declared or not. */
        <R> R now() {
            return ContainmentTest.<RuntimeException, R>sneak(make());
        }
    }

    @SuppressWarnings("unchecked")
    private static <T extends Throwable, R> R sneak(Throwable t) throws T {
        throw (T) t;
    }

    private final FakeServices services = new FakeServices();
    private final MachineRegistry registry = new MachineRegistry();
    private final AtomicInteger memories = new AtomicInteger();

    /** Names of the methods that throw {@link #thrown} instead of doing what they do. */
    private final Set<String> failing = java.util.concurrent.ConcurrentHashMap.newKeySet();

    private volatile Thrown thrown = Thrown.EXCEPTION;
    private PcMachineFactory factory;
    private MmuFactory mmu;

    /** The real thing, but that {@link #failing} methods throw after they have done their work. */
    @SuppressWarnings("unchecked")
    private <T> T fragile(Class<T> type, T real, String name) {
        return (T)
                Proxy.newProxyInstance(
                        type.getClassLoader(),
                        new Class<?>[] {type},
                        (self, method, a) -> {
                            Object result;
                            try {
                                method.setAccessible(true);
                                result = method.invoke(real, a);
                            } catch (InvocationTargetException e) {
                                throw e.getCause();
                            }
                            if (method.getName().equals("close") && type == GuestMemory.class) {
                                memories.decrementAndGet();
                            }
                            return failing.contains(name + "." + method.getName())
                                    ? thrown.now()
                                    : result;
                        });
    }

    private void open() {
        GuestMemoryFactory memory =
                bits -> {
                    memories.incrementAndGet();
                    return fragile(GuestMemory.class, services.memory().create(bits), "memory");
                };
        RamProtectionFactory protection =
                m -> fragile(RamProtection.class, services.protection().create(m), "protection");
        mmu = (m, p) -> fragile(Mmu.class, services.mmu().create(m, p), "mmu");
        ChipsetFactory chips =
                (board, host, vcpus, ram) ->
                        fragile(
                                Chipset.class,
                                services.chipset().create(board, host, vcpus, ram),
                                "chips");
        factory =
                PcMachineFactoryTest.open(
                        registry,
                        memory,
                        protection,
                        mmu,
                        chips,
                        PcMachineFactoryTest.config("one", "coded"));
        registry.bindEngine(
                new FakeEngines(
                        "one",
                        services.one.cpuid(),
                        v -> fragile(VcpuEngine.class, services.one.create(v), "engine")),
                Map.of());
        registry.bindStyle(services.coded, Map.of());
    }

    private Machine create(String... devices) throws MachineException {
        return factory.create(
                new MachineConfig("vm", 8 << 20, 1, "one", "coded", List.of(devices)));
    }

    private void device(String name, DeviceFactory f) {
        registry.bindDevice(f, Map.of(DeviceFactory.NAME, name));
    }

    @AfterEach
    void nothingIsLeft() {
        factory.machines().forEach(Machine::close);
        assertThat(factory.machines()).isEmpty();
        assertThat(memories).hasValue(0);
    }

    /** Does what {@link #fragile} says at each call, by name. */
    private class Bad implements PortDevice, Stateful {
        final TimerHandle alarm;

        Bad(Board board) {
            board.claimPorts(this, 0, 0x300, 1);
            alarm = board.timer(this, () -> at("alarm"));
            at("constructor");
        }

        void at(String where) {
            if (failing.contains("device." + where)) {
                thrown.now();
            }
        }

        @Override
        public String id() {
            at("id");
            return "bad";
        }

        @Override
        public int portRead(int range, int offset, int size) {
            at("portRead");
            return 7;
        }

        @Override
        public void portWrite(int range, int offset, int size, int value) {
            at("portWrite");
        }

        @Override
        public int stateVersion() {
            at("stateVersion");
            return 1;
        }

        @Override
        public boolean stateOptional() {
            at("stateOptional");
            return false;
        }

        @Override
        public void save(StateSection to) {
            at("save");
        }

        @Override
        public void load(StateSection from) {
            at("load");
        }

        @Override
        public void close() {
            at("close");
        }
    }

    @ParameterizedTest
    @EnumSource(Thrown.class)
    void whateverAReleaseThrowsTheRestIsReleased(Thrown what) throws Exception {
        open();
        thrown = what;
        failing.addAll(
                Set.of(
                        "device.close",
                        "engine.close",
                        "chips.close",
                        "mmu.detach",
                        "mmu.close",
                        "protection.close",
                        "memory.close"));
        device("bad", Bad::new);
        Machine m = create("bad");
        m.start();

        m.close();

        assertThat(memories).hasValue(0);
        assertThat(services.log).contains("close chips", "close one");
        m.close();
    }

    @ParameterizedTest
    @EnumSource(Thrown.class)
    void whateverAListenerThrowsCostsNoMachine(Thrown what) throws Exception {
        open();
        AtomicInteger told = new AtomicInteger();
        MachineListener bad =
                new MachineListener() {
                    @Override
                    public void machineCreated(Machine m) {
                        what.now();
                    }

                    @Override
                    public void machineStarting(Machine m) {
                        what.now();
                    }

                    @Override
                    public void machineClosing(Machine m) {
                        what.now();
                    }
                };
        MachineListener good =
                new MachineListener() {
                    @Override
                    public void machineClosing(Machine m) {
                        told.incrementAndGet();
                    }
                };
        registry.bindListener(bad, Map.of());
        registry.bindListener(good, Map.of());

        Machine m = create();
        m.start();
        assertThat(m.running()).isTrue();
        m.close();

        assertThat(told).hasValue(1);
        assertThat(memories).hasValue(0);
    }

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

    @Test
    void factoriesThatGiveNothingAreRefused() {
        open();
        device("none", board -> null);
        assertThatThrownBy(() -> create("none"))
                .isInstanceOf(MachineException.class)
                .hasMessageContaining("device none")
                .hasMessageContaining("made none (null)")
                .hasMessageContaining(getClass().getName());
        registry.bindEngine(new FakeEngines("empty", services.one.cpuid(), v -> null), Map.of());
        assertThatThrownBy(() ->
                        factory.create(
                                new MachineConfig("vm", 8 << 20, 1, "empty", "coded", List.of())))
                .isInstanceOf(MachineException.class)
                .hasMessageContaining("engine of vCPU 0")
                .hasMessageContaining("made none (null)");
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
    void anInterruptedThreadClosesAMachineAndItsMemoryIsReleased() throws Exception {
        open();
        Machine m = create();
        m.start();

        Thread.currentThread().interrupt();
        try {
            m.close();
        } finally {
            assertThat(Thread.interrupted()).isTrue();
        }

        assertThat(memories).hasValue(0);
        assertThat(factory.machines()).isEmpty();
    }

    @ParameterizedTest
    @EnumSource(Thrown.class)
    void anEngineThatCannotBeMadeLeavesTheFormerOne(Thrown what) throws Exception {
        open();
        AtomicInteger made = new AtomicInteger();
        registry.bindEngine(
                new FakeEngines(
                        "broken",
                        services.one.cpuid(),
                        v -> made.getAndIncrement() == 0 ? services.one.create(v) : what.now()),
                Map.of());
        Machine m = factory.create(new MachineConfig("vm", 8 << 20, 2, "one", "coded", List.of()));
        m.start();

        assertThatThrownBy(() -> m.swapEngine("broken"))
                .isInstanceOf(MachineException.class)
                .hasMessageContaining("engine broken")
                .hasMessageContaining("engine one and fault style coded go on");

        assertThat(m.engine()).isEqualTo("one");
        assertThat(m.running()).isTrue();
        long before = m.statistics().instructions();
        while (m.statistics().instructions() == before) {
            assertThat(m.running()).isTrue();
            Thread.onSpinWait();
        }
    }

    /**
     * A listener on another thread does not return: others are told of it, and wait for it once.
     */
    @Test
    void aListenerThatHangsHoldsUpNobodyElse() throws Exception {
        open();
        CountDownLatch in = new CountDownLatch(1);
        CountDownLatch out = new CountDownLatch(1);
        List<String> told = new CopyOnWriteArrayList<>();
        MachineListener hangs =
                new MachineListener() {
                    @Override
                    public void machineStarting(Machine m) {
                        in.countDown();
                        try {
                            HangGuard.await(out, "the test lets it go");
                        } catch (InterruptedException e) {
                            throw new AssertionError(e);
                        }
                        told.add("starting");
                    }

                    @Override
                    public void machineClosing(Machine m) {
                        told.add("closing");
                    }
                };
        registry.bindListener(hangs, Map.of());
        registry.use(1);
        Machine m = create();
        Thread starts = Thread.ofPlatform().start(m::start);
        HangGuard.await(in, "the listener is told");

        try (Logged log = new Logged(ListenerRegistry.class)) {
            m.close();
            registry.unbindListener(hangs);

            assertThat(log.lines())
                    .singleElement()
                    .asString()
                    .contains("machine listener " + hangs.getClass().getName())
                    .contains("has not returned", "what it was not told yet waits for it");
        }
        assertThat(memories).hasValue(0);
        out.countDown();
        starts.join();
        assertThat(told).containsExactly("starting", "closing");
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

    /** The second of two vCPUs cannot be attached to the translation that comes. */
    @ParameterizedTest
    @EnumSource(Thrown.class)
    void aTranslationThatFailsHalfWayLeavesTheFormerOne(Thrown what) throws Exception {
        open();
        List<String> log = new CopyOnWriteArrayList<>();
        MmuFactory broken =
                (memory, rights) ->
                        (Mmu)
                                Proxy.newProxyInstance(
                                        Mmu.class.getClassLoader(),
                                        new Class<?>[] {Mmu.class},
                                        (self, method, a) -> {
                                            log.add(method.getName());
                                            return method.getName().equals("attach")
                                                            && ((VcpuContext) a[0]).index == 1
                                                    ? what.now()
                                                    : null;
                                        });
        PcMachine m =
                (PcMachine)
                        factory.create(
                                new MachineConfig("vm", 8 << 20, 2, "one", "coded", List.of()));
        Mmu before = m.bindings().mmu();
        m.start();

        registry.unbindMmu(mmu);
        registry.bindMmu(broken, Map.of());
        factory.bindMmu(broken);

        assertThat(m.await(LONG).toString()).contains("the new protection or translation failed");
        assertThat(log).containsExactly("attach", "attach", "close");
        assertThat(m.bindings().mmu()).isSameAs(before);
        assertThat(m.vcpus()).allSatisfy(v -> assertThat(((VcpuContext) v).mmu).isSameAs(before));
        registry.unbindMmu(broken);
        registry.bindMmu(mmu, Map.of());
        factory.bindMmu(mmu);
        m.start();
        assertThat(m.running()).isTrue();
    }
}
