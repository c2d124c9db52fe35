// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.api.cpu.GuestBus;
import dev.faultline.api.device.Board;
import dev.faultline.api.device.DeviceFactory;
import dev.faultline.api.device.PortDevice;
import dev.faultline.api.engine.CpuidPolicy;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.engine.VcpuEngine;
import dev.faultline.api.engine.VcpuEngineFactory;
import dev.faultline.api.fault.FaultHandler;
import dev.faultline.api.fault.FaultOrigin;
import dev.faultline.api.fault.PageFault;
import dev.faultline.api.fault.PendingFault;
import dev.faultline.api.fault.Resolution;
import dev.faultline.api.memory.GuestMemoryFactory;
import dev.faultline.api.mmu.Mmu;
import dev.faultline.api.mmu.MmuFactory;
import dev.faultline.api.protection.RamProtectionFactory;
import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.api.vm.MachineException;
import dev.faultline.api.vm.MachineListener;
import dev.faultline.machine.pc.internal.fault.FaultDispatcher;
import dev.faultline.machine.pc.internal.fault.HandlerRegistry;
import dev.faultline.testkit.cpu.FakeEngines;
import dev.faultline.testkit.cpu.FlatMmu;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.osgi.framework.Constants;

/** Which of several services is used, as their rankings and properties change. */
class RankingTest {
    private final FakeServices services = new FakeServices();
    private final MachineRegistry registry = new MachineRegistry();
    private final List<String> log = new ArrayList<>();
    private final GuestMemoryFactory memory = services.memory();
    private final RamProtectionFactory protection = services.protection();
    private final MmuFactory mmu = services.mmu();
    private final OpenFactory opened =
            new OpenFactory(
                    registry,
                    memory,
                    protection,
                    mmu,
                    services.chipset(),
                    PcMachineFactoryTest.config("one", "coded"));
    private final PcMachineFactory factory = opened.factory;

    RankingTest() {
        registry.bindEngine(services.one, ranked(0, 1));
        registry.bindStyle(services.coded, ranked(0, 2));
    }

    private static Map<String, Object> ranked(int ranking, long id) {
        return Map.of(Constants.SERVICE_RANKING, ranking, Constants.SERVICE_ID, id);
    }

    private static Map<String, Object> device(String name, int ranking, long id) {
        return Map.of(
                DeviceFactory.NAME,
                name,
                Constants.SERVICE_RANKING,
                ranking,
                Constants.SERVICE_ID,
                id);
    }

    private Machine create(String... devices) throws MachineException {
        return factory.create(new MachineConfig("vm", 8 << 20, 1, null, null, List.of(devices)));
    }

    @AfterEach
    void close() {
        factory.machines().forEach(Machine::close);
    }

    /** One port that tells who it is. */
    private record Port(int mark) implements DeviceFactory {
        @Override
        public PortDevice create(Board board) {
            PortDevice d =
                    new PortDevice() {
                        @Override
                        public String id() {
                            return "port";
                        }

                        @Override
                        public int portRead(int range, int offset, int size) {
                            return mark;
                        }

                        @Override
                        public void portWrite(int range, int offset, int size, int value) {}
                    };
            board.claimPorts(d, 0, 0x300, 1);
            return d;
        }
    }

    private static int ask(Machine m) {
        GuestBus bus = ((VcpuContext) m.vcpus().getFirst()).bus;
        return bus.portIn(0x300, 1);
    }

    @Test
    void theHighestDeviceOfANameIsMadeAndTheNextTakesOver() throws Exception {
        Port high = new Port(1);
        Port low = new Port(2);
        registry.bindDevice(high, device("twin", 100, 10));
        registry.bindDevice(low, device("twin", 0, 11));
        Machine m = create("twin");
        assertThat(ask(m)).isEqualTo(1);

        Port later = new Port(3);
        registry.bindDevice(later, device("twin", 50, 12));
        registry.unbindDevice(later);
        assertThat(factory.devices()).containsExactly("twin");
        assertThat(ask(m)).isEqualTo(1);

        m.start();
        registry.unbindDevice(high);
        assertThat(m.running()).isTrue();
        assertThat(ask(m)).isEqualTo(2);

        registry.unbindDevice(low);
        assertThat(m.running()).isFalse();
        assertThat(factory.devices()).isEmpty();
    }

    @Test
    void aDevicesPropertiesMayChange() throws Exception {
        Port a = new Port(1);
        Port b = new Port(2);
        registry.bindDevice(a, device("twin", 5, 10));
        registry.bindDevice(b, device("twin", 0, 11));
        registry.updatedDevice(b, device("twin", 9, 11));
        Machine m = create("twin");
        assertThat(ask(m)).isEqualTo(2);
        m.start();

        registry.updatedDevice(b, device("other", 9, 11)); // its former name goes on with the next

        assertThat(factory.devices()).containsExactly("other", "twin");
        assertThat(m.running()).isTrue();
        assertThat(ask(m)).isEqualTo(1);
        registry.updatedDevice(a, device("third", 5, 10));
        assertThat(m.running()).isFalse();
        registry.updatedDevice(b, device("twin", 9, 11));
        assertThat(m.running()).isTrue();
        assertThat(ask(m)).isEqualTo(2);
    }

    @Test
    void aDeviceWithoutAProperNameIsLeftOut() {
        for (Object bad :
                new Object[] {"", "a b", "a,b", "a?", "a=b", 7, new String[] {"a", "b"}}) {
            Port p = new Port(1);
            registry.bindDevice(p, Map.of(DeviceFactory.NAME, bad));
            assertThat(factory.devices()).isEmpty();
            registry.unbindDevice(p);
        }
        registry.bindDevice(new Port(1), Map.of());
        assertThat(factory.devices()).isEmpty();
    }

    private VcpuEngineFactory engine(String mark) {
        return new FakeEngines(
                "one",
                services.one.cpuid(),
                v -> {
                    log.add(mark);
                    return services.one.create(v);
                });
    }

    @Test
    void theHighestEngineOfANameIsUsedAndTheNextTakesOver() throws Exception {
        VcpuEngineFactory a = engine("a");
        VcpuEngineFactory b = engine("b");
        registry.bindEngine(b, ranked(7, 20));
        registry.bindEngine(a, ranked(9, 21));
        Machine m = create();
        assertThat(log).containsExactly("a");
        m.start();
        registry.unbindEngine(a);
        assertThat(m.running()).isTrue();
        assertThat(log).containsExactly("a", "b");

        registry.bindEngine(a, ranked(1, 21));
        registry.updatedEngine(a, ranked(8, 21));
        create();
        assertThat(log).containsExactly("a", "b", "a");
    }

    @Test
    void anEngineWithoutANameHarmsNobody() throws Exception {
        registry.bindEngine(
                new VcpuEngineFactory() {
                    @Override
                    public String name() {
                        throw new AssertionError("no name");
                    }

                    @Override
                    public VcpuEngine create(VcpuContext v) {
                        throw new AssertionError("not asked for");
                    }

                    @Override
                    public CpuidPolicy cpuid() {
                        return services.one.cpuid();
                    }
                },
                ranked(1000, 3));
        assertThat(create().engine()).isEqualTo("one");
        assertThat(factory.engines()).containsExactly("one");
    }

    private PageFault fault(long gpa) {
        PendingFault p = new PendingFault();
        p.protectedPage(
                PendingFault.ACCESS_R, 0, FaultOrigin.DATA, gpa, 0, 0, PendingFault.FINAL_ACCESS);
        return new PageFault().set(0, p);
    }

    private Map<String, Object> range(Object start, Object size, int ranking) {
        return Map.of(
                FaultHandler.GPA_START,
                start,
                FaultHandler.GPA_SIZE,
                size,
                Constants.SERVICE_RANKING,
                ranking);
    }

    @Test
    void aHandlersPropertiesMayChange() throws Exception {
        Machine m = create();
        FaultDispatcher dispatcher = ((PcMachine) m).faults();
        FaultHandler a =
                (name, f) -> {
                    log.add("a");
                    return Resolution.PASS;
                };
        FaultHandler b =
                (name, f) -> {
                    log.add("b");
                    return Resolution.PASS;
                };
        registry.bindHandler(a, range(0x7000L, 0x1000L, 0));
        registry.bindHandler(b, range(0x5000L, 0x1000L, 0));
        HandlerRegistry board = registry.handlers();
        board.ask(dispatcher, fault(0x5000), dispatcher.slot(0));
        assertThat(log).containsExactly("b");
        log.clear();

        registry.updatedHandler(a, range(0x5000L, "0x2000", 3)); // another range and rank
        board.ask(dispatcher, fault(0x5000), dispatcher.slot(0));
        assertThat(log).containsExactly("a", "b");
        log.clear();

        registry.updatedHandler(a, range("everywhere", 1L, 3)); // named; what held stays
        board.ask(dispatcher, fault(0x5000), dispatcher.slot(0));
        assertThat(log).containsExactly("a", "b");
        log.clear();

        registry.updatedHandler(a, range(0x5000L, 0x1000L, -3));
        board.ask(dispatcher, fault(0x5000), dispatcher.slot(0));
        assertThat(log).containsExactly("b", "a");
    }

    @Test
    void listenersAreToldByRanking() throws Exception {
        record Named(String name, List<String> log) implements MachineListener {
            @Override
            public void machineCreated(Machine m) {
                log.add(name);
            }
        }
        Named a = new Named("a", log);
        Named b = new Named("b", log);
        registry.bindListener(a, ranked(0, 30));
        registry.bindListener(b, ranked(5, 31));
        create();
        assertThat(log).containsExactly("b", "a");
        registry.updatedListener(a, ranked(6, 30));
        create();
        assertThat(log).containsExactly("b", "a", "a", "b");
        registry.updatedListener(a, ranked(Integer.MIN_VALUE, 30));
        log.clear();
        create();
        assertThat(log).containsExactly("b", "a");
        registry.updatedListener(b, ranked(Integer.MIN_VALUE, 31));
        log.clear();
        create();
        assertThat(log).containsExactly("a", "b"); // the older of equals
    }

    @Test
    void theLowestRankingOfAllIsTheLast() throws Exception {
        registry.bindDevice(new Port(1), device("twin", Integer.MIN_VALUE, 10));
        registry.bindDevice(new Port(2), device("twin", Integer.MIN_VALUE, 11));
        assertThat(ask(create("twin"))).isEqualTo(1);
        Port usual = new Port(3);
        registry.bindDevice(usual, device("twin", 0, 12));
        assertThat(ask(create("twin"))).isEqualTo(3);
        registry.bindDevice(new Port(4), device("twin", Integer.MAX_VALUE, 13));
        assertThat(ask(create("twin"))).isEqualTo(4);
    }

    @Test
    void aBetterTranslationServesNewMachinesAndTheNextTakesOver() throws Exception {
        Machine old = create();
        old.start();
        Mmu better = new FlatMmu(null, null);
        MmuFactory high = (m, p) -> better;

        // As the component runtime does: the whiteboard and the factory in any order.
        registry.bindMmu(high, ranked(100, 40));
        opened.bind(high);
        opened.settings.unbindMmu(mmu);

        assertThat(create().mmu()).isSameAs(better);
        assertThat(old.mmu()).isNotSameAs(better);
        assertThat(old.running()).isTrue();

        // The one that the first machine uses goes: it goes on with the best that is left.
        registry.unbindMmu(mmu);
        assertThat(old.running()).isTrue();
        assertThat(old.mmu()).isSameAs(better);

        // The other order: told first that the best is gone, then what takes its place.
        registry.bindMmu(mmu, ranked(0, 41));
        registry.unbindMmu(high);
        assertThat(old.running()).isFalse();
        opened.bind(mmu);
        opened.settings.unbindMmu(high);
        assertThat(old.running()).isTrue();
        assertThat(old.mmu()).isNotSameAs(better);
    }

    @Test
    void aPartThatNobodyOffersStopsTheMachinesUntilThereIsOne() throws Exception {
        Machine m = create();
        m.start();
        registry.unbindMmu(mmu);
        opened.settings.unbindMmu(mmu);
        factory.mmu = null;
        assertThat(m.running()).isFalse();
        assertThatThrownBy(this::create)
                .isInstanceOf(MachineException.class)
                .hasMessageContaining("translation, which machines are built on, have just gone");

        opened.bind(mmu);
        assertThat(m.running()).isFalse(); // the whiteboard has not heard of it yet
        registry.bindMmu(mmu, Map.of());
        assertThat(m.running()).isTrue();
    }
}
