// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.device.Board;
import dev.faultline.api.device.ChipsetFactory;
import dev.faultline.api.device.Device;
import dev.faultline.api.device.DeviceFactory;
import dev.faultline.api.device.PortDevice;
import dev.faultline.api.engine.VcpuEngineFactory;
import dev.faultline.api.mmu.MmuFactory;
import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.testkit.HangGuard;
import dev.faultline.testkit.cpu.FakeEngines;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/**
 * Services that go while a machine is made of them, when it is in nobody's list yet: it stands for
 * them as it would if they had gone a moment later, and goes on when they are back.
 */
class GoneWhileMadeTest {
    private static final Map<String, ?> BELL = Map.of(DeviceFactory.NAME, "bell");

    private final FakeServices services = new FakeServices();
    private final MachineRegistry registry = new MachineRegistry();

    /** The machine's last device is made when everything else is. */
    private volatile Runnable lastStep = () -> {};

    private final MmuFactory mmu = services.mmu();
    private final ChipsetFactory chips = services.chipset();
    private final VcpuEngineFactory engine = engine();
    private final DeviceFactory bell = bell();
    private final OpenFactory opened =
            new OpenFactory(
                    registry,
                    services.memory(),
                    services.protection(),
                    mmu,
                    chips,
                    PcMachineFactoryTest.config("one", "coded"));
    private final PcMachineFactory factory = opened.factory;

    GoneWhileMadeTest() {
        registry.bindEngine(engine, Map.of());
        registry.bindStyle(services.coded, Map.of());
        registry.bindDevice(bell, BELL);
        registry.bindDevice(
                board -> {
                    lastStep.run();
                    return silent();
                },
                Map.of(DeviceFactory.NAME, "last"));
    }

    @AfterEach
    void close() {
        factory.machines().forEach(Machine::close);
    }

    private VcpuEngineFactory engine() {
        return new FakeEngines("one", services.one.cpuid(), services.one::create);
    }

    /** Another one each time. */
    private static DeviceFactory bell() {
        return new DeviceFactory() {
            @Override
            public Device create(Board board) {
                return silent();
            }
        };
    }

    private static PortDevice silent() {
        return new PortDevice() {
            @Override
            public String id() {
                return "silent";
            }

            @Override
            public int portRead(int range, int offset, int size) {
                return 0;
            }

            @Override
            public void portWrite(int range, int offset, int size, int value) {}
        };
    }

    private Machine made(Runnable meanwhile) throws Exception {
        lastStep = meanwhile;
        Machine m =
                factory.create(
                        new MachineConfig(
                                "vm", 8 << 20, 1, "one", "coded", List.of("bell", "last")));
        m.start();
        return m;
    }

    private void stands(Machine m, String missing) throws Exception {
        assertThat(m.running()).isFalse();
        assertThat(m.await(HangGuard.limit()).toString()).contains(missing + " is gone");
    }

    private void runs(Machine m) throws Exception {
        assertThat(m.running()).isTrue();
        CountDownLatch executed = new CountDownLatch(1);
        services.then(FakeServices.retire(executed::countDown));
        HangGuard.await(executed, "the guest goes on");
    }

    @Test
    void theEngine() throws Exception {
        Machine m = made(() -> registry.unbindEngine(engine));
        stands(m, "engine one");
        registry.bindEngine(engine, Map.of());
        runs(m);
    }

    @Test
    void theEngineWhoseSuccessorIsThereAlready() throws Exception {
        VcpuEngineFactory next = engine();
        Machine m =
                made(() -> {
                    registry.bindEngine(next, Map.of());
                    registry.unbindEngine(engine);
                });
        runs(m);
    }

    @Test
    void theFaultStyle() throws Exception {
        Machine m = made(() -> registry.unbindStyle(services.coded));
        stands(m, "fault style coded");
        registry.bindStyle(services.coded, Map.of());
        runs(m);
    }

    @Test
    void theTranslation() throws Exception {
        Machine m = made(() -> registry.unbindMmu(mmu));
        stands(m, "translation");
        MmuFactory next = services.mmu();
        registry.bindMmu(next, Map.of());
        opened.bind(next);
        runs(m);
    }

    @Test
    void theChips() throws Exception {
        Machine m = made(() -> registry.unbindChipset(chips));
        stands(m, "chips");
        registry.bindChipset(chips, Map.of());
        runs(m);
    }

    @Test
    void aDevice() throws Exception {
        Machine m = made(() -> registry.unbindDevice(bell));
        stands(m, "device bell");
        registry.bindDevice(bell, BELL);
        runs(m);
    }

    @Test
    void aDeviceWhoseSuccessorIsThereAlready() throws Exception {
        Machine m =
                made(() -> {
                    registry.bindDevice(bell(), BELL);
                    registry.unbindDevice(bell);
                });
        runs(m);
    }
}
