// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.memory.HostBytes;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.api.vm.VcpuExit;
import dev.faultline.testkit.HangGuard;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The instructions that load the PDPTE registers, by the real engine on the real translation. */
class PaePagingTest {
    private static final int CODE = 0x8000;

    /**
     * <pre>
     * mov eax, 0x20       / mov cr4, eax     ; PAE
     * mov eax, 0xa000     / mov cr3, eax
     * mov eax, 0x80000011 / mov cr0, eax     ; paging
     * mov bl, [0x5000]
     * mov eax, 0xa020     / mov cr3, eax     ; another table
     * mov bh, [0x5000]
     * mov byte [0xa021], 0xb0                ; the directory of the first one, not loaded yet
     * mov cl, [0x5000]
     * mov eax, 0xa0       / mov cr4, eax     ; PGE
     * mov ch, [0x5000]
     * hlt
     * </pre>
     */
    private static final String WAYS =
            "66b820000000 0f22e0 66b800a00000 0f22d8 66b811000080 0f22c0 8a1e0050"
                    + " 66b820a00000 0f22d8 8a3e0050 c60621a0b0 8a0e0050"
                    + " 66b8a0000000 0f22e0 8a2e0050 f4";

    @ParameterizedTest
    @ValueSource(strings = {"coded", "thrown"})
    void everyWayOfLoadingThem(String style) throws Exception {
        try (PcMachine machine =
                PcMachine.create(
                        new MachineConfig("test", 4 << 20, 1, "interpreter", style, List.of()),
                        new RealServices())) {
            put64(machine, 0xA000, 0xB001);
            put64(machine, 0xA020, 0xD001);
            put64(machine, 0xB000, 0xC003);
            put64(machine, 0xD000, 0xE003);
            for (long page = 0; page < 512; page++) {
                put64(machine, 0xC000 + 8 * page, page == 5 ? 0x6003 : page << 12 | 3);
                put64(machine, 0xE000 + 8 * page, page == 5 ? 0x7003 : page << 12 | 3);
            }
            put64(machine, 0x5000, 0x41);
            put64(machine, 0x6000, 0x42);
            put64(machine, 0x7000, 0x43);
            byte[] code = HexFormat.of().parseHex(WAYS.replace(" ", ""));
            HostBytes.copyIn(code, 0, machine.memory().hvaOf(CODE), code.length);
            VcpuContext v = (VcpuContext) machine.vcpus().getFirst();
            v.segSel[1] = 0;
            v.segBase[1] = 0;
            v.rip = CODE;
            v.recompute();

            machine.start();

            assertThat(machine.await(HangGuard.limit())).isInstanceOf(VcpuExit.PoweredOff.class);
            assertThat(v.gpr[3] & 0xFFFF).as("MOV CR0, MOV CR3").isEqualTo(0x4342);
            assertThat(v.gpr[1] & 0xFFFF).as("before, after MOV CR4").isEqualTo(0x4243);
        }
    }

    private static void put64(PcMachine machine, long gpa, long value) {
        for (int i = 0; i < 8; i++) {
            HostBytes.put8(machine.memory().hvaOf(gpa + i), (byte) (value >>> 8 * i));
        }
    }
}
