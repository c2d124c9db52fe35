// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.api.cpu.GuestBus;
import dev.faultline.api.device.Board;
import dev.faultline.api.device.DeviceFactory;
import dev.faultline.api.device.PortDevice;
import dev.faultline.api.device.StateSection;
import dev.faultline.api.device.Stateful;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.api.vm.MachineException;
import dev.faultline.api.vm.MachineListener;
import dev.faultline.api.vm.VcpuExit;
import dev.faultline.machine.pc.internal.state.MigrationsTest;
import dev.faultline.testkit.HangGuard;
import java.lang.annotation.Annotation;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PcMachineFactoryTest {
    private static final long MIB = 1 << 20;
    private final FakeServices services = new FakeServices();
    private final MachineRegistry registry = new MachineRegistry();
    private final OpenFactory opened = new OpenFactory(registry, services, config("one", "coded"));
    private final PcMachineFactory factory = opened.factory;

    static MachineSettings.Config config(String engine, String style) {
        return new MachineSettings.Config() {
            @Override
            public long handler_deadline() {
                return 600_000; // a busy host may not run a handler for a while
            }

            @Override
            public int handler_failures() {
                return 3;
            }

            @Override
            public long stand_deadline() {
                return 600_000;
            }

            @Override
            public int livelock_faults() {
                return 1000;
            }

            @Override
            public String engine() {
                return engine;
            }

            @Override
            public String fault_style() {
                return style;
            }

            @Override
            public Class<? extends Annotation> annotationType() {
                return MachineSettings.Config.class;
            }
        };
    }

    private void bindAll() {
        registry.bindEngine(services.one, Map.of());
        registry.bindEngine(services.two, Map.of());
        registry.bindStyle(services.coded, Map.of());
        registry.bindStyle(services.thrown, Map.of());
    }

    private static MachineConfig asked(
            long ram, int vcpus, String engine, String style, String... devices) {
        return new MachineConfig("vm", ram, vcpus, engine, style, List.of(devices));
    }

    private Machine create(String engine, String style) throws MachineException {
        return factory.create(asked(8 * MIB, 1, engine, style));
    }

    @AfterEach
    void close() {
        factory.machines().forEach(Machine::close);
    }

    @Test
    void theConfigurationsDefaultsFillTheGaps() throws Exception {
        bindAll();
        Machine m = create(null, "");
        assertThat(m.engine()).isEqualTo("one");
        assertThat(m.faultStyle()).isEqualTo("coded");
        assertThat(m.config().engine()).isEqualTo("one");
        assertThat(factory.machines()).containsExactly(m);
        m.close();
        assertThat(factory.machines()).isEmpty();
    }

    @Test
    void withoutTheUsualEngineAndStyleTheBestThereIsServes() throws Exception {
        PcMachineFactory asShipped =
                new OpenFactory(registry, services, config("interpreter", "coded")).factory;
        registry.bindEngine(services.two, Map.of());
        registry.bindStyle(services.thrown, Map.of());
        try (Machine m = asShipped.create(asked(8 * MIB, 1, null, null))) {
            assertThat(m.engine()).isEqualTo("two");
            assertThat(m.faultStyle()).isEqualTo("thrown");
        }
        PcMachineFactory chosen =
                new OpenFactory(registry, services, config("warp", "coded")).factory;
        assertThatThrownBy(() -> chosen.create(asked(8 * MIB, 1, null, null)))
                .hasMessage(
                        "configuration dev.faultline.machine.pc: engine=warp: unknown engine warp;"
                                + " there is two");
    }

    @ParameterizedTest
    @ValueSource(
            longs = {
                0,
                1,
                3 << 20,
                (4 << 20) + 4096,
                99L << 40,
                -(4L << 20),
                (1L << 40) + (1 << 20)
            })
    void memoryOutOfRangeIsRefused(long ram) {
        bindAll();
        assertThatThrownBy(() -> factory.create(asked(ram, 1, "one", "coded")))
                .isInstanceOf(MachineException.class)
                .hasMessageContainingAll(Long.toString(ram), "4 MiB to 1 TiB");
    }

    @Test
    void whatIsUnknownIsSaidTogetherWithWhatThereIs() {
        assertThatThrownBy(() -> create("one", "coded"))
                .hasMessage("unknown engine one; none is installed");
        bindAll();
        assertThatThrownBy(() -> create("fast", "coded"))
                .hasMessage("unknown engine fast; there is one, two");
        assertThatThrownBy(() -> create("one", "odd"))
                .hasMessage("unknown fault style odd; there is coded, thrown");
        DeviceFactory disk =
                board -> {
                    throw new AssertionError("not asked for");
                };
        registry.bindDevice(disk, Map.of(DeviceFactory.NAME, "disk"));
        assertThatThrownBy(() -> factory.create(asked(8 * MIB, 1, "one", "coded", "tape")))
                .hasMessage("unknown device tape; there is disk");
        assertThatThrownBy(() -> factory.create(asked(8 * MIB, 17, "one", "coded")))
                .hasMessageContaining("17 vCPUs");
        assertThat(factory.engines()).containsExactly("one", "two");
        assertThat(factory.faultStyles()).containsExactly("coded", "thrown");
        assertThat(factory.devices()).containsExactly("disk");
        assertThat(factory.machines()).isEmpty();
    }

    @Test
    void aChangedConfigurationSwapsRunningMachines() throws Exception {
        bindAll();
        Machine m = create(null, null);
        m.start();
        opened.settings.modified(config("two", "thrown"));
        assertThat(m.engine()).isEqualTo("two");
        assertThat(m.faultStyle()).isEqualTo("thrown");
        assertThat(m.statistics().swaps()).isEqualTo(2);
        assertThat(m.running()).isTrue();
        opened.settings.modified(config("none", "thrown")); // logged; the machine stays as it is
        assertThat(m.engine()).isEqualTo("two");
    }

    @Test
    void machinesOutliveTheServicesTheyAreBuiltOn() throws Exception {
        bindAll();
        Machine m = create(null, null);
        m.start();
        opened.settings.shut();
        VcpuExit exit = HangGuard.await(m);
        assertThat(exit.toString()).contains("required service").contains("gone");
        new OpenFactory(registry, services, config("one", "coded"));
        assertThat(m.running()).isTrue();
        registry.unbindEngine(services.one);
        assertThat(m.running()).isFalse();
        registry.bindEngine(services.one, Map.of());
        assertThat(m.running()).isTrue();
    }

    /** Writes down what it is told; fails at each start. */
    private static final class Listener implements MachineListener {
        final List<String> log = new ArrayList<>();

        @Override
        public void machineCreated(Machine m) {
            log.add("created " + m.config().name());
        }

        @Override
        public void machineStarting(Machine m) {
            log.add("starting " + m.config().name());
            throw new IllegalStateException("fails on purpose");
        }

        @Override
        public void machineClosing(Machine m) {
            log.add("closing " + m.config().name() + " of " + m.memory().highestMapped());
        }
    }

    @Test
    void listenersAreToldOfEachMachineFromWhenTheyCameToWhenTheyGo() throws Exception {
        bindAll();
        Listener early = new Listener();
        Listener late = new Listener();
        registry.bindListener(early, Map.of());
        Machine m = create(null, null);
        m.start();
        assertThat(m.running()).isTrue();
        registry.bindListener(late, Map.of());
        registry.unbindListener(early);
        m.pause("test");
        m.start();
        m.close();
        m.close();
        assertThat(early.log).containsExactly("created vm", "starting vm");
        assertThat(late.log)
                .containsExactly("created vm", "starting vm", "closing vm of " + 8 * MIB);
    }

    /** A device with one port that holds a byte. */
    private static class Latch implements PortDevice, Stateful {
        int value;
        boolean closed;

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

        @Override
        public void close() {
            closed = true;
        }
    }

    @Test
    void aDeviceWhoseBundleGoesIsUnpluggedAndGoesOnWhenItReturns() throws Exception {
        bindAll();
        List<Latch> made = new ArrayList<>();
        DeviceFactory before = board -> add(made, new Latch(board));
        DeviceFactory after = board -> add(made, new Latch(board));
        registry.bindDevice(before, Map.of(DeviceFactory.NAME, "latch"));
        Machine m = factory.create(asked(8 * MIB, 1, "one", "coded", "latch"));
        GuestBus bus = ((VcpuContext) m.vcpus().getFirst()).bus;
        bus.portOut(0x300, 1, 0x5A);
        m.start();

        registry.unbindDevice(before);

        assertThat(HangGuard.await(m).toString()).contains("required service device latch is gone");
        assertThat(made.getFirst().closed).isTrue();
        assertThat(bus.portIn(0x300, 1)).isEqualTo(0xFF);
        assertThat(m.saveState())
                .filteredOn(s -> s.id().equals("latch"))
                .singleElement()
                .satisfies(s -> assertThat(s.getLong("value")).isEqualTo(0x5A));

        registry.bindDevice(after, Map.of(DeviceFactory.NAME, "latch"));

        assertThat(m.running()).isTrue();
        assertThat(made).hasSize(2);
        assertThat(bus.portIn(0x300, 1)).isEqualTo(0x5A);
    }

    /** One that a guest can do without. */
    private static final class Lamp extends Latch {
        private final int version;

        Lamp(Board board, int version) {
            super(board);
            this.version = version;
        }

        @Override
        public boolean stateOptional() {
            return true;
        }

        @Override
        public int stateVersion() {
            return version;
        }
    }

    @Test
    void theStateOfAnOptionalDeviceOutlivesAMachineWithoutIt() throws Exception {
        bindAll();
        DeviceFactory lamps = board -> new Lamp(board, 1);
        registry.bindDevice(lamps, Map.of(DeviceFactory.NAME, "lamp"));
        Machine first = factory.create(asked(8 * MIB, 1, "one", "coded", "lamp"));
        ((VcpuContext) first.vcpus().getFirst()).bus.portOut(0x300, 1, 0x5A);
        List<StateSection> saved = first.saveState();
        assertThat(first.config().devices()).containsExactly("lamp?");

        registry.unbindDevice(lamps);
        Machine without = factory.create(first.config());
        without.loadState(saved);
        assertThat(((VcpuContext) without.vcpus().getFirst()).bus.portIn(0x300, 1)).isEqualTo(0xFF);
        assertThat(without.config().devices()).containsExactly("lamp?");
        assertThat(without.saveState()).containsAll(saved).hasSameSizeAs(saved);

        registry.bindDevice(lamps, Map.of(DeviceFactory.NAME, "lamp"));
        Machine last = factory.create(without.config());
        last.loadState(without.saveState());
        assertThat(((VcpuContext) last.vcpus().getFirst()).bus.portIn(0x300, 1)).isEqualTo(0x5A);
        assertThat(last.saveState()).isEqualTo(saved);
    }

    @Test
    void anOptionalDeviceThatWasNotThereYetStartsAsMade() throws Exception {
        bindAll();
        Machine before = factory.create(asked(8 * MIB, 1, "one", "coded"));
        registry.bindDevice(board -> new Lamp(board, 1), Map.of(DeviceFactory.NAME, "lamp"));
        Machine after = factory.create(asked(8 * MIB, 1, "one", "coded", "lamp"));
        after.loadState(before.saveState());
        assertThat(((VcpuContext) after.vcpus().getFirst()).bus.portIn(0x300, 1)).isZero();
    }

    @Test
    void aRequiredDeviceThatIsNotOfferedIsNamed() {
        bindAll();
        assertThatThrownBy(() -> factory.create(asked(8 * MIB, 1, "one", "coded", "latch")))
                .hasMessageContaining("unknown device latch");
    }

    /** A device that comes back with another program reads its state of before. */
    @Test
    void aDeviceThatReturnsNewerIsMigrated() throws Exception {
        bindAll();
        DeviceFactory before = board -> new Lamp(board, 1);
        registry.bindDevice(before, Map.of(DeviceFactory.NAME, "lamp"));
        registry.bindMigrator(MigrationsTest.step("latch", 1, 2, s -> s.put("value", 7)), Map.of());
        Machine m = factory.create(asked(8 * MIB, 1, "one", "coded", "lamp"));
        GuestBus bus = ((VcpuContext) m.vcpus().getFirst()).bus;
        bus.portOut(0x300, 1, 0x5A);
        registry.unbindDevice(before);
        registry.bindDevice(board -> new Lamp(board, 2), Map.of(DeviceFactory.NAME, "lamp"));
        assertThat(bus.portIn(0x300, 1)).isEqualTo(7);
    }

    private static Latch add(List<Latch> made, Latch latch) {
        made.add(latch);
        return latch;
    }
}
