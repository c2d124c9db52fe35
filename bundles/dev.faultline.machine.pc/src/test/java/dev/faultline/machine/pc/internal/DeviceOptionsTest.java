// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.api.device.Board;
import dev.faultline.api.device.DeviceFactory;
import dev.faultline.api.device.DeviceOptions;
import dev.faultline.api.device.PortDevice;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.api.vm.MachineException;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What a device is told about itself and its machine. */
class DeviceOptionsTest {
    private final FakeServices services = new FakeServices();
    private final MachineRegistry registry = new MachineRegistry();
    private final PcMachineFactory factory =
            new OpenFactory(registry, services, PcMachineFactoryTest.config("one", "coded"))
                    .factory;
    private Probe made;

    /** A port whose place is an option. */
    private static final class Probe implements PortDevice {
        final Machine machine;
        final String machineName;
        boolean closed;

        Probe(Board board) {
            machine = board.machine();
            machineName = machine.config().name() + " " + machine.memory().slots().size();
            DeviceOptions o = board.options();
            o.text("title", "none");
            o.flag("loud", false);
            board.claimPorts(this, 0, (int) o.number("port", 0x300, 0, 0xFFFF), 1);
        }

        @Override
        public String id() {
            return "probe";
        }

        @Override
        public int portRead(int range, int offset, int size) {
            return 7;
        }

        @Override
        public void portWrite(int range, int offset, int size, int value) {}

        @Override
        public void close() {
            closed = true;
        }
    }

    DeviceOptionsTest() {
        registry.bindEngine(services.one, Map.of());
        registry.bindStyle(services.coded, Map.of());
        registry.bindDevice(board -> made = new Probe(board), Map.of(DeviceFactory.NAME, "probe"));
    }

    private Machine create(String device) throws MachineException {
        return factory.create(new MachineConfig("vm", 8 << 20, 1, null, null, List.of(device)));
    }

    @AfterEach
    void close() {
        factory.machines().forEach(Machine::close);
    }

    @Test
    void aDeviceGetsItsOptionsAndItsMachine() throws Exception {
        Machine m = create("probe,port=0x320,title=a=b,loud=on");

        assertThat(((VcpuContext) m.vcpus().getFirst()).bus.portIn(0x320, 1)).isEqualTo(7);
        assertThat(made.machine).isSameAs(m);
        assertThat(made.machineName).startsWith("vm ");
        assertThat(m.config().devices()).containsExactly("probe,port=0x320,title=a=b,loud=on");
    }

    @Test
    void whatIsAskedForStaysInTheConfiguration() throws Exception {
        assertThat(create("probe?,port=0x321").config().devices())
                .containsExactly("probe?,port=0x321");
        assertThat(create("absent?,a=b").config().devices()).containsExactly("absent?,a=b");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "probe,port=0x10000 | port=0x10000: expected a number from 0 to 65535",
                "probe,port=here | port=here: expected a number from 0 to 65535",
                "probe,loud=yes | loud=yes: expected on or off",
                "probe,colour=red | device probe has no option colour; there is loud, port, title",
                "probe,port | option 'port' is not KEY=VALUE",
                "probe, | option '' is not KEY=VALUE",
                "probe,=1 | option '=1' is not KEY=VALUE",
                "probe,port=1,port=2 | option port is given twice",
                "',port=1' | it has no name",
            })
    void whatIsWrongIsNamed(String device, String message) throws Exception {
        assertThatThrownBy(() -> create(device))
                .isInstanceOf(MachineException.class)
                .hasMessageContaining(message);
        assertThat(factory.machines()).isEmpty();
        assertThat(made == null || made.closed).isTrue();
        // Nothing of it is left: the next one finds its port free.
        assertThat(((VcpuContext) create("probe").vcpus().getFirst()).bus.portIn(0x300, 1))
                .isEqualTo(7);
    }
}
