// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.api.memory.HostBytes;
import dev.faultline.api.memory.RamBlock;
import dev.faultline.api.platform.HostMemoryException;
import dev.faultline.api.platform.HostRegion;
import dev.faultline.api.platform.SharedMemory;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.api.vm.MachineException;
import dev.faultline.platform.posix.internal.PosixHostMemoryComponent;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Machines over memory that their maker has. */
class GivenRamTest {
    private static final long BYTES = 4 << 20;
    private final PosixHostMemoryComponent host = new PosixHostMemoryComponent();

    private static MachineConfig config(String engine) {
        return new MachineConfig("given", BYTES, 1, engine, "coded", List.of());
    }

    @Test
    void twoMachinesOverOneMemoryDoNotSeeEachOther() throws Exception {
        try (SharedMemory shared = host.share(BYTES)) {
            HostBytes.put64(shared.address() + 0x1000, 42);
            List<String> asked = new ArrayList<>();
            PcMachine a =
                    PcMachine.create(
                            config("interpreter"),
                            new RealServices(),
                            (block, bytes) -> {
                                asked.add(block + " " + bytes);
                                return shared.view();
                            });
            PcMachine b =
                    PcMachine.create(
                            config("interpreter"), new RealServices(), (x, n) -> shared.view());
            try (a;
                    b) {
                assertThat(asked).containsExactly("ram 4194304");
                HostBytes.put64(a.memory().hvaOf(0x1000), 43);
                assertThat(HostBytes.get64(b.memory().hvaOf(0x1000))).isEqualTo(42);
                RamBlock mine = a.memory().blocks().getFirst();
                mine.discard(0x1000, 0x1000);
                assertThat(HostBytes.get64(a.memory().hvaOf(0x1000))).isZero();
            }
            assertThat(HostBytes.get64(shared.address() + 0x1000)).isEqualTo(42);
        }
    }

    @Test
    void memoryOfTheWrongSizeIsRefusedAndClosed() {
        HostRegion[] given = new HostRegion[1];
        assertThatThrownBy(() ->
                        PcMachine.create(
                                config("interpreter"),
                                new RealServices(),
                                (block, bytes) -> given[0] = host.reserve(2 * bytes)))
                .isInstanceOf(MachineException.class)
                .hasMessageContaining("block ram was given 0x800000 bytes: expected 0x400000");
        assertThatThrownBy(given[0]::residentBytes)
                .isInstanceOf(HostMemoryException.class)
                .hasMessageContaining("closed");
    }
}
