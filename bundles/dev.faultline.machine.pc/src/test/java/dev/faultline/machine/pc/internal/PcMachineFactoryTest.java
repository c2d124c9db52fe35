// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.api.device.DeviceFactory;
import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.api.vm.MachineException;
import dev.faultline.api.vm.VcpuExit;
import java.lang.annotation.Annotation;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(30)
class PcMachineFactoryTest {
    private static final long MIB = 1 << 20;
    private final FakeParts parts = new FakeParts();
    private final Workshop workshop = new Workshop();
    private final PcMachineFactory factory = open(config("one", "coded"));

    private PcMachineFactory open(PcMachineFactory.Config config) {
        return new PcMachineFactory(
                parts.memory(), parts.protection(), parts.mmu(), parts.chipset(), workshop, config);
    }

    private static PcMachineFactory.Config config(String engine, String style) {
        return new PcMachineFactory.Config() {
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
                return PcMachineFactory.Config.class;
            }
        };
    }

    private void bindAll() {
        workshop.bindEngine(parts.one);
        workshop.bindEngine(parts.two);
        workshop.bindStyle(parts.coded);
        workshop.bindStyle(parts.thrown);
    }

    private static MachineConfig asked(long ram, int vcpus, String engine, String style, String... devices) {
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

    @ParameterizedTest
    @ValueSource(longs = {0, 1, 3 << 20, (4 << 20) + 4096, 99L << 40, -(4L << 20), (1L << 40) + (1 << 20)})
    void memoryOutOfRangeIsRefused(long ram) {
        bindAll();
        assertThatThrownBy(() -> factory.create(asked(ram, 1, "one", "coded")))
                .isInstanceOf(MachineException.class)
                .hasMessageContainingAll(Long.toString(ram), "4 MiB to 1 TiB");
    }

    @Test
    void whatIsUnknownIsSaidTogetherWithWhatThereIs() {
        assertThatThrownBy(() -> create("one", "coded")).hasMessage("unknown engine one; none is installed");
        bindAll();
        assertThatThrownBy(() -> create("fast", "coded")).hasMessage("unknown engine fast; there is one, two");
        assertThatThrownBy(() -> create("one", "odd")).hasMessage("unknown fault style odd; there is coded, thrown");
        DeviceFactory disk =
                board -> {
                    throw new AssertionError("not asked for");
                };
        workshop.bindDevice(disk, Map.of(DeviceFactory.NAME, "disk"));
        assertThatThrownBy(() -> factory.create(asked(8 * MIB, 1, "one", "coded", "tape")))
                .hasMessage("unknown device tape; there is disk");
        assertThatThrownBy(() -> factory.create(asked(8 * MIB, 17, "one", "coded"))).hasMessageContaining("17 vCPUs");
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
        factory.modified(config("two", "thrown"));
        assertThat(m.engine()).isEqualTo("two");
        assertThat(m.faultStyle()).isEqualTo("thrown");
        assertThat(m.statistics().swaps()).isEqualTo(2);
        assertThat(m.running()).isTrue();
        factory.modified(config("none", "thrown")); // logged; the machine stays as it is
        assertThat(m.engine()).isEqualTo("two");
    }

    @Test
    void machinesOutliveTheServicesTheyAreBuiltOn() throws Exception {
        bindAll();
        Machine m = create(null, null);
        m.start();
        factory.deactivate();
        VcpuExit exit = m.await(Duration.ofSeconds(10));
        assertThat(exit.toString()).contains("required service").contains("gone");
        open(config("one", "coded"));
        assertThat(m.running()).isTrue();
        workshop.unbindEngine(parts.one);
        assertThat(m.running()).isFalse();
        workshop.bindEngine(parts.one);
        assertThat(m.running()).isTrue();
    }
}
